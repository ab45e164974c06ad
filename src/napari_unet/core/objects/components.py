"""Connected regions of an image that may be larger than memory, found box by box.

Each box is labelled alone and its part numbers are kept in a store. Where two boxes meet, touching
parts of one kind are noted; at the end these pairs say which parts are one region.

A hole is background that one object alone encloses. Background between two objects is no hole, nor
is background that touches the edge of the image. Where objects connect through faces of pixels,
background connects through their corners too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from skimage.measure import label

from napari_unet.core.arrays.boxes import Box, PixelStore, split, whole
from napari_unet.core.runtime.jit import jit
from napari_unet.core.text import number

MOST = 2**31 - 1  # part numbers are int32


@dataclass
class Regions:
    """Area, first pixel, class and box of regions 1, 2, …; number 0 is no region."""

    area: np.ndarray  # (n + 1,) int64, pixels
    first: np.ndarray  # (n + 1,) int64, place of the first pixel in C order
    kind: np.ndarray  # (n + 1,) uint8
    low: np.ndarray  # (n + 1, dims) int32, bounding box: its first pixel ...
    high: np.ndarray  # (n + 1, dims) ... and the one after its last

    @classmethod
    def none(cls, dims: int, count: int = 0) -> "Regions":
        """Return ``count`` regions that have no pixel yet."""
        n = count + 1
        return cls(
            np.zeros(n, np.int64),
            np.full(n, np.iinfo(np.int64).max),
            np.zeros(n, np.uint8),
            np.full((n, dims), np.iinfo(np.int32).max, np.int32),
            np.zeros((n, dims), np.int32),
        )

    def __len__(self) -> int:
        return len(self.area) - 1

    def extend(self, *others: "Regions") -> None:
        """Append other regions, which are numbered on."""
        for name, mine in vars(self).items():
            setattr(self, name, np.concatenate([mine, *(getattr(o, name)[1:] for o in others)]))

    def joined(self, group: np.ndarray) -> "Regions":
        """Return the regions that arise where each region becomes part of the one in ``group``."""
        regions = Regions.none(self.low.shape[1], int(group.max(initial=0)))
        np.add.at(regions.area, group, self.area)
        np.minimum.at(regions.first, group, self.first)
        np.maximum.at(regions.kind, group, self.kind)
        np.minimum.at(regions.low, group, self.low)
        np.maximum.at(regions.high, group, self.high)
        return regions


class Components:
    """Labels an image of ``shape`` box after box, in C order, into ``store`` (int32, array-like).

    Regions connect through the faces of pixels, or through edges and corners too with ``corners``.
    ``sign`` -1 numbers parts downwards and leaves what else the store holds as it is.
    """

    def __init__(
        self, store: PixelStore, shape: tuple[int, ...], *, corners: bool = False, sign: int = 1
    ) -> None:
        self._store, self._shape, self._corners, self._sign = store, shape, corners, sign
        self._parts = [Regions.none(len(shape))]  # of each box
        self._kinds = np.zeros(1, np.uint8)  # of each part
        self._joins: list[np.ndarray] = []  # pairs of parts that are one: a * 2**32 + b

    def add(self, box: Box, kinds: np.ndarray) -> None:
        """Label the pixels of ``box``; neighbours of one kind belong together, kind 0 to none."""
        connectivity = kinds.ndim if self._corners else 1
        numbers, count = label(kinds, background=0, connectivity=connectivity, return_num=True)
        before = len(self._kinds) - 1
        if before + count > MOST:
            raise ValueError(
                f"there are more than {number(MOST)} separate parts: raise the threshold, "
                "and look whether the scores are noise"
            )
        self._parts.append(measure(numbers, kinds, box, self._shape, count))
        self._kinds = np.concatenate([self._kinds, self._parts[-1].kind[1:]])
        parts = np.where(numbers > 0, numbers + before, 0).astype(np.int32)
        if self._sign > 0:
            self._store[box] = parts
        else:
            self._store[box] = np.where(parts > 0, -parts, self._store[box])
        for axis in [axis for axis, part in enumerate(box) if part.start > 0]:
            self._join(axis, box, parts)

    def regions(self) -> tuple[Regions, np.ndarray]:
        """Return the regions, in the order of their first pixels, and the region of each part."""
        parts = self._parts[0]
        parts.extend(*self._parts[1:])
        self._parts = [parts]
        keys = np.concatenate([np.zeros(0, np.int64), *self._joins])
        pairs, n = (keys >> 32, keys & MOST), len(parts) + 1
        graph = coo_array((np.ones(len(keys), bool), pairs), shape=(n, n))
        count, group = connected_components(graph, directed=False)
        earliest = np.full(count, np.iinfo(np.int64).max)
        np.minimum.at(earliest, group, np.concatenate([[-1], parts.first[1:]]))  # 0 stays 0
        rank = np.empty(count, np.int64)
        rank[np.argsort(earliest)] = np.arange(count)
        return parts.joined(rank[group]), rank[group]

    def _join(self, axis: int, box: Box, parts: np.ndarray) -> None:
        """Note which parts touch across the face of ``box`` at its start along ``axis``.

        Through corners, the face of the neighbours is one pixel wider along the later axes: what
        is diagonal along an earlier axis is found from there.
        """
        wider = [self._corners and later > axis for later in range(len(box))]
        outer = [
            slice(max(part.start - wide, 0), min(part.stop + wide, size))
            for part, wide, size in zip(box, wider, self._shape, strict=True)
        ]
        outer[axis] = slice(box[axis].start - 1, box[axis].start)
        beyond = self._sign * np.asarray(self._store[tuple(outer)])
        here = np.take(parts, [0], axis=axis)
        steps = (-1, 0, 1) if self._corners else (0,)
        for shift in product(*((0,) if n == axis else steps for n in range(len(box)))):
            one, other = _overlap(here, beyond, box, tuple(outer), axis, shift)
            touch = (one > 0) & (other > 0)
            mine, theirs = one[touch].astype(np.int64), other[touch].astype(np.int64)
            same = self._kinds[mine] == self._kinds[theirs]
            self._joins.append(np.unique((mine[same] << 32) + theirs[same]))


def _overlap(
    here: np.ndarray, beyond: np.ndarray, box: Box, outer: Box, axis: int, shift: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Cut both faces to the pixels that have their neighbour, ``shift`` away, in the other."""
    one, other = [], []
    for place, (mine, theirs, step) in enumerate(zip(box, outer, shift, strict=True)):
        if place == axis:
            one.append(slice(None))
            other.append(slice(None))
            continue
        start = max(mine.start, theirs.start - step)
        stop = min(mine.stop, theirs.stop - step)
        one.append(slice(start - mine.start, stop - mine.start))
        other.append(slice(start + step - theirs.start, stop + step - theirs.start))
    return here[tuple(one)], beyond[tuple(other)]


