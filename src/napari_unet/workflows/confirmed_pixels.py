"""Which pixels of an annotation were taken over from a preview and not painted."""

from collections.abc import Iterator
from itertools import product
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import ArrayLike

from napari_unet.core.arrays.boxes import Box, box_in, shape_of

PIECE = 256  # px along the last two axes; one along the others
ROOM = "confirmed"  # the folder of a project that keeps them

_Corner = tuple[int, ...]


class Confirmed:
    """Truth values of an array of ``shape``, read and written box by box.

    Only where there are some they take memory: an annotation may be as large as a disk.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = tuple(int(edge) for edge in shape)
        self._edges = (*[1] * (len(shape) - 2), *[PIECE] * min(2, len(shape)))
        self._pieces: dict[_Corner, np.ndarray] = {}  # by first pixel; each holds some

    @classmethod
    def of(cls, pixels: np.ndarray) -> "Confirmed":
        """Return those that are not 0 in ``pixels``."""
        made = cls(pixels.shape)
        made[tuple(slice(0, edge) for edge in made.shape)] = pixels != 0
        return made

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def __getitem__(self, box: Box) -> np.ndarray:
        box = box_in(self.shape, box)
        pixels = np.zeros(shape_of(box), bool)
        for corner in self._pieces:
            into, there = self._meet(corner, box)
            pixels[into] = self._pieces[corner][there]
        return pixels

    def __setitem__(self, box: Box, pixels: ArrayLike) -> None:
        box = box_in(self.shape, box)
        new = np.broadcast_to(np.asarray(pixels, bool), shape_of(box))
        for corner in list(self._pieces) if not new.any() else list(self._corners(box)):
            into, there = self._meet(corner, box)
            wanted = new[into]
            if corner in self._pieces or wanted.any():
                piece = self._pieces.setdefault(corner, np.zeros(self._edges, bool))
                piece[there] = wanted
                if not piece.any():
                    del self._pieces[corner]

    def copy(self) -> "Confirmed":
        """Return a copy that stays as it is."""
        made = Confirmed(self.shape)
        made._pieces = {corner: piece.copy() for corner, piece in self._pieces.items()}
        return made

    def boxes(self) -> Iterator[tuple[Box, np.ndarray]]:
        """Yield boxes outside of which nothing is confirmed, and what they hold."""
        for corner in list(self._pieces):
            box = tuple(
                slice(a, min(a + step, edge))
                for a, step, edge in zip(corner, self._edges, self.shape, strict=True)
            )
            yield box, self[box]

    def whole(self) -> np.ndarray:
        """Return all of it as one array."""
        return self[tuple(slice(0, edge) for edge in self.shape)]

    def _corners(self, box: Box) -> Iterator[_Corner]:
        """Return the first pixels of the pieces that ``box`` meets, there or not."""
        edges = zip(box, self._edges, strict=True)
        return product(*(range(p.start // e * e, p.stop, e) for p, e in edges))

    def _meet(self, corner: _Corner, box: Box) -> tuple[Box, Box]:
        """Return where in ``box``, and where in the piece, the two meet, if they do."""
        into, there = [], []
        for first, edge, part in zip(corner, self._edges, box, strict=True):
            start = max(first, part.start)
            stop = max(start, min(first + edge, part.stop))
            into.append(slice(start - part.start, stop - part.start))
            there.append(slice(start - first, stop - first))
        return tuple(into), tuple(there)


def beside(file: str) -> str:
    """Return the file with the confirmed pixels of the annotation in ``file``.

    It is a folder of its own, so that no name of an annotation can be the name of such a file.
    """
    return f"{ROOM}/{PurePosixPath(file).name}"
