"""The layer that shows errors: one for each result, used again, never in the way of the brush.

Outlines: truth and result drawn as lines, so that an error is seen on the image.
"""

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_unet.widgets.evaluate.measure_names import ERRORS
from napari_unet.widgets.layers.layers import NOTES, like, look_at
from napari_unet.widgets.shared.session import Session

KIND = "errors"
MARK = {NOTES: {"preview": True, KIND: True}}  # so that no dock takes it for labels
SHARE = 0.25  # of the canvas that an error takes at least when it is looked at
CLOSEST = 12.0  # px of the screen a pixel; nearer shows nothing more


def is_errors(layer: Any) -> bool:
    """Whether ``layer`` shows errors."""
    return bool(layer.metadata.get(NOTES, {}).get(KIND))


def show_errors(session: Session, result: Labels, labels: np.ndarray) -> Labels:
    """Show ``labels`` (places of kinds, from 1) over ``result``; what was selected stays so."""
    layers = session.viewer.layers
    selected, active = set(layers.selection), layers.selection.active
    new = session.results.find(result, KIND) is None
    layer = session.results.labels(
        result, KIND, labels.copy(), like(result), opacity=0.75, metadata=MARK
    )
    if new:
        names = ["no error", *(words.name for words in ERRORS)]
        layer.features = {"index": list(range(len(names))), "name": names}
        layers.selection = {one for one in selected if one in layers}
        layers.selection.active = active
    return layer


def show_kinds(layer: Labels, wanted: frozenset[str]) -> None:
    """Colour the kinds that are wanted; the others are not seen."""
    colors: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    for place, words in enumerate(ERRORS):
        colors[1 + place] = words.color if words.name in wanted else "transparent"
    layer.colormap = DirectLabelColormap(color_dict=colors)


def go_to(viewer: Any, layer: Labels, item: Any) -> None:
    """Bring an error to the middle, near enough to see it and far enough to see all of it."""
    look_at(viewer, layer, item.centre)
    shown = [axis - (viewer.dims.ndim - layer.ndim) for axis in viewer.dims.displayed]
    edges = [
        (item.box[axis][1] - item.box[axis][0]) * layer.scale[axis] for axis in shown if axis >= 0
    ]
    largest = max(edges, default=0.0)
    canvas = float(min(viewer.canvas.size))
    if largest <= 0 or canvas <= 0:
        return
    pixel = float(min(layer.scale[axis] for axis in shown if axis >= 0))
    zoom = viewer.scene.camera.zoom
    nearest, farthest = SHARE * canvas / largest, 0.8 * canvas / largest
    wished = max(zoom, min(nearest, CLOSEST / pixel))
    viewer.scene.camera.zoom = min(wished, max(farthest, 1e-9))


WIDTH = 2  # px


class ErrorOutlines:
    """Draws layers as outlines for a while, and gives them back as they were."""

    def __init__(self) -> None:
        self._before: weakref.WeakKeyDictionary[Labels, tuple[int, bool]] = (
            weakref.WeakKeyDictionary()
        )

    def draw(self, layers: Sequence[Labels]) -> None:
        """Draw ``layers`` as outlines, and no others any more."""
        for layer in set(self._before) - set(layers):
            self._give_back(layer)
        for layer in layers:
            if layer not in self._before:
                self._before[layer] = (layer.contour, layer.visible)
                layer.contour, layer.visible = WIDTH, True

    def _give_back(self, layer: Labels) -> None:
        contour, visible = self._before.pop(layer)
        if layer.contour == WIDTH:  # else somebody has changed it meanwhile
            layer.contour, layer.visible = contour, visible
