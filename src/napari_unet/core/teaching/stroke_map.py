"""StrokeMap: which stroke each pixel of one plane belongs to; only painted parts take memory."""

from dataclasses import dataclass, field

import numpy as np

PIECE = 256  # pixels along the edge of a piece; divisible by every working size
NONE = 0  # the number of no stroke


@dataclass(eq=False)
class StrokeMap:
    """Stroke numbers (int32, 0 none) of a plane of ``shape``, read and written box by box.

    ``factor`` pixels of the image along each axis are one pixel here.
    """

    shape: tuple[int, ...]
    factor: int = 1
    dtype: np.dtype[np.int32] = field(default_factory=lambda: np.dtype(np.int32))
    _pieces: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)

    def __getitem__(self, box: tuple[slice, ...]) -> np.ndarray:
        rows, columns = box
        found = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.int32)
        for key, here, there in self._meeting(rows, columns):
            if key in self._pieces:
                found[here] = self._pieces[key][there]
        return found

    def write(self, box: tuple[slice, ...], numbers: np.ndarray) -> None:
        """Replace what ``box`` holds."""
        for key, here, there in self._meeting(*box):
            if key not in self._pieces:
                if not numbers[here].any():
                    continue
                self._pieces[key] = np.zeros((self._edge,) * 2, np.int32)
            self._pieces[key][there] = numbers[here]

    def shrink(self, whole: "StrokeMap", box: tuple[slice, ...]) -> None:
        """Take over ``box`` of the plane at full size: a pixel goes to the stroke it has most of.

        ``box`` is in pixels of the image.
        """
        factor = self.factor
        first = [part.start // factor for part in box]
        last = [-(-part.stop // factor) for part in box]
        full = (slice(a * factor, b * factor) for a, b in zip(first, last, strict=True))
        numbers = _most_frequent(whole[tuple(full)], factor)
        self.write(tuple(slice(a, b) for a, b in zip(first, last, strict=True)), numbers)

    @property
    def painted(self) -> list[tuple[slice, slice]]:
        """The boxes outside of which nothing was ever painted."""
        edge = self._edge
        return [
            (slice(y * edge, y * edge + edge), slice(x * edge, x * edge + edge))
            for y, x in self._pieces
        ]

    @property
    def _edge(self) -> int:
        return PIECE // self.factor

    def _meeting(
        self, rows: slice, columns: slice
    ) -> list[tuple[tuple[int, int], tuple[slice, slice], tuple[slice, slice]]]:
        """Return the pieces that a box meets: their key, where in the box, where in the piece."""
        return [
            ((y, x), (into_y, into_x), (from_y, from_x))
            for y, into_y, from_y in cuts(rows, self._edge)
            for x, into_x, from_x in cuts(columns, self._edge)
        ]


def cuts(part: slice, edge: int) -> list[tuple[int, slice, slice]]:
    """Return the pieces of ``edge`` pixels a span meets: number, where in it, where in each."""
    found = []
    for number in range(part.start // edge, -(-part.stop // edge)):
        start, stop = max(part.start, number * edge), min(part.stop, number * edge + edge)
        origin = number * edge
        into = slice(start - part.start, stop - part.start)
        found.append((number, into, slice(start - origin, stop - origin)))
    return found


def _most_frequent(numbers: np.ndarray, factor: int) -> np.ndarray:
    """Return the number that each square of ``factor`` pixels holds most often, 0 left aside."""
    height, width = (n // factor for n in numbers.shape)
    rows = numbers.reshape(height, factor, width, factor)
    squares = rows.swapaxes(1, 2).reshape(height, width, factor**2)
    found = np.zeros((height, width), np.int32)
    painted = squares.any(axis=2)
    some = squares[painted]
    votes = (some[:, :, None] == some[:, None, :]).sum(axis=2) * (some != NONE)
    found[painted] = some[np.arange(len(some)), votes.argmax(axis=1)]
    return found
