"""Comparison: one true and one found label image, and the counts from which measures are computed.

Unlabelled pixels are left out of every measure. Every measure of objects is computed from the table
of overlaps (how many pixels a true and a found object share), never from the images again. Runs of
equal pixels are counted instead of pixels, and ids are looked up by sorting, so that an id of 2³¹
costs no more than an id of 1. A ``Measure`` computes its figure from counts that add up over units
(an object, or a part of the image), so that one definition gives the figure of one image, of all
images pooled, and of every bootstrap sample.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeGuard, TypeVar

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


Images = np.ndarray | Sequence[np.ndarray]  # one label image, or several
Unlabelled = int | np.ndarray | Sequence[np.ndarray] | None  # a value of the truth, or where
Kept = TypeVar("Kept")


class Comparison:
    """One image's true labels and the labels found, both whole numbers ≥ 0 of one shape."""

    def __init__(
        self, truth: np.ndarray, result: np.ndarray, unlabelled: int | np.ndarray | None = None
    ) -> None:
        self.truth = _labels(truth, "truth")
        self.result = _labels(result, "result")
        if self.truth.shape != self.result.shape:
            raise ValueError(
                f"the truth has shape {self.truth.shape} and the result {self.result.shape}: "
                "compare labels of the same image, pixel by pixel"
            )
        self.labelled = _labelled(self.truth, unlabelled)
        self._kept: dict[Hashable, Any] = {}

    def kept(self, key: Hashable, make: Callable[[], Kept]) -> Kept:
        """Return what ``make`` makes, computed the first time that ``key`` is asked for."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def known(self, pixels: np.ndarray) -> np.ndarray:
        """Return the labelled ones of ``pixels``, flat and in order."""
        return pixels.ravel() if self.labelled is None else pixels[self.labelled]

    def erased(self, pixels: np.ndarray) -> np.ndarray:
        """Return ``pixels`` with 0 where unlabelled."""
        return pixels if self.labelled is None else np.where(self.labelled, pixels, 0)

    @property
    def overlap(self) -> Overlap:
        """The objects (label > 0) of the truth and the result, and what they share."""
        return self.kept(
            "overlap", lambda: count_overlap(self.known(self.truth), self.known(self.result))
        )


def comparisons(truth: Images, result: Images, unlabelled: Unlabelled = None) -> list[Comparison]:
    """Return a comparison for each image of ``truth`` and ``result``: one array or a list each."""
    if not _several(truth) and not _several(result):
        return [Comparison(np.asarray(truth), np.asarray(result), _one(unlabelled))]
    if not (_several(truth) and _several(result)) or len(truth) != len(result):
        raise ValueError(
            f"{_counted(truth)} of truth cannot be compared with {_counted(result)} of result: "
            "give as many of one as of the other, in the same order"
        )
    if len(truth) == 0:
        raise ValueError("there is no image to compare")
    each = unlabelled if _several(unlabelled) else [unlabelled] * len(truth)
    if len(each) != len(truth):
        raise ValueError(f"unlabelled has {_counted(each)} for {_counted(truth)} of truth")
    return [Comparison(*images) for images in zip(truth, result, each, strict=True)]  # type: ignore[arg-type]


def _several(images: object) -> TypeGuard[Sequence[np.ndarray]]:
    return isinstance(images, list | tuple) and all(isinstance(i, np.ndarray) for i in images)


def _one(unlabelled: Unlabelled) -> int | np.ndarray | None:
    return unlabelled if unlabelled is None or np.isscalar(unlabelled) else np.asarray(unlabelled)  # type: ignore[return-value]


def _counted(images: object) -> str:
    number = len(images) if _several(images) else 1
    return f"{number} image{'' if number == 1 else 's'}"


def _labels(labels: np.ndarray, whose: str) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.dtype == bool:
        return labels.view(np.uint8)
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"labels are whole numbers and the {whose} holds {labels.dtype}: "
            "threshold scores, or convert the labels to integers, first"
        )
    if labels.dtype.kind == "i" and labels.size and labels.min() < 0:
        raise ValueError(f"labels start at 0 and the {whose} holds {labels.min()}")
    return labels


def _labelled(truth: np.ndarray, unlabelled: int | np.ndarray | None) -> np.ndarray | None:
    """Return which pixels of the truth are labelled, None for all of them."""
    if unlabelled is None:
        return None
    where = truth == unlabelled if np.isscalar(unlabelled) else np.asarray(unlabelled)
    if where.shape != truth.shape or where.dtype != bool:
        raise ValueError(
            f"unlabelled is a value of the truth or a boolean array of its shape {truth.shape}, "
            f"not {where.dtype} of shape {where.shape}"
        )
    return ~where


@dataclass(frozen=True)
class Measure:
    """How a figure is counted, and made of what was counted."""

    name: str
    count: Callable[[Comparison], np.ndarray]  # (units, counts) float64
    figure: Callable[[np.ndarray], np.ndarray]  # (…, counts) → (…)
    units: Literal["objects", "parts of the image", "planes"]
    best: Literal[0, 1] = 1

    def of(self, comparison: Comparison) -> float:
        """Return the figure of one image."""
        return float(self.figure(self.count(comparison).sum(0)))

    def over(self, truth: Images, result: Images, unlabelled: Unlabelled, per_image: bool) -> float:
        """Return the figure of all images pooled, or the mean of the figures of each."""
        images = comparisons(truth, result, unlabelled)
        if per_image:
            return float(np.mean([self.of(image) for image in images]))
        return float(self.figure(sum_of([self.count(image) for image in images])))


def sum_of(counted: list[np.ndarray]) -> np.ndarray:
    """Add up what was counted in several images."""
    return np.sum([rows.sum(0) for rows in counted], axis=0)


def share(part: np.ndarray, whole: np.ndarray, empty: float = 1.0) -> np.ndarray:
    """Return part / whole, and ``empty`` where the whole is nothing."""
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    return np.divide(part, whole, out=np.full(whole.shape, empty), where=whole > 0)