def measure(
    numbers: np.ndarray, kinds: np.ndarray, box: Box, shape: tuple[int, ...], count: int
) -> Regions:
    """Measure parts 1…``count`` of ``box``, their places counted in the image of ``shape``."""
    regions = Regions.none(len(shape), count)
    corner = np.array([part.start for part in box], np.int64)
    steps = np.array([int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))], np.int64)
    _measure(
        in_space(np.ascontiguousarray(numbers)),
        in_space(np.ascontiguousarray(kinds)),
        _in_three(corner, 0),
        _in_three(steps, 0),
        (regions.area, regions.first, regions.kind),
        (regions.low, regions.high),
    )
    return regions


def in_space(array: np.ndarray) -> np.ndarray:
    """Return a view with three axes, the first of length 1 where there were two."""
    return array.reshape((1,) * (3 - array.ndim) + array.shape)


def _in_three(values: np.ndarray, before: int) -> np.ndarray:
    return np.concatenate([np.full(3 - len(values), before, np.int64), values])


@jit
def _measure(
    numbers: np.ndarray,
    kinds: np.ndarray,
    corner: np.ndarray,
    steps: np.ndarray,
    totals: tuple[np.ndarray, np.ndarray, np.ndarray],
    boxes: tuple[np.ndarray, np.ndarray],
) -> None:
    area, first, kind = totals
    low, high = boxes
    missing = 3 - low.shape[1]
    place = np.empty(3, np.int64)
    for z in range(numbers.shape[0]):
        for y in range(numbers.shape[1]):
            for x in range(numbers.shape[2]):
                n = numbers[z, y, x]
                if n == 0:
                    continue
                place[0], place[1], place[2] = z + corner[0], y + corner[1], x + corner[2]
                if area[n] == 0:
                    first[n] = place[0] * steps[0] + place[1] * steps[1] + place[2] * steps[2]
                    kind[n] = kinds[z, y, x]
                area[n] += 1
                for axis in range(missing, 3):
                    low[n, axis - missing] = min(low[n, axis - missing], place[axis])
                    high[n, axis - missing] = max(high[n, axis - missing], place[axis] + 1)


