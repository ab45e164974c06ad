"""The layers of a preview, written in place while a slider moves, and lines drawn over them.

When a layer gets new data, napari computes the extents of all layers, the sliders of the viewer and
a thumbnail, which takes longer than drawing the image. Data of the same size are therefore
written in place; thumbnails follow when the slider rests.
"""

from collections.abc import Sequence
from typing import Any
from weakref import WeakSet

import numpy as np
from napari.layers import Image, Layer
from napari.viewer import Viewer

from napari_unet.widgets.layers.result_layers import ResultLayers, Wanted, same_place

BUNCH = 512  # a layer of lines has a multiple of this; the last lines have length 0


class PreviewLayerStore:
    """The preview layers of a viewer; those of an image are called after it. GUI thread only."""

    def __init__(self, results: ResultLayers) -> None:
        self._results = results
        self._stale: WeakSet[Layer] = WeakSet()  # layers whose thumbnail is out of date

    def find(self, image: Image, kind: str) -> Layer | None:
        """Return the layer of this ``kind``, if there is one."""
        return self._results.find(image, kind)

    def show(
        self,
        kind_of: type[Wanted],
        image: Image,
        kind: str,
        data: np.ndarray,
        geometry: dict[str, Any],
        **display: Any,
    ) -> Wanted:
        """Show a copy of ``data`` as a layer of this type; ``display`` is for one that is new."""
        layer = self.find(image, kind)
        if isinstance(layer, kind_of) and self._write(layer, data, geometry):
            return layer
        return self._results.show(kind_of, image, kind, np.array(data), geometry, **display)

    def catch_up(self) -> None:
        """Draw the thumbnails that are out of date."""
        for layer in self._stale:
            layer.refresh(data_displayed=False, highlight=False)
        self._stale.clear()

    def _write(self, layer: Layer, data: np.ndarray, geometry: dict[str, Any]) -> bool:
        """Write ``data`` into ``layer``; return False if they do not fit."""
        if not same_place(layer, geometry):
            return False
        if (layer.data.shape, layer.data.dtype) != (data.shape, data.dtype):
            return False
        layer.data[...] = data
        layer.refresh(extent=False, thumbnail=False, highlight=False)
        self._stale.add(layer)
        return True


def filled_up(lines: np.ndarray) -> np.ndarray:
    """Return ``lines`` (n, 2, axes), padded with lines of length 0 to a multiple of BUNCH."""
    rest = np.zeros((-len(lines) % BUNCH, *lines.shape[1:]))
    if len(lines):
        rest[:, 0] = lines[0, 0]  # inside the extent of the layer
    return np.concatenate([lines, rest])


WIDTH = 1.5  # px of the screen


def segments(lines: Sequence[np.ndarray], axes: int) -> np.ndarray:
    """Return (n, 2, axes), start and direction of each piece of lines (points, axes)."""
    parts = [np.stack([line[:-1], np.diff(line, axis=0)], axis=1) for line in lines]
    return np.concatenate([np.zeros((0, 2, axes)), *parts])


def rectangle(size: tuple[int, ...], inner: int) -> np.ndarray:
    """Return the frame around the pixels that lie ``inner`` pixels inside, closed."""
    low = inner - 0.5
    bottom, right = size[0] - low - 1, size[1] - low - 1
    return np.array([(low, low), (low, right), (bottom, right), (bottom, low), (low, low)])


def within(line: np.ndarray, size: tuple[int, ...]) -> list[np.ndarray]:
    """Cut a line (points, 2) at the edges of an image; return the pieces inside."""
    near = (line >= -0.5) & (line <= np.array(size) - 0.5)
    seen: np.ndarray = np.all(near, axis=1)
    cuts = np.flatnonzero(np.diff(seen)) + 1
    points = seen[np.concatenate([[0], cuts])]
    return [part for part, keep in zip(np.split(line, cuts), points, strict=True) if keep]


def line_width(viewer: Viewer, layer: Layer) -> float:
    """Return WIDTH in pixels of ``layer``."""
    return float(WIDTH / viewer.scene.camera.zoom / abs(layer.scale[-1]))
