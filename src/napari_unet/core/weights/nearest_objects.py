"""Squared distances to the nearest and the second nearest object, for every pixel, in one pass.

Axis by axis, each pixel keeps the two nearest *different* labels. That is enough: if a label is
among the two nearest of a pixel by way of some column, at most one other label is nearer in that
column. The cost grows with the pixels, not with the objects. Distances are whole squares until the
end, so a pixel gets the same answer whatever else is computed with it.
"""

from math import ceil, sqrt
from typing import NamedTuple

import numpy as np

from napari_unet.core.arrays.boxes import Box, shape_of
from napari_unet.core.runtime.jit import jit

FAR = 1 << 29  # squared distance of "no such object"; twice it is still an int32
LONGEST = 10_000.0  # px; the squares of three axes stay below FAR


Found = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # label, distance, label, distance
Best = tuple[int, np.int32, int, np.int32]  # the same of one pixel


class NearestTwo(NamedTuple):
    """Up to where distances must be exact, in pixels."""

    first: float  # distance to the nearest object
    both: float  # sum of the distances to the nearest and the second nearest

    @property
    def pixels(self) -> int:
        """Pixels on every side that can make a difference."""
        return ceil(max(self.first, self.both))


def nearest_two(labels: np.ndarray, box: Box, reach: NearestTwo) -> tuple[np.ndarray, np.ndarray]:
    """Return the squared distances to the two nearest objects, int32, for the pixels of ``box``.

    ``labels``: 2-D or 3-D, int32 or int64, C order, 0 where no object is; what lies within
    ``reach.pixels`` of the box should be part of it. Beyond the reach the squares may be too large,
    up to FAR, never too small. On an object the first is 0 and the second is not looked for.
    """
    reach = NearestTwo(
        max(reach.first, reach.both / 2), reach.both
    )  # the nearer makes half at most
    rows = box[0]
    flat = _fold(labels).reshape(len(labels), -1)
    nearest = _look_down(flat, rows.start, rows.stop)
    _look_up(flat, rows.start, nearest, reach.pixels)
    shape = (rows.stop - rows.start, *labels.shape[1:])
    if labels.ndim == 3:
        nearest = _along_middle(nearest, shape, reach)
    first, second = np.full((2, *shape_of(box)), FAR, np.int32)
    lines = first.reshape(-1, first.shape[-1]), second.reshape(-1, first.shape[-1])
    kept = (slice(None), *box[1:-1])  # lines of the result among all lines
    a, b, c, d = (
        np.ascontiguousarray(part.reshape(shape)[kept].reshape(-1, shape[-1])) for part in nearest
    )
    _look_aside((a, b, c, d), box[-1].start, reach, lines)
    return first, second


def _fold(labels: np.ndarray) -> np.ndarray:
    """Return int32 labels that differ where ``labels`` differ."""
    if labels.dtype == np.int32:
        return labels
    numbers = np.unique(labels, return_inverse=True)[1].reshape(labels.shape) + 1
    return np.where(labels == 0, 0, numbers).astype(np.int32)


def _along_middle(found: Found, shape: tuple[int, ...], reach: NearestTwo) -> Found:
    """Look along the middle axis of a volume."""
    a, b, c, d = (_turn(part.reshape(shape)) for part in found)
    wider = np.empty_like(a), np.empty_like(b), np.empty_like(c), np.empty_like(d)
    _look_along((a, b, c, d), reach.pixels, wider)
    a, b, c, d = (_turn(part.reshape(shape[0], shape[2], shape[1])) for part in wider)
    return a, b, c, d


def _turn(volume: np.ndarray) -> np.ndarray:
    """Return the lines along the middle axis, in one piece."""
    return np.ascontiguousarray(volume.swapaxes(1, 2)).reshape(-1, volume.shape[1])


@jit
def _look_down(labels: np.ndarray, start: int, stop: int) -> Found:
    """Per pixel of rows start…stop: the two nearest labels at or above it, and how far they are."""
    height, width = stop - start, labels.shape[1]
    label1 = np.zeros((height, width), labels.dtype)
    label2 = np.zeros((height, width), labels.dtype)
    far1 = np.empty((height, width), np.int32)
    far2 = np.empty((height, width), np.int32)
    last1, last2 = np.zeros(width, labels.dtype), np.zeros(width, labels.dtype)
    row1, row2 = np.full(width, -FAR, np.int32), np.full(width, -FAR, np.int32)
    for y in range(stop):
        for x in range(width):
            label = labels[y, x]
            if label != 0:
                if label != last1[x]:
                    last2[x], row2[x] = last1[x], row1[x]
                    last1[x] = label
                row1[x] = y
        if y >= start:
            i = y - start
            for x in range(width):
                label1[i, x], far1[i, x] = last1[x], min(FAR, y - row1[x])
                label2[i, x], far2[i, x] = last2[x], min(FAR, y - row2[x])
    return label1, far1, label2, far2


@jit
def _take(best: Best, label: int, far: np.int32) -> Best:
    """Merge one more label into the two nearest."""
    label1, far1, label2, far2 = best
    if label == label1:
        return label1, min(far1, far), label2, far2
    if far < far1:
        return label, far, label1, far1
    if far < far2:
        return label1, far1, label, far
    return label1, far1, label2, far2


