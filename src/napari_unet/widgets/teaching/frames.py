"""Frames: a rectangle around the place in question, with the camera on it."""

from typing import Any

import numpy as np
from napari.layers import Image, Labels

from napari_unet.core.boxes import Box
from napari_unet.widgets.layers import NOTES, like, look_at
from napari_unet.widgets.pixels import region_to_layer
from napari_unet.widgets.session import Session
from napari_unet.widgets.teaching.previewlayer import undisturbed

KIND = "place"
MARK = {NOTES: {"preview": True}}
COLOUR = "#ffd54a"  # seen on dark and on bright images
SCREEN = 2.5  # px of the screen the lines are wide
NEAREST, FARTHEST = 0.25, 0.7  # share of the canvas that the place takes


def show(session: Session, image: Image, labels: Labels, box: Box) -> None:
    """Bring ``box`` to the middle and draw a rectangle around it."""
    region = region_to_layer(image, box)
    viewer = session.viewer
    look_at(viewer, labels, [(part.start + part.stop - 1) / 2 for part in region])
    zoom = viewer.scene.camera.zoom = _zoom(viewer, labels, region)
    width = SCREEN / (zoom * float(min(np.abs(labels.scale[-2:]))))
    with undisturbed(viewer):
        layer = session.results.vectors(
            image, KIND, _lines(region, labels.ndim), like(labels), metadata=MARK,
            edge_color=COLOUR, vector_style="line", opacity=1.0,
        )  # fmt: skip
        layer.edge_width, layer.visible = width, True
        layers = viewer.layers
        layers.move(layers.index(layer), layers.index(labels))


def hide(session: Session, image: Image) -> None:
    """Show no rectangle any more."""
    layer = session.results.find(image, KIND)
    if layer is not None:
        layer.visible = False


def _lines(region: Box, axes: int) -> np.ndarray:
    """Return the four edges of the last two axes of ``region`` as lines (4, 2, axes)."""
    low = np.array([part.start for part in region], float)
    rows, columns = ((part.start - 0.5, part.stop - 0.5) for part in region[-2:])
    corners = [(y, x) for y in rows for x in columns]
    lines = np.zeros((4, 2, axes))
    lines[:, 0] = low
    for line, (start, end) in enumerate(((0, 1), (0, 2), (3, 1), (3, 2))):
        lines[line, 0, -2:] = corners[start]
        lines[line, 1, -2:] = np.subtract(corners[end], corners[start])
    return lines


def _zoom(viewer: Any, labels: Labels, region: Box) -> float:
    """Return the zoom that leaves the camera alone where the place is seen well already."""
    edges = [
        (part.stop - part.start) * abs(float(scale))
        for part, scale in zip(region[-2:], labels.scale[-2:], strict=True)
    ]
    canvas = float(min(viewer.canvas.size))
    lowest, highest = NEAREST * canvas / max(edges), FARTHEST * canvas / max(edges)
    return min(max(float(viewer.scene.camera.zoom), lowest), highest)
