"""Labelling: regions found in a store of part numbers, and which region each part belongs to."""

from typing import Any

import numpy as np

from napari_unet.core.boxes import Box
from napari_unet.core.labelling.components import Regions


class Labelling:
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
