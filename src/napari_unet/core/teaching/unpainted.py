"""Unpainted: what is shown of pixels that nobody painted; only some cells take memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from napari_unet.core.annotation import UNLABELLED
from napari_unet.core.teaching.exam import CELL
from napari_unet.core.teaching.strokes import Plane


@dataclass(eq=False)
class ShownPlane:
    """Classes shown in some cells of a plane of ``shape``, UNLABELLED elsewhere; read by boxes."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.uint8] = field(default_factory=lambda: np.dtype(np.uint8))
    _cells: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)

    def __getitem__(self, box: tuple[slice, ...]) -> np.ndarray:
        found = np.full([part.stop - part.start for part in box], UNLABELLED, np.uint8)
        for place, cell in self._cells.items():
            into, inside = _met(box, place)
            found[into] = cell[inside]
        return found

    def keep(self, place: tuple[int, int], classes: np.ndarray) -> None:
        """Keep what a cell shows; ``classes`` may be larger than the cell."""
        self._cells[place] = classes[:CELL, :CELL].copy()

    def forget(self, box: tuple[slice, ...]) -> None:
        """Keep nothing of ``box``."""
        for place, cell in self._cells.items():
            cell[_met(box, place)[1]] = UNLABELLED


class Unpainted(NamedTuple):
    """What is to be learnt beside the strokes."""

    classes: Mapping[Plane, ShownPlane]
    weight: float  # of all of it in a batch; that of the strokes is 1


NOTHING = Unpainted({}, 0.0)


def _met(
    box: tuple[slice, ...], place: tuple[int, int]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return where a box and a cell meet, counted from the box and from the cell."""
    spans = []
    for part, number in zip(box, place, strict=True):
        origin = number * CELL
        start = min(max(part.start, origin), origin + CELL)
        spans.append((part.start, origin, start, max(min(part.stop, origin + CELL), start)))
    into = tuple(slice(max(a - first, 0), max(b - first, 0)) for first, _, a, b in spans)
    return into, tuple(slice(a - origin, b - origin) for _, origin, a, b in spans)
