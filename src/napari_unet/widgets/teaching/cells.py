"""Cells: which pieces of the view show what the network says now, and which one is to come next."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from napari_unet.core.boxes import Box

EDGE = 256  # px of the network: one tile of the Teacher makes such a cell
RESAMPLED = 224  # px of it at a smaller working size, where interpolation needs a rim

Cell = tuple[int, ...]  # number along each axis; of axes that the network does not see: the index


@dataclass(frozen=True)
class Look:
    """What is on the screen: a box of the labels, and the pixel to begin at."""

    box: Box
    near: tuple[float, ...]


class Cells:
    """Cells of labels of ``shape`` whose axes are ``letters``; each remembers its epoch."""

    def __init__(self, shape: tuple[int, ...], letters: str) -> None:
        self._shape = shape
        self._seen = [letter in "YX" for letter in letters]
        self._drawn: dict[Cell, int] = {}
        self._asked: tuple[Any, ...] = ()
        self._queue: list[Cell] = []  # the next one last

    def forget(self) -> None:
        """Take all that is drawn for out of date."""
        self._drawn.clear()
        self._asked = ()

    def note(self, cell: Cell, epoch: int) -> None:
        """Remember that ``cell`` was drawn."""
        self._drawn[cell] = epoch

    def next(self, look: Look, stroke: Box | None, epoch: int, factor: int) -> Cell | None:
        """Return the cell to draw: where the last ``stroke`` is, then around the eye."""
        asked = (look, stroke, epoch, factor)
        if asked != self._asked:
            self._asked, found = asked, list(self._of(look.box, factor))
            self._queue = sorted(found, key=lambda cell: self._rank(cell, *asked), reverse=True)
        while self._queue and self._drawn.get(self._queue[-1]) == epoch:
            self._queue.pop()
        return self._queue[-1] if self._queue else None

    def box(self, cell: Cell, factor: int) -> Box:
        """Return where ``cell`` is."""
        edges = self._edges(factor)
        return tuple(
            slice(number * edge, min((number + 1) * edge, length))
            for number, edge, length in zip(cell, edges, self._shape, strict=True)
        )

    def _of(self, box: Box, factor: int) -> Iterator[Cell]:
        spans = [
            range(part.start // edge, -(-part.stop // edge))
            for part, edge in zip(box, self._edges(factor), strict=True)
        ]
        return product(*spans)

    def _edges(self, factor: int) -> list[int]:
        edge = EDGE if factor == 1 else RESAMPLED * factor
        return [edge if seen else 1 for seen in self._seen]

    def _rank(
        self, cell: Cell, look: Look, stroke: Box | None, epoch: int, factor: int
    ) -> tuple[bool, float, Cell]:
        box = self.box(cell, factor)
        touched = stroke is not None and all(
            a.start < b.stop and b.start < a.stop for a, b in zip(box, stroke, strict=True)
        )
        return not touched, distance(box, look.near), cell


def distance(box: Box, point: Sequence[float]) -> float:
    """Return how far ``point`` is from ``box``, squared, in pixels."""
    away = [
        max(part.start - at, at - (part.stop - 1), 0.0) for part, at in zip(box, point, strict=True)
    ]
    return sum(d**2 for d in away)
