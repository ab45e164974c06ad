"""Outlines: truth and result drawn as lines, so that an error is seen on the image."""

import weakref
from collections.abc import Sequence

from napari.layers import Labels

WIDTH = 2  # px


class Outlines:
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
