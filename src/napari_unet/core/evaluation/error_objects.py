"""Errors: what is wrong with a result, object by object, as a label image and as a list.

An object of the result belongs to a true object where it holds more than half of it, or lies more
than half in it. A true object to which nothing belongs was missed, one of the result that belongs
to nothing is false; a true object to which several belong was split, one of the result that belongs
to several merged them. Where one belongs to one, the border counts as off if either reaches more
than two pixels beyond the other. Truth and result exchanged, missed and false, split and merged
are exchanged.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

from napari_unet.core.evaluation.comparison import Comparison

Kind = Literal["missed", "false", "split", "merged", "border"]
KINDS: tuple[Kind, ...] = ("missed", "false", "split", "merged", "border")  # labels 1 … 5
DISTANCE = 2.0  # pixels a border may be off


@dataclass(frozen=True)
class ErrorItem:
    """One error: ``area`` is the number of pixels to correct, the measure of how bad it is."""

    kind: Kind
    area: int
    centre: tuple[float, ...]  # pixels
    box: tuple[tuple[int, int], ...]  # start and stop along each axis
    truth: tuple[int, ...]  # ids
    result: tuple[int, ...]
    distance: float = 0.0  # pixels by which a border is off


@dataclass(frozen=True, eq=False)
class ErrorLayer:
    """All errors, worst first, and a label image of them: 0 none, else 1 + place in KINDS."""

    labels: np.ndarray  # uint8, read-only
    items: tuple[ErrorItem, ...]

    @property
    def counts(self) -> dict[Kind, int]:
        """How many errors there are of each kind."""
        return {kind: sum(item.kind == kind for item in self.items) for kind in KINDS}


@dataclass(frozen=True, eq=False)
class _Found:
    """An error with the pixels to paint: a box, and which pixels of it."""

    kind: Kind
    area: int
    box: tuple[slice, ...]
    pixels: np.ndarray  # bool, of the box
    rows: np.ndarray  # places of its true objects
    columns: np.ndarray
    distance: float = 0.0


def error_layer(
    truth: np.ndarray,
    result: np.ndarray,
    *,
    unlabelled: int | np.ndarray | None = None,
    distance: float = DISTANCE,
) -> ErrorLayer:
    """Find every error of ``result``; a border may be off by ``distance`` pixels.

    Whole objects are painted (a split one as it truly is, merged ones as they were found), of a
    border the pixels that are wrong. Where errors lie over each other the worst is seen.
    """
    scene = _Scene(Comparison(truth, result, unlabelled))
    errors = [*scene.alone(), *scene.broken(), *scene.off(distance)]
    errors.sort(key=lambda e: (-e.area, KINDS.index(e.kind), [s.start for s in e.box]))
    labels = np.zeros(scene.truth.shape, np.uint8)
    for error in reversed(errors):
        labels[error.box][error.pixels] = 1 + KINDS.index(error.kind)
    labels.flags.writeable = False
    return ErrorLayer(labels, tuple(scene.item(error) for error in errors))


class _Scene:
    """Truth and result numbered by place (1…), their boxes, and which object belongs to which."""

    def __init__(self, comparison: Comparison) -> None:
        self.overlap = overlap = comparison.overlap
        self.truth = _numbered(comparison.erased(comparison.truth), overlap.truth_ids)
        self.result = _numbered(comparison.erased(comparison.result), overlap.result_ids)
        self.boxes = (ndimage.find_objects(self.truth), ndimage.find_objects(self.result))
        smaller = np.minimum(
            overlap.truth_areas[overlap.rows], overlap.result_areas[overlap.columns]
        )
        belong = 2 * overlap.shared > smaller
        self.rows, self.columns = overlap.rows[belong], overlap.columns[belong]
        self.shared = overlap.shared[belong]
        self.of_truth = np.bincount(self.rows, minlength=len(overlap.truth_ids))
        self.of_result = np.bincount(self.columns, minlength=len(overlap.result_ids))

    def alone(self) -> Iterator[_Found]:
        """Find true objects missed and false objects of the result."""
        none = np.zeros(0, np.int64)
        for row in np.flatnonzero(self.of_truth == 0):
            area = int(self.overlap.truth_areas[row])
            yield _Found("missed", area, *self._object(0, int(row)), np.array([row]), none)
        for column in np.flatnonzero(self.of_result == 0):
            area = int(self.overlap.result_areas[column])
            yield _Found("false", area, *self._object(1, int(column)), none, np.array([column]))

    def broken(self) -> Iterator[_Found]:
        """Find splits and merges: to correct is all but the largest share."""
        for row in np.flatnonzero(self.of_truth > 1):
            of = self.rows == row
            area = int(self.shared[of].sum() - self.shared[of].max())
            yield _Found(
                "split", area, *self._object(0, int(row)), np.array([row]), self.columns[of]
            )
        for column in np.flatnonzero(self.of_result > 1):
            of = self.columns == column
            area = int(self.shared[of].sum() - self.shared[of].max())
            where = self._object(1, int(column))
            yield _Found("merged", area, *where, self.rows[of], np.array([column]))

    def off(self, allowed: float) -> Iterator[_Found]:
        """Find borders that are off, of objects that belong to each other and to no other."""
        single = (self.of_truth[self.rows] == 1) & (self.of_result[self.columns] == 1)
        for row, column in zip(self.rows[single], self.columns[single], strict=True):
            box = _hull(self.boxes[0][row], self.boxes[1][column])
            truth_pixels, result_pixels = self.truth[box] == row + 1, self.result[box] == column + 1
            wrong = truth_pixels ^ result_pixels
            distance = _reach(truth_pixels, result_pixels) if wrong.any() else 0.0
            if distance > allowed:
                ends = np.array([row]), np.array([column])
                yield _Found("border", int(wrong.sum()), box, wrong, *ends, distance)

    def _object(self, which: int, place: int) -> tuple[tuple[slice, ...], np.ndarray]:
        box = self.boxes[which][place]
        return box, (self.truth, self.result)[which][box] == place + 1

    def item(self, error: _Found) -> ErrorItem:
        """Return an error with the ids and coordinates of the image."""
        corner = [part.start for part in error.box]
        inside = np.argwhere(error.pixels)
        low, high = inside.min(0) + corner, inside.max(0) + corner + 1
        return ErrorItem(
            error.kind,
            error.area,
            tuple((inside.mean(0) + corner).tolist()),
            tuple(zip(low.tolist(), high.tolist(), strict=True)),
            tuple(self.overlap.truth_ids[error.rows].tolist()),
            tuple(self.overlap.result_ids[error.columns].tolist()),
            error.distance,
        )


def _numbered(labels: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Number the objects by their place in ``ids``, from 1."""
    return np.searchsorted(ids, labels, side="right")


def _hull(one: tuple[slice, ...], other: tuple[slice, ...]) -> tuple[slice, ...]:
    return tuple(
        slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )


def _reach(one: np.ndarray, other: np.ndarray) -> float:
    """Return how far, in pixels, either reaches beyond the other (their Hausdorff distance)."""
    beyond = [ndimage.distance_transform_edt(~b)[a].max() for a, b in ((one, other), (other, one))]
    return float(max(beyond))
