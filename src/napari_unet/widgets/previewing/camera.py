"""Camera: moved only when what should be seen is not."""

from typing import Any

import numpy as np
from napari.layers import Layer

MARGIN = 0.94  # of the canvas, that what is looked at fills


def look_at_layers(viewer: Any, layers: list[Layer], whole: bool) -> None:
    """Bring ``layers`` into view: all of them, or with ``whole`` False the middle of them."""
    if viewer.dims.ndisplay != 2 or not layers:
        return
    low, high = _extent(viewer, layers)
    centre = np.array(viewer.scene.camera.center[-2:])
    reach = np.array(viewer.canvas.size) / viewer.scene.camera.zoom / 2
    if whole:
        seen = bool((low >= centre - reach).all() and (high <= centre + reach).all())
    else:
        seen = bool((centre >= low).all() and (centre <= high).all())
    if not seen:
        fill_canvas(viewer, layers)


def fill_canvas(viewer: Any, layers: list[Layer]) -> None:
    """Bring ``layers`` into view, as large as the canvas allows."""
    if viewer.dims.ndisplay != 2 or not layers:
        return
    low, high = _extent(viewer, layers)
    viewer.scene.camera.center = (0.0, *((low + high) / 2))
    room = np.array(viewer.canvas.size) / np.maximum(high - low, 1e-9)
    viewer.scene.camera.zoom = float(MARGIN * room.min())


def turn_to(viewer: Any, layer: Layer) -> None:
    """Move the sliders to the middle of ``layer`` along the axes on which it is not met."""
    first = viewer.dims.ndim - layer.ndim
    low, high = layer.extent.world
    for axis in set(viewer.dims.not_displayed) - set(range(first)):
        place = axis - first
        if not low[place] <= viewer.dims.point[axis] <= high[place]:
            viewer.dims.set_point(axis, (low[place] + high[place]) / 2)


def _extent(viewer: Any, layers: list[Layer]) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners, in world coordinates, of the displayed plane of all ``layers``."""
    boxes = []
    for layer in layers:
        shown = [axis - (viewer.dims.ndim - layer.ndim) for axis in viewer.dims.displayed]
        boxes.append(layer.extent.world[:, shown])
    return np.min([box[0] for box in boxes], axis=0), np.max([box[1] for box in boxes], axis=0)
