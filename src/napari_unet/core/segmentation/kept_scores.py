"""Keep the scores of an image, so that its labels can be made again without the network."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_unet.core.arrays.boxes import Box, pieces
from napari_unet.core.objects.label_objects import (
    ObjectSettings,
    foreground,
    label_objects,
    label_objects_tiled,
)
from napari_unet.core.segmentation.tiling import Tile

EXACT = 2**28  # bytes up to which scores are kept as they are
HALF = 2**30  # bytes up to which they are kept in float16, with errors of up to 2**-12
LEVELS = 255  # beyond, they are kept in steps of this part, with errors of up to 0.002


def kept_type(values: int) -> np.dtype:
    """Return the type in which so many scores are kept."""
    if values * 4 <= EXACT:
        return np.dtype(np.float32)
    return np.dtype(np.float16 if values * 2 <= HALF else np.uint8)


class ScoreCache:
    """Scores (classes, *shape), written tile by tile and read in boxes, as float32.

    What was never scored is 0 in all classes, which is background to every threshold; ``scored``
    tells it apart. Memory is taken only for what is written.
    """

    def __init__(self, classes: int, shape: Sequence[int], order: Sequence[int]) -> None:
        self.shape = (classes, *shape)
        self.scored = np.zeros(tuple(shape), bool)
        self.order = tuple(order)  # which of T, Z, Y, X each axis is, among those there are
        self._data = np.zeros(self.shape, kept_type(int(np.prod(self.shape))))

    @property
    def dtype(self) -> np.dtype:
        """The type in which scores are kept, not that in which they are read."""
        return self._data.dtype

    def write(self, tile: Tile, scores: np.ndarray, inside: np.ndarray | None = None) -> None:
        """Keep the scores of ``tile``, where ``inside`` (bool, its shape) is given only there."""
        place = tile.write
        stored = scores
        if self._data.dtype == np.uint8:
            stored = np.rint(scores * LEVELS).astype(np.uint8)
        if inside is None:
            self._data[(slice(None), *place)] = stored
            self.scored[place] = True
        else:
            self._data[(slice(None), *place)][:, inside] = stored[:, inside]
            self.scored[place] |= inside

    def __getitem__(self, box: Box) -> np.ndarray:
        scores = self._data[box]
        if scores.dtype == np.uint8:
            return scores.astype(np.float32) / np.float32(LEVELS)
        return scores.astype(np.float32, copy=False)

    def canonical(self) -> "ScoreCache":
        """Return the same scores with their axes in the order T, Z, Y, X; nothing is copied."""
        axes = tuple(int(axis) for axis in np.argsort(self.order))
        if axes == tuple(range(len(axes))):
            return self
        turned = object.__new__(ScoreCache)
        turned._data = self._data.transpose(0, *(1 + axis for axis in axes))
        turned.scored = self.scored.transpose(axes)
        turned.shape, turned.order = turned._data.shape, tuple(range(len(axes)))
        return turned


@dataclass(frozen=True, eq=False)
class LabelResult:
    """Labels made of scores, and the class of each object (0: none)."""

    labels: np.ndarray  # classes, or objects; as small a type as holds them
    kinds: np.ndarray  # (1 + objects,) uint8


def relabel(
    kept: ScoreCache, settings: ObjectSettings, objects: bool, base: np.ndarray | None = None
) -> LabelResult:
    """Return the objects, or classes, in all that is scored; ``base`` shows through elsewhere.

    Areas and holes matter to classes too. Objects of ``base`` get numbers after the new ones.
    """
    labels, kinds = _objects(kept, settings) if objects else (_classes(kept, settings), _NONE)
    if base is not None and not kept.scored.all():
        shift = len(kinds) - 1 if objects else 0
        outside = np.where(base > 0, base.astype(np.int64) + shift, 0)
        labels = np.where(kept.scored, labels, outside)
        if objects:
            more = max(int(labels.max(initial=0)) + 1 - len(kinds), 0)
            kinds = np.concatenate([kinds, np.ones(more, np.uint8)])
    return LabelResult(_small(labels, objects), kinds)


def relabel_tile(
    scores: np.ndarray, settings: ObjectSettings, objects: bool, order: Sequence[int]
) -> np.ndarray:
    """Return the objects, or classes, in the scores of one tile alone; numbers start at 1."""
    if not objects:
        return foreground(scores, settings.threshold)
    turned = scores.transpose(0, *(1 + axis for axis in np.argsort(order)))
    return label_objects(turned, settings=settings).transpose(order)


_NONE = np.zeros(1, np.uint8)


def _objects(kept: ScoreCache, settings: ObjectSettings) -> tuple[np.ndarray, np.ndarray]:
    scores = kept.canonical()
    labels = np.zeros(scores.shape[1:], np.int32)
    kinds = label_objects_tiled(scores, labels, settings, work=np.zeros_like(labels))
    labels = labels.transpose(kept.order)
    return np.where(kept.scored, labels, 0), kinds


def _classes(kept: ScoreCache, settings: ObjectSettings) -> np.ndarray:
    if settings.min_area or settings.holes:
        labels, kinds = _objects(kept, settings)
        return kinds[labels]
    labels = np.zeros(kept.shape[1:], np.uint8)
    for box in pieces(labels.shape):
        labels[box] = foreground(kept[(slice(None), *box)], settings.threshold)
    return labels


def _small(labels: np.ndarray, objects: bool) -> np.ndarray:
    """Return the labels in 8 or 16 bits where they fit: a window draws them a hundred times faster.

    Objects get 16 bits at least, so that somebody can paint more of them.
    """
    largest = int(labels.max(initial=0))
    if largest > np.iinfo(np.uint16).max:
        return np.ascontiguousarray(labels, np.int32)
    return np.ascontiguousarray(labels, np.uint16 if objects or largest > 255 else np.uint8)
