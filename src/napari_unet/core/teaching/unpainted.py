"""Unpainted: what is shown of pixels that nobody painted; only some cells take memory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from napari_unet.core.annotation import UNLABELLED
from napari_unet.core.teaching.exam import CELL
from napari_unet.core.teaching.strokeplane import cuts
from napari_unet.core.teaching.strokes import Plane


@dataclass(eq=False)
class ShownPlane:
    """Classes shown in some cells of a plane of ``shape``, UNLABELLED elsewhere; read by boxes."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.uint8] = field(default_factory=lambda: np.dtype(np.uint8))
    _cells: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)

    def __getitem__(self, box: tuple[slice, ...]) -> np.ndarray:
        found = np.full([part.stop - part.start for part in box], UNLABELLED, np.uint8)
        for cell, into, inside in self._meeting(box):
            found[into] = cell[inside]
        return found

    def keep(self, place: tuple[int, int], classes: np.ndarray) -> None:
        """Keep what a cell shows; ``classes`` may be larger than the cell."""
        self._cells[place] = classes[:CELL, :CELL].copy()

    def forget(self, box: tuple[slice, ...]) -> None:
        """Keep nothing of ``box``."""
        for cell, _, inside in self._meeting(box):
            cell[inside] = UNLABELLED

    def _meeting(
        self, box: tuple[slice, ...]
    ) -> Iterator[tuple[np.ndarray, tuple[slice, slice], tuple[slice, slice]]]:
        """Yield the cells that a box meets, where in the box and where in the cell."""
        for row, into_y, from_y in cuts(box[0], CELL):
            for column, into_x, from_x in cuts(box[1], CELL):
                if (row, column) in self._cells:
                    yield self._cells[row, column], (into_y, into_x), (from_y, from_x)


class Unpainted(NamedTuple):
    """What is to be learnt beside the strokes."""

    classes: Mapping[Plane, ShownPlane]
    weight: float  # of all of it in a batch; that of the strokes is 1


NOTHING = Unpainted({}, 0.0)
