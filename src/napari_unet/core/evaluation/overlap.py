"""Overlap: how many pixels every object of the truth shares with every object of the result.

Every measure of objects is computed from this sparse table, never from the images again. Runs of
equal pixels are counted instead of pixels, and ids are looked up by sorting: an id of 2³¹ costs
what an id of 1 costs.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Overlap:
    """Objects (label > 0) of truth and result, their areas in pixels, the pairs that overlap."""

    truth_ids: np.ndarray  # (T,) ascending
    truth_areas: np.ndarray  # (T,) int64
    result_ids: np.ndarray  # (R,) ascending
    result_areas: np.ndarray  # (R,) int64
    rows: np.ndarray  # (P,) place in truth_ids of each overlapping pair
    columns: np.ndarray  # (P,) place in result_ids
    shared: np.ndarray  # (P,) int64, pixels in both

    @cached_property
    def iou(self) -> np.ndarray:
        """Intersection over union of each overlapping pair."""
        union = self.truth_areas[self.rows] + self.result_areas[self.columns] - self.shared
        return self.shared / union

    @cached_property
    def covered(self) -> np.ndarray:
        """Of each true object, the pixels that lie in any object of the result."""
        return np.bincount(self.rows, self.shared, len(self.truth_ids)).astype(np.int64)

    @cached_property
    def restricted_areas(self) -> np.ndarray:
        """Of each object of the result, the pixels that lie in any true object."""
        return np.bincount(self.columns, self.shared, len(self.result_ids)).astype(np.int64)


def count_overlap(truth: np.ndarray, result: np.ndarray) -> Overlap:
    """Count the overlaps of two label arrays of one shape."""
    (true_values, result_values), lengths = _runs(truth.ravel(), result.ravel())
    truth_ids, row, truth_areas = _areas(true_values, lengths)
    result_ids, column, result_areas = _areas(result_values, lengths)
    both = (row >= 0) & (column >= 0)
    keys = row[both] * max(1, len(result_ids)) + column[both]
    pairs, place = np.unique(keys, return_inverse=True)
    shared = np.bincount(place, lengths[both], len(pairs)).astype(np.int64)
    rows, columns = np.divmod(pairs, max(1, len(result_ids)))
    return Overlap(truth_ids, truth_areas, result_ids, result_areas, rows, columns, shared)


def _runs(*flat: np.ndarray) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Cut arrays of one length where any changes; return the values of each run, and its length."""
    size = len(flat[0])
    if size == 0:
        return flat, np.zeros(0, np.int64)
    changes = np.zeros(size, bool)
    changes[0] = True
    for values in flat:
        changes[1:] |= values[1:] != values[:-1]
    starts = np.flatnonzero(changes)
    return tuple(values[starts] for values in flat), np.diff(starts, append=size)


def _areas(values: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the ids > 0, for each run the place of its id among them (−1: none), and the areas."""
    ids, place = np.unique(values, return_inverse=True)
    areas = np.bincount(place, lengths, len(ids)).astype(np.int64)
    zeros = int(np.searchsorted(ids, 0, side="right"))  # 1 where there is background, else 0
    return ids[zeros:], place - zeros, areas[zeros:]
