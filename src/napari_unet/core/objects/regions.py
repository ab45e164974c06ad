"""Labelling: regions found in a store of part numbers, and which region each part belongs to.

Fill the holes of objects: background that one object alone encloses.

Background between two objects is no hole, nor is what touches the edge of the image. Where objects
connect through faces of pixels, background connects through their corners too.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_unet.core.arrays.boxes import Box, sweep
from napari_unet.core.objects.components import Components, Regions, in_space
from napari_unet.core.runtime.jit import jit


class RegionStore:
    """Regions 1, 2, … of an image, kept as part numbers in ``store`` (int32, array-like).

    Numbers above 0 are parts of regions, numbers below 0 parts of the background around them.
    """

    def __init__(self, store: Any, shape: tuple[int, ...], regions: Regions, of_part: np.ndarray):
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
    for box in sweep(shape, edges):
        around.add(box, (labelling.read(box) == 0).astype(np.uint8))
    background, of_part = around.regions()
    inner = (background.low > 0).all(axis=1) & (background.high < shape).all(axis=1)
    small = inner & (background.area <= largest)
    owner = np.zeros(len(background) + 1, np.int64)
    for box in sweep(shape, edges):
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
