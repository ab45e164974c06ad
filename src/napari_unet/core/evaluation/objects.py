"""Measures of objects found: F1, average precision, panoptic quality, and SEG.

TP are the matched pairs, FN the true objects without a match, FP the found objects without one.
Without any true and any found object a measure is 1. Of all one-to-one matchings of pairs whose IoU
reaches the threshold, the one with the most pairs is taken, and of several such the one with the
greatest sum of IoUs. Only pairs that compete for an object are searched; above an IoU of 0.5 there
are none.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_unet.core.evaluation.comparison import (
    Comparison,
    Images,
    Measure,
    Overlap,
    Unlabelled,
    share,
)


def match(overlap: Overlap, iou: float) -> np.ndarray:
    """Return the places in ``overlap``'s pairs of those that are matched at ``iou``."""
    if not 0 < iou <= 1:
        raise ValueError(f"the IoU that makes a match lies above 0 and up to 1, not at {iou}")
    good = np.flatnonzero(overlap.iou >= iou)
    rivals = np.maximum(_occurrences(overlap.rows[good]), _occurrences(overlap.columns[good])) > 1
    contested = [_assign(overlap, good[rivals][group]) for group in _groups(overlap, good[rivals])]
    return np.sort(np.concatenate([good[~rivals], *contested]))


def _occurrences(values: np.ndarray) -> np.ndarray:
    """Return for each value how often it occurs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return counts[place]


def _groups(overlap: Overlap, pairs: np.ndarray) -> list[np.ndarray]:
    """Split ``pairs`` into groups that have no object in common."""
    if len(pairs) == 0:
        return []
    number = len(overlap.truth_ids)
    rows, columns = overlap.rows[pairs], overlap.columns[pairs] + number
    size = number + len(overlap.result_ids)
    graph = coo_array((np.ones(len(pairs)), (rows, columns)), shape=(size, size))
    group = connected_components(graph, directed=False)[1][rows]
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1)


def _assign(overlap: Overlap, pairs: np.ndarray) -> np.ndarray:
    """Match one group: a pair more always counts for more than any IoU."""
    _, row = np.unique(overlap.rows[pairs], return_inverse=True)
    _, column = np.unique(overlap.columns[pairs], return_inverse=True)
    worth = np.zeros((row.max() + 1, column.max() + 1))
    worth[row, column] = 1 + overlap.iou[pairs] / (min(worth.shape) + 1)
    chosen = np.zeros(worth.shape, bool)
    chosen[linear_sum_assignment(worth, maximize=True)] = True
    return pairs[chosen[row, column]]


THRESHOLDS = tuple(step / 100 for step in range(50, 100, 5))  # 0.50, 0.55 … 0.95
TP, FP, FN, IOU = range(4)  # what is counted at each threshold; IOU: the sum over the TP


class ObjectMeasure:
    """A measure of matched objects: called with images, or made at one or more IoUs."""

    def __init__(self, figure: Callable[[np.ndarray], np.ndarray]) -> None:
        """Take the function that turns counts (…, 4), TP, FP, FN and IOU, into figures (…)."""
        self._figure = figure
        self.__name__, self.__doc__ = figure.__name__, figure.__doc__

    def __call__(
        self,
        truth: Images,
        result: Images,
        *,
        unlabelled: Unlabelled = None,
        iou: float = 0.5,
        per_image: bool = False,
    ) -> float:
        """Return the figure of objects matched at ``iou``."""
        return self.measure(iou).over(truth, result, unlabelled, per_image)

    def measure(self, *ious: float) -> Measure:
        """Return the measure at an IoU, 0.5 by default, or its mean over several."""
        thresholds = ious or (0.5,)
        name = self.__name__ if len(thresholds) == 1 else f"mean_{self.__name__}"

        def mean(counts: np.ndarray) -> np.ndarray:
            by_threshold = counts.reshape(*counts.shape[:-1], len(thresholds), 4)
            return self._figure(by_threshold).mean(-1)

        return Measure(name, partial(_count_matches, thresholds=thresholds), mean, "objects")


@ObjectMeasure
def precision(counts: np.ndarray) -> np.ndarray:
    """Return TP / (TP + FP): the share of the objects found that are true; without any found 0."""
    return _of(counts, counts[..., TP] + counts[..., FP])


@ObjectMeasure
def recall(counts: np.ndarray) -> np.ndarray:
    """Return TP / (TP + FN): the share of the true objects that were found; without any true 0."""
    return _of(counts, counts[..., TP] + counts[..., FN])


@ObjectMeasure
def f1(counts: np.ndarray) -> np.ndarray:
    """Return 2 TP / (2 TP + FP + FN)."""
    return _of(counts, counts[..., TP] + (counts[..., FP] + counts[..., FN]) / 2)


@ObjectMeasure
def average_precision(counts: np.ndarray) -> np.ndarray:
    """Return TP / (TP + FP + FN), what the field calls average precision of label images."""
    return _of(counts, counts[..., TP] + counts[..., FP] + counts[..., FN])


@ObjectMeasure
def panoptic_quality(counts: np.ndarray) -> np.ndarray:
    """Return F1 times the mean IoU of the matched pairs."""
    return share(counts[..., IOU], counts[..., TP] + (counts[..., FP] + counts[..., FN]) / 2)


def mean_average_precision(
    truth: Images, result: Images, *, unlabelled: Unlabelled = None, per_image: bool = False
) -> float:
    """Return the mean of the average precision at the IoUs 0.50, 0.55 … 0.95."""
    return average_precision.measure(*THRESHOLDS).over(truth, result, unlabelled, per_image)


def seg(
    truth: Images, result: Images, *, unlabelled: Unlabelled = None, per_image: bool = False
) -> float:
    """Return SEG of the Cell Tracking Challenge: mean IoU of each true object with the one of the
    result that covers more than half of it, 0 where none does; without true objects 1."""
    return seg_measure().over(truth, result, unlabelled, per_image)


def seg_measure() -> Measure:
    """The counts are J and 1 for each true object."""
    return Measure("seg", _count_seg, lambda c: share(c[..., 0], c[..., 1]), "objects")


def _of(counts: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return TP / whole; where the whole is nothing, 1 without any objects at all and else 0."""
    nothing = counts[..., : FN + 1].sum(-1) == 0
    return np.where(nothing, 1.0, share(counts[..., TP], whole, empty=0.0))