class RegionStore:
    """Regions 1, 2, … of an image, kept as part numbers in ``store`` (int32, array-like).

    Numbers above 0 are parts of regions, numbers below 0 parts of the background around them.
    """

    def __init__(
        self, store: PixelStore, shape: tuple[int, ...], regions: Regions, of_part: np.ndarray
    ):
        self.store = store
        self.shape = shape
        self.regions = regions
        self.of_part = of_part  # region of each part
        self._table = of_part.astype(np.int32)

    @property
    def parts(self) -> int:
        """Number of parts of regions."""
        return len(self.of_part) - 1

    def read(self, box: Box) -> np.ndarray:
        """Return the region of each pixel in ``box``, int32."""
        return self.regions_of(np.asarray(self.store[box]))

    def regions_of(self, parts: np.ndarray) -> np.ndarray:
        """Return the region of each of ``parts``, int32."""
        return self._table[parts]

    def drop_small(self, min_area: int) -> None:
        """Turn regions of fewer than ``min_area`` pixels into background."""
        self._keep(np.flatnonzero(self.regions.area >= max(min_area, 1)))

    def fill(self, of_hole: np.ndarray, area: np.ndarray) -> None:
        """Add background to regions: part -n to ``of_hole[n]``; ``area``: pixels each one gains."""
        self.regions.area += area
        table = np.concatenate([self.of_part, of_hole[:0:-1]])  # -1 is the last entry
        self._table = table.astype(np.int32)

    def replace(self, gone: list[int], pieces: list[Regions]) -> None:
        """Drop the regions ``gone``; ``pieces`` are in the store already, numbered on as parts."""
        before, count = len(self.regions), sum(map(len, pieces))
        self.regions.area[gone] = 0
        self.regions.extend(*pieces)
        numbers = np.arange(before + 1, before + count + 1)
        holes = self._table[len(self.of_part) :]
        self.of_part = np.concatenate([self.of_part, numbers])
        self._table = np.concatenate([self.of_part, holes]).astype(np.int32)
        self._keep(np.flatnonzero(self.regions.area))

    def _keep(self, kept: np.ndarray) -> None:
        """Keep the regions ``kept`` and number them by their first pixels."""
        old = np.concatenate([[0], kept[np.argsort(self.regions.first[kept])]])
        new = np.zeros(len(self.regions) + 1, np.int32)
        new[old] = np.arange(len(old))
        self.of_part, self._table = new[self.of_part], new[self._table]
        self.regions = Regions(**{name: values[old] for name, values in vars(self.regions).items()})


SEVERAL = -1


def fill_holes(labelling: RegionStore, largest: int, edges: Sequence[int]) -> None:
    """Give holes of up to ``largest`` pixels to the region around them; boxes have ``edges``."""
    shape = labelling.shape
    around = Components(labelling.store, shape, corners=True, sign=-1)
    for box in split(whole(shape), edges):
        around.add(box, (labelling.read(box) == 0).astype(np.uint8))
    background, of_part = around.regions()
    inner = (background.low > 0).all(axis=1) & (background.high < shape).all(axis=1)
    small = inner & (background.area <= largest)
    owner = np.zeros(len(background) + 1, np.int64)
    for box in split(whole(shape), edges):
        _own(labelling, box, np.where(small[of_part], of_part, 0), owner)
    small &= owner > 0
    owner[~small] = 0
    gained = np.zeros(len(labelling.regions) + 1, np.int64)
    np.add.at(gained, owner[small], background.area[small])
    labelling.fill(owner[of_part], gained)


def _own(labelling: RegionStore, box: Box, holes: np.ndarray, owner: np.ndarray) -> None:
    """Note the regions that touch a hole in ``box`` or across the seams before it."""
    wider = tuple(slice(max(part.start - 1, 0), part.stop) for part in box)
    parts = np.asarray(labelling.store[wider])
    _touch(in_space(parts), labelling.of_part, holes, owner)


@jit
def _touch(parts: np.ndarray, of_part: np.ndarray, of_hole: np.ndarray, owner: np.ndarray) -> None:
    depth, height, width = parts.shape
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                here = parts[z, y, x]
                for u, v, w in ((z - 1, y, x), (z, y - 1, x), (z, y, x - 1)):
                    if min(u, v, w) < 0:
                        continue
                    there = parts[u, v, w]
                    if (here < 0) == (there < 0):
                        continue
                    hole = of_hole[-min(here, there)]
                    region = of_part[max(here, there)]
                    if hole == 0 or region == 0:
                        continue
                    if owner[hole] == 0:
                        owner[hole] = region
                    elif owner[hole] != region:
                        owner[hole] = SEVERAL
