"""Functions on napari layers: geometry, what is shown of them, writing to them. GUI thread."""

from collections.abc import Sequence
from itertools import product
from typing import Any, TypeVar, cast

import numpy as np
from napari.layers import Layer
from napari.utils.events import Event
from napari.viewer import Viewer

from napari_unet.core.arrays.boxes import Box, Pixels

GEOMETRY = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
NOTES = "napari_unet"  # the key of a layer's metadata under which the plugin keeps what it knows


Wrapped = TypeVar("Wrapped")


def unwrapped(thing: Wrapped) -> Wrapped:
    """Return the viewer or layer behind the proxy that napari gives plugins.

    napari makes a new proxy each time, so ``is`` and dictionary keys do not work with it. Docks
    (``Dock``) and commands unwrap the viewer they are given; its layers then come as they are.
    """
    return cast(Wrapped, getattr(thing, "__wrapped__", thing))


def like(layer: Layer) -> dict[str, Any]:
    """Return the geometry of ``layer`` as arguments of a new layer with the same axes.

    Without all of it the layer would lie elsewhere, or napari would warn of different units.
    """
    return {name: getattr(layer, name) for name in GEOMETRY}


def notes(layer: Layer) -> dict[str, Any]:
    """Return the plugin's part of the metadata of ``layer``; it may be changed."""
    stored: dict[str, Any] = layer.metadata.setdefault(NOTES, {})
    return stored


def is_preview(layer: Layer) -> bool:
    """Whether ``layer`` is a preview, which is not annotated or segmented."""
    return bool(layer.metadata.get(NOTES, {}).get("preview"))


def full_shape(layer: Layer) -> tuple[int, ...]:
    """Return the shape of the data, of the largest level of a pyramid; colours left out."""
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    return tuple(int(edge) for edge in data.shape[: layer.ndim])


def displayed_slice(viewer: Viewer, layer: Layer) -> Box:
    """Return the plane of ``layer`` on the screen; an axis that is not shown is slice(i, i + 1).

    Right for layers of fewer axes than the viewer, moved, scaled, transposed or multiscale.
    """
    position = layer.world_to_data(np.asarray(viewer.dims.point)[-layer.ndim :])
    shown = _shown_axes(viewer, layer)
    return tuple(
        slice(0, edge) if axis in shown else _one(position[axis], edge)
        for axis, edge in enumerate(full_shape(layer))
    )


def visible_region(viewer: Viewer, layer: Layer) -> Box:
    """Return the part of the displayed plane of ``layer`` that the canvas shows, in 3-D all of it.

    For a pyramid this is computed from the camera, because its ``corner_pixels`` come late.
    """
    plane = displayed_slice(viewer, layer)
    if viewer.dims.ndisplay == 3:
        return plane
    world = np.array(viewer.dims.point, float)
    shown = list(viewer.dims.displayed)
    reach = np.array(viewer.canvas.size) / viewer.scene.camera.zoom / 2
    corners = []
    for signs in product((-1, 1), repeat=2):
        world[shown] = viewer.scene.camera.center[-2:] + reach * signs
        corners.append(layer.world_to_data(world[-layer.ndim :]))
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    axes = _shown_axes(viewer, layer)
    return tuple(
        _between(low[axis], high[axis], whole.stop) if axis in axes else whole
        for axis, whole in enumerate(plane)
    )


def view_centre(viewer: Viewer, layer: Layer) -> tuple[float, ...]:
    """Return the middle of the canvas in data coordinates of ``layer``."""
    world = np.array(viewer.dims.point, float)
    shown = list(viewer.dims.displayed)
    world[shown] = viewer.scene.camera.center[-len(shown) :]
    return tuple(float(value) for value in layer.world_to_data(world[-layer.ndim :]))


def look_at(viewer: Viewer, layer: Layer, point: Sequence[float] | np.ndarray) -> None:
    """Move sliders and camera so that the data point ``point`` of ``layer`` is in the middle."""
    world = layer.data_to_world(point)
    for axis in range(layer.ndim):
        viewer.dims.set_point(viewer.dims.ndim - layer.ndim + axis, world[axis])
    shown = [axis - (viewer.dims.ndim - layer.ndim) for axis in viewer.dims.displayed]
    centre = list(viewer.scene.camera.center)
    centre[-len(shown) :] = [world[axis] if axis >= 0 else 0.0 for axis in shown]
    viewer.scene.camera.center = tuple(centre)


def region_write(layer: Layer, region: Box, block: np.ndarray) -> None:
    """Write ``block`` without an entry in the undo history; for results."""
    layer.data[region] = block
    layer.refresh(extent=False, thumbnail=False, highlight=False)


def region_setitem(layer: Layer, region: Box, block: np.ndarray) -> None:
    """Write the pixels of ``block`` that differ, as one entry of the undo history."""
    before = np.asarray(layer.data[region])
    places = np.nonzero(before != block)
    if places[0].size:
        starts = [part.start or 0 for part in region]
        moved = tuple(place + start for place, start in zip(places, starts, strict=True))
        layer.data_setitem(moved, block[places])


def replace_data(layer: Layer, data: Pixels) -> None:
    """Give ``layer`` new data and drop its undo history, which is of the old data."""
    layer.data = data
    forget_undo(layer)


def forget_undo(layer: Layer) -> None:
    """Drop the undo history; the active tool stays active."""
    mode = layer.mode
    if layer.editable:
        layer.editable = False
        layer.editable = True
        layer.mode = mode


def paint_box(event: Event) -> Box:
    """Return the box that a ``paint`` event of a Labels layer has changed."""
    boxes = [_atom_box(atom) for atom in event.value]
    low = np.min([box[0] for box in boxes], axis=0)
    high = np.max([box[1] for box in boxes], axis=0)
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


def _atom_box(atom: Any) -> tuple[list[int], list[int]]:
    """Return the box of a part of an edit: napari gives a box and mask, or indices of pixels."""
    box = getattr(atom, "slice_key", None)
    if box is not None:
        return [part.start for part in box], [part.stop for part in box]
    return [int(np.min(i)) for i in atom[0]], [int(np.max(i)) + 1 for i in atom[0]]


def _shown_axes(viewer: Viewer, layer: Layer) -> set[int]:
    return {axis - (viewer.dims.ndim - layer.ndim) for axis in viewer.dims.displayed}


def _between(low: float, high: float, edge: int) -> slice:
    start = int(np.clip(np.floor(low), 0, edge))
    return slice(start, int(np.clip(np.ceil(high) + 1, start, edge)))


def _one(position: float, edge: int) -> slice:
    place = int(np.clip(np.rint(position), 0, edge - 1))
    return slice(place, place + 1)
