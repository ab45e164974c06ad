"""Measures of pixels: pixel error, and IoU and Dice of foreground or classes.

``classes`` says how labels are read: None, every label > 0 is foreground; a class or several, that
class against all else. Counts are kept by part of the image, for the bootstrap over parts.
"""

from collections.abc import Sequence
from functools import partial

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


def pixel_error(
    truth: Images,
    result: Images,
    *,
    unlabelled: Unlabelled = None,
    classes: ClassNumbers = None,
    per_image: bool = False,
) -> float:
    """Return the share of labelled pixels whose class is wrong; without such pixels 0."""
    return pixel_error_measure(classes).over(truth, result, unlabelled, per_image)


def iou(
    truth: Images,
    result: Images,
    *,
    unlabelled: Unlabelled = None,
    classes: ClassNumbers = None,
    per_image: bool = False,
) -> float:
    """Return |T∩R| / |T∪R|, of several classes the mean; a class in neither image has 1."""
    return iou_measure(classes).over(truth, result, unlabelled, per_image)


def dice(
    truth: Images,
    result: Images,
    *,
    unlabelled: Unlabelled = None,
    classes: ClassNumbers = None,
    per_image: bool = False,
) -> float:
    """Return 2|T∩R| / (|T|+|R|), of several classes the mean; a class in neither image has 1."""
    return dice_measure(classes).over(truth, result, unlabelled, per_image)


def iou_by_class(
    truth: Images, result: Images, *, unlabelled: Unlabelled = None, per_image: bool = False
) -> dict[int, float]:
    """Return the IoU of each class (0 too) that the truth or the result holds."""
    classes = class_values(comparisons(truth, result, unlabelled))
    return {c: iou_measure(c).over(truth, result, unlabelled, per_image) for c in classes}


def dice_by_class(
    truth: Images, result: Images, *, unlabelled: Unlabelled = None, per_image: bool = False
) -> dict[int, float]:
    """Return the Dice coefficient of each class (0 too) that the truth or the result holds."""
    classes = class_values(comparisons(truth, result, unlabelled))
    return {c: dice_measure(c).over(truth, result, unlabelled, per_image) for c in classes}


def class_values(images: Sequence[Comparison]) -> list[int]:
    """Return the values among the labelled pixels of truths and results, ascending."""
    values = [np.unique(i.known(labels)) for i in images for labels in (i.truth, i.result)]
    return [int(value) for value in np.unique(np.concatenate(values))]


def pixel_error_measure(classes: ClassNumbers = None) -> Measure:
    """Return the measure: counts are the wrong and all pixels of each part."""

    def count(comparison: Comparison) -> np.ndarray:
        table = _confusion(comparison, classes)
        total = table.sum((1, 2))
        return np.stack([total - np.trace(table, axis1=1, axis2=2), total], 1)

    def figure(counts: np.ndarray) -> np.ndarray:
        return share(counts[..., 0], counts[..., 1], empty=0.0)

    return Measure("pixel_error", count, figure, "parts of the image", best=0)


def iou_measure(classes: ClassNumbers = None) -> Measure:
    """Return the measure: counts are those of ``_count_areas``."""

    def figure(counts: np.ndarray) -> np.ndarray:
        both, areas = _areas(counts)
        return share(both, areas - both).mean(-1)

    return Measure("iou", partial(_count_areas, classes=classes), figure, "parts of the image")


def dice_measure(classes: ClassNumbers = None) -> Measure:
    """Return the measure: counts are those of ``_count_areas``."""

    def figure(counts: np.ndarray) -> np.ndarray:
        both, areas = _areas(counts)
        return share(2 * both, areas).mean(-1)

    return Measure("dice", partial(_count_areas, classes=classes), figure, "parts of the image")


def _count_areas(comparison: Comparison, classes: ClassNumbers) -> np.ndarray:
    """Return (parts, 2 · classes): |T∩R| of each class, then |T| + |R| of each."""
    table = _confusion(comparison, classes)
    both, areas = np.diagonal(table, axis1=1, axis2=2), table.sum(1) + table.sum(2)
    return np.concatenate([both[:, 1:], areas[:, 1:]], 1)


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
