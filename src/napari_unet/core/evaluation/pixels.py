"""Measures of pixels: pixel error, and IoU and Dice of foreground or classes.

``classes`` says how labels are read: None, every label > 0 is foreground; a class or several, that
class against all else. Counts are kept by part of the image, for the bootstrap over parts.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import numpy as np

from napari_unet.core.evaluation.comparison import (
    Comparison,
    Images,
    Measure,
    Unlabelled,
    comparisons,
    share,
)

PARTS = 8  # parts of the image along each of the last two axes
ClassNumbers = int | Sequence[int] | None


def _count_wrong(comparison: Comparison, classes: ClassNumbers) -> np.ndarray:
    """Return (parts, 2): the wrong and all pixels."""
    table = _confusion(comparison, classes)
    total = table.sum((1, 2))
    return np.stack([total - np.trace(table, axis1=1, axis2=2), total], 1)


def _count_areas(comparison: Comparison, classes: ClassNumbers) -> np.ndarray:
    """Return (parts, 2 · classes): |T∩R| of each class, then |T| + |R| of each."""
    table = _confusion(comparison, classes)
    both, areas = np.diagonal(table, axis1=1, axis2=2), table.sum(1) + table.sum(2)
    return np.concatenate([both[:, 1:], areas[:, 1:]], 1)


class PixelMeasure:
    """A measure of pixels: called with images, or made for the classes asked for."""

    def __init__(
        self,
        figure: Callable[[np.ndarray], np.ndarray],
        count: Callable[[Comparison, ClassNumbers], np.ndarray] = _count_areas,
        best: Literal[0, 1] = 1,
    ) -> None:
        """Take the function that turns counts (…, n) into figures (…)."""
        self._figure, self._count, self._best = figure, count, best
        self.__name__, self.__doc__ = figure.__name__, figure.__doc__

    def __call__(
        self,
        truth: Images,
        result: Images,
        *,
        unlabelled: Unlabelled = None,
        classes: ClassNumbers = None,
        per_image: bool = False,
    ) -> float:
        """Return the figure of ``classes``."""
        return self.measure(classes).over(truth, result, unlabelled, per_image)

    def measure(self, classes: ClassNumbers = None) -> Measure:
        """Return the measure of ``classes``."""

        def count(comparison: Comparison) -> np.ndarray:
            return self._count(comparison, classes)

        return Measure(self.__name__, count, self._figure, "parts of the image", self._best)


@partial(PixelMeasure, count=_count_wrong, best=0)
def pixel_error(counts: np.ndarray) -> np.ndarray:
    """Return the share of labelled pixels whose class is wrong; without such pixels 0."""
    return share(counts[..., 0], counts[..., 1], empty=0.0)


@PixelMeasure
def iou(counts: np.ndarray) -> np.ndarray:
    """Return |T∩R| / |T∪R|, of several classes the mean; a class in neither image has 1."""
    both, areas = _areas(counts)
    return share(both, areas - both).mean(-1)


@PixelMeasure
def dice(counts: np.ndarray) -> np.ndarray:
    """Return 2|T∩R| / (|T|+|R|), of several classes the mean; a class in neither image has 1."""
    both, areas = _areas(counts)
    return share(2 * both, areas).mean(-1)


def iou_by_class(
    truth: Images, result: Images, *, unlabelled: Unlabelled = None, per_image: bool = False
) -> dict[int, float]:
    """Return the IoU of each class (0 too) that the truth or the result holds."""
    classes = class_values(comparisons(truth, result, unlabelled))
    return {c: iou.measure(c).over(truth, result, unlabelled, per_image) for c in classes}


def dice_by_class(
    truth: Images, result: Images, *, unlabelled: Unlabelled = None, per_image: bool = False
) -> dict[int, float]:
    """Return the Dice coefficient of each class (0 too) that the truth or the result holds."""
    classes = class_values(comparisons(truth, result, unlabelled))
    return {c: dice.measure(c).over(truth, result, unlabelled, per_image) for c in classes}


def class_values(images: Sequence[Comparison]) -> list[int]:
    """Return the values among the labelled pixels of truths and results, ascending."""
    values = [np.unique(i.known(labels)) for i in images for labels in (i.truth, i.result)]
    return [int(value) for value in np.unique(np.concatenate(values))]


def _areas(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    number = counts.shape[-1] // 2
    return counts[..., :number], counts[..., number:]


def _confusion(comparison: Comparison, classes: ClassNumbers) -> np.ndarray:
    """Count (parts, true class, class of the result); class 0 is all that is not asked for."""
    asked = None if classes is None else tuple(np.unique(classes).tolist())
    if asked == ():
        raise ValueError("classes= is empty: name at least one class, or leave it out")
    return comparison.kept(("confusion", asked), lambda: _count_confusion(comparison, asked))


def _count_confusion(comparison: Comparison, asked: tuple[int, ...] | None) -> np.ndarray:
    number = 2 if asked is None else len(asked) + 1
    truth, result = (
        _places(comparison.known(labels), asked) for labels in (comparison.truth, comparison.result)
    )
    parts = comparison.known(_parts(comparison.truth.shape))
    keys = (parts * number + truth) * number + result
    size = PARTS * PARTS * number * number
    return np.bincount(keys, minlength=size).reshape(-1, number, number).astype(float)


def _places(labels: np.ndarray, asked: tuple[int, ...] | None) -> np.ndarray:
    """Number the labels: 0 what is not asked for, 1… the classes, which ascend."""
    if asked is None:
        return (labels > 0).astype(np.int64)
    places = np.searchsorted(asked, labels).clip(max=len(asked) - 1)
    return np.where(np.asarray(asked)[places] == labels, places + 1, 0)


def _parts(shape: tuple[int, ...]) -> np.ndarray:
    """Number the parts of an image: a grid over its last two axes."""
    places = [np.arange(size) * PARTS // max(1, size) for size in shape[-2:]]
    grid = places[0][:, None] * PARTS + places[1] if len(places) == 2 else places[0]
    return np.broadcast_to(grid, shape)