@jit
def _look_up(labels: np.ndarray, start: int, found: Found, longest: int) -> None:
    """Merge what lies below each pixel into ``found``; square, and drop what is too far."""
    label1, far1, label2, far2 = found
    height, width = far1.shape
    last1, last2 = np.zeros(width, labels.dtype), np.zeros(width, labels.dtype)
    row1, row2 = np.full(width, FAR, np.int32), np.full(width, FAR, np.int32)
    for y in range(labels.shape[0] - 1, start - 1, -1):
        i = y - start
        for x in range(width):
            label = labels[y, x]
            if label != 0:
                if label != last1[x]:
                    last2[x], row2[x] = last1[x], row1[x]
                    last1[x] = label
                row1[x] = y
            if i >= height:
                continue
            best = label1[i, x], far1[i, x], label2[i, x], far2[i, x]
            if last1[x] != 0:
                best = _take(best, last1[x], np.int32(row1[x] - y))
            if last2[x] != 0:
                best = _take(best, last2[x], np.int32(row2[x] - y))
            label1[i, x], far1[i, x] = best[0], best[1] ** 2 if best[1] <= longest else FAR
            label2[i, x], far2[i, x] = best[2], best[3] ** 2 if best[3] <= longest else FAR


@jit
def _step(line: Found, i: int, step: int, best: Best) -> Best:
    """Take the two labels of the pixels ``step`` to both sides of ``i`` into ``best``."""
    label1, far1, label2, far2 = line
    aside = step * step
    for x in (i - step, i + step):
        if 0 <= x < far1.size and far1[x] + aside < best[3]:
            best = _take(best, label1[x], np.int32(far1[x] + aside))
            if far2[x] + aside < best[3]:
                best = _take(best, label2[x], np.int32(far2[x] + aside))
    return best


@jit
def _look_along(found: Found, longest: int, wider: Found) -> None:
    """Look ``longest`` px along each line for nearer labels; all four values are passed on."""
    label1, far1, label2, far2 = found
    for y in range(far1.shape[0]):
        line = label1[y], far1[y], label2[y], far2[y]
        for i in range(far1.shape[1]):
            best = line[0][i], line[1][i], line[2][i], line[3][i]
            step = 1
            while step <= longest and step * step < best[3]:
                best = _step(line, i, step, best)
                step += 1
            wider[0][y, i], wider[1][y, i], wider[2][y, i], wider[3][y, i] = best


@jit
def _useful(square: np.int32, reach: NearestTwo) -> int:
    """Return how many px to search to the side when the nearest object is at ``square`` px²."""
    away = sqrt(square)
    return int(max(min(away, reach.first), reach.both - away))


@jit
def _look_aside(
    found: Found, start: int, reach: NearestTwo, squares: tuple[np.ndarray, np.ndarray]
) -> None:
    """Look along the last axis; only the squares are wanted, of pixels from ``start`` on."""
    label1, far1, label2, far2 = found
    first, second = squares
    width, rim = far1.shape[1], int(max(reach.first, reach.both))
    nearest = np.full(width + 2 * rim, FAR, np.int32)  # a rim spares the loop looking for the ends
    for y in range(first.shape[0]):
        line = label1[y], far1[y], label2[y], far2[y]
        nearest[rim : rim + width] = far1[y]
        for x in range(first.shape[1]):
            i = start + x
            best = line[0][i], line[1][i], line[2][i], line[3][i]
            if best[1] == 0:
                first[y, x] = 0
                continue
            step, last = 1, _useful(best[1], reach)
            while step <= last:
                room = best[3] - step * step
                if room <= 0:
                    break
                if nearest[rim + i - step] < room or nearest[rim + i + step] < room:
                    best = _step(line, i, step, best)
                    last = _useful(best[1], reach)
                step += 1
            first[y, x], second[y, x] = best[1], best[3]


def ids_of(labels: object) -> np.ndarray:
    """Return ``labels`` as int32, or int64 where an id needs it, in C order; 0 is no object."""
    array = np.asarray(labels)
    if array.dtype == bool:
        raise TypeError(
            "labels are true or false, which cannot tell touching objects apart: "
            "number the objects, for example with skimage.measure.label"
        )
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(
            f"labels are of type {array.dtype}, but object ids are whole numbers: "
            "convert them, for example with labels.astype('int32')"
        )
    low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
    if low < 0:
        raise ValueError(
            f"{np.count_nonzero(array < 0)} pixels have a negative id, the lowest is {low}: "
            "number the objects from 1 and give 0 to the background"
        )
    if high > np.iinfo(np.int64).max:
        raise ValueError(f"the highest id is {high}, above 2^63 - 1: number the objects from 1")
    kind = np.int32 if high <= np.iinfo(np.int32).max else np.int64
    return np.ascontiguousarray(array, dtype=kind)


def dims_of(labels: np.ndarray, dims: int | None) -> int:
    """Return how many of the last axes belong together: 2 for planes, 3 for volumes."""
    if dims is None:
        if labels.ndim not in (2, 3):
            raise ValueError(
                f"labels have {labels.ndim} axes: give a plane, a volume, "
                "or a stack with dims=2 (planes) or dims=3 (volumes)"
            )
        return labels.ndim
    if dims not in (2, 3):
        raise ValueError(f"dims is {dims}: it must be 2 for planes or 3 for volumes")
    if labels.ndim < dims:
        raise ValueError(f"dims is {dims} and the labels have {labels.ndim} axes only")
    return dims


def same_shape(name: str, shape: tuple[int, ...], labels: np.ndarray) -> None:
    """Refuse an array whose shape differs from that of the labels."""
    if shape != labels.shape:
        raise ValueError(
            f"{name} has shape {shape} and the labels have {labels.shape}: they must be the same"
        )
