"""Matching: which object of the result stands for which true object, each at most once.

Of all one-to-one matchings of pairs whose IoU reaches the threshold, the one with most pairs is
taken, and of several such the one with the greatest sum of IoUs. Only pairs that compete for an
object are searched; above 0.5 there are none.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_unet.core.evaluation.overlap import Overlap


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