def _count_matches(comparison: Comparison, thresholds: tuple[float, ...]) -> np.ndarray:
    """Count TP, FP, FN and IoU at each threshold.

    A unit is a true object with the object of the result that stands for it, or either alone.
    """
    overlap = comparison.overlap
    true = np.zeros((len(overlap.truth_ids), len(thresholds), 4))
    counts = np.zeros((len(overlap.result_ids), len(thresholds), 4))
    true[..., FN] = counts[..., FP] = 1
    for place, threshold in enumerate(thresholds):
        matched = match(overlap, threshold)
        rows, columns = overlap.rows[matched], overlap.columns[matched]
        true[rows, place] = [1, 0, 0, 0]
        true[rows, place, IOU] = overlap.iou[matched]
        counts[columns, place] = 0
    partners = match(overlap, min(thresholds))
    true[overlap.rows[partners]] += counts[overlap.columns[partners]]
    alone = np.delete(counts, overlap.columns[partners], axis=0)
    return np.concatenate([true, alone]).reshape(-1, 4 * len(thresholds))


def _count_seg(comparison: Comparison) -> np.ndarray:
    overlap = comparison.overlap
    counts = np.zeros((len(overlap.truth_ids), 2))
    counts[:, 1] = 1
    most = 2 * overlap.shared > overlap.truth_areas[overlap.rows]  # strictly: one at most
    counts[overlap.rows[most], 0] = overlap.iou[most]
    return counts
