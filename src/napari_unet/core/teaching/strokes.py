"""Strokes: what was painted, one by one, in the order it was painted.

A changed region of the annotation layer comes in, whether it was painted, erased or undone. It is
compared with the known strokes, and the differences become new strokes or are removed from old
ones. A map says which stroke each pixel of a plane belongs to; only painted parts of it take
memory.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np

from napari_unet.core.annotation.annotation import UNLABELLED
from napari_unet.core.arrays.boxes import Box, PlaneIndex, cuts

PIECE = 256  # pixels along the edge of a piece of a map; divisible by every working size
NONE = 0  # the number of no stroke
CONFIRMED_WEIGHT = 0.5  # of a pixel that took over the network's own answer


@dataclass(frozen=True, eq=False)
class Stroke:
    """The pixels of one class that were painted at once, as far as they are still there."""

    number: int  # from 1, in the order of painting
    kind: int  # class: 0 background, 1…
    plane: PlaneIndex
    pixels: np.ndarray  # (n, 2) rows and columns, int32
    confirmed: bool = False

    @property
    def weight(self) -> float:
        """How much one of its pixels counts."""
        return CONFIRMED_WEIGHT if self.confirmed else 1.0

    @property
    def box(self) -> Box:
        """The smallest box around it in its plane."""
        low, high = self.pixels.min(axis=0), self.pixels.max(axis=0) + 1
        return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


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
        numbers = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.int32)
        for key, here, there in self._meeting(rows, columns):
            if key in self._pieces:
                numbers[here] = self._pieces[key][there]
        return numbers

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


def _most_frequent(numbers: np.ndarray, factor: int) -> np.ndarray:
    """Return the number that each square of ``factor`` pixels holds most often, 0 left aside."""
    height, width = (n // factor for n in numbers.shape)
    rows = numbers.reshape(height, factor, width, factor)
    squares = rows.swapaxes(1, 2).reshape(height, width, factor**2)
    winners = np.zeros((height, width), np.int32)
    painted = squares.any(axis=2)
    some = squares[painted]
    votes = (some[:, :, None] == some[:, None, :]).sum(axis=2) * (some != NONE)
    winners[painted] = some[np.arange(len(some)), votes.argmax(axis=1)]
    return winners


class Strokes:
    """All strokes on one image whose planes have ``shape``; ``factor`` is the working size."""

    def __init__(self, shape: tuple[int, int], factor: int = 1) -> None:
        self.shape = shape
        self.factor = factor
        self._strokes: dict[int, Stroke] = {}
        self._whole: dict[PlaneIndex, StrokeMap] = {}
        self._small: dict[PlaneIndex, StrokeMap] = {}
        self._painted = 0  # strokes ever painted

    def __len__(self) -> int:
        return len(self._strokes)

    def __iter__(self) -> Iterator[Stroke]:
        return iter(list(self._strokes.values()))

    def __contains__(self, stroke: Stroke) -> bool:
        return self._strokes.get(stroke.number) is stroke

    @property
    def kinds(self) -> tuple[int, ...]:
        """The classes that are painted, in order."""
        return tuple(sorted({stroke.kind for stroke in self._strokes.values()}))

    @property
    def planes(self) -> tuple[PlaneIndex, ...]:
        """The planes that hold strokes."""
        return tuple(sorted({stroke.plane for stroke in self._strokes.values()}))

    def get(self, number: int) -> Stroke | None:
        """Return the stroke of this number, if something of it is left."""
        return self._strokes.get(number)

    def paint(
        self, plane: PlaneIndex, box: Box, kinds: np.ndarray, confirmed: bool | np.ndarray = False
    ) -> list[Stroke] | None:
        """Take in what ``box`` of ``plane`` holds now; return the new strokes, None if it is known.

        ``kinds`` is uint8: 0 background, 1…; 255 unlabelled. ``confirmed`` says of each pixel
        whether it is, or of all that are new here.
        """
        whole = self._whole.setdefault(plane, StrokeMap(self.shape))
        numbers = whole[box]
        before = self._kinds_of(numbers)
        changed = before != kinds
        if isinstance(confirmed, np.ndarray):
            changed |= (kinds != UNLABELLED) & (self._confirmed(numbers) != confirmed)
        if not changed.any():
            return None
        touched = np.unique(numbers[changed])
        numbers[changed] = NONE
        new = []
        for kind, taken in product(np.unique(kinds[changed]).tolist(), (False, True)):
            here = changed & (kinds == kind) & (np.asarray(confirmed) == taken)
            if kind != UNLABELLED and here.any():
                new.append(self._new(kind, plane, box, here, taken))
                numbers[here] = new[-1].number
        whole.write(box, numbers)
        self._take_away(touched, plane)
        self._strokes.update((stroke.number, stroke) for stroke in new)
        if self.factor > 1:
            self._small_plane(plane).shrink(whole, box)
        return new

    def restore(self, plane: PlaneIndex, pixels: np.ndarray, kind: int, confirmed: bool) -> Stroke:
        """Add a stroke that was kept; nothing else may lie there."""
        self._painted += 1
        stroke = Stroke(self._painted, kind, plane, pixels, confirmed)
        whole, box = self._whole.setdefault(plane, StrokeMap(self.shape)), stroke.box
        numbers = whole[box]
        numbers[tuple((pixels - [part.start for part in box]).T)] = stroke.number
        whole.write(box, numbers)
        self._strokes[stroke.number] = stroke
        self._small.pop(plane, None)
        return stroke

    def numbers(self, plane: PlaneIndex) -> StrokeMap:
        """Return the stroke numbers of a plane at the working size."""
        if self.factor > 1:
            return self._small_plane(plane)
        return self._whole.setdefault(plane, StrokeMap(self.shape))

    def numbers_in(self, plane: PlaneIndex, box: Box) -> np.ndarray:
        """Return the stroke numbers of ``box`` in pixels of the image."""
        return self._whole.setdefault(plane, StrokeMap(self.shape))[box]

    def working_pixels(self, stroke: Stroke) -> np.ndarray:
        """Return the pixels (n, 2) of ``stroke`` at the working size, each once."""
        if self.factor == 1:
            return stroke.pixels
        return np.unique(stroke.pixels // self.factor, axis=0)

    def resize(self, factor: int) -> None:
        """Change the working size."""
        self.factor, self._small = factor, {}

    def remove(self, strokes: Iterable[Stroke]) -> None:
        """Take away whole strokes."""
        for stroke in list(strokes):
            whole, box = self._whole[stroke.plane], stroke.box
            numbers = whole[box]
            numbers[numbers == stroke.number] = NONE
            whole.write(box, numbers)
            del self._strokes[stroke.number]
        self._small = {}

    def renumber_kinds(self, kinds: dict[int, int]) -> None:
        """Give strokes the classes that ``kinds`` maps theirs to."""
        for number, stroke in list(self._strokes.items()):
            self._strokes[number] = replace(stroke, kind=kinds.get(stroke.kind, stroke.kind))

    def table(self) -> np.ndarray:
        """Return the class of each stroke number, uint8, 255 for those that are gone."""
        table = np.full(self._painted + 1, UNLABELLED, np.uint8)
        for stroke in self._strokes.values():
            table[stroke.number] = stroke.kind
        return table

    def _kinds_of(self, numbers: np.ndarray) -> np.ndarray:
        return self.table()[numbers]

    def _confirmed(self, numbers: np.ndarray) -> np.ndarray:
        table = np.zeros(self._painted + 1, bool)
        for stroke in self._strokes.values():
            table[stroke.number] = stroke.confirmed
        return table[numbers]

    def _new(
        self, kind: int, plane: PlaneIndex, box: Box, here: np.ndarray, confirmed: bool
    ) -> Stroke:
        self._painted += 1
        corner = [part.start for part in box]
        pixels = (np.argwhere(here) + corner).astype(np.int32)
        return Stroke(self._painted, kind, plane, pixels, confirmed)

    def _take_away(self, numbers: np.ndarray, plane: PlaneIndex) -> None:
        """Let strokes keep the pixels that are still theirs."""
        for number in numbers[numbers != NONE].tolist():
            stroke = self._strokes[number]
            box = stroke.box
            corner = [part.start for part in box]
            left = self._whole[plane][box][tuple((stroke.pixels - corner).T)] == number
            if left.any():
                self._strokes[number] = replace(stroke, pixels=stroke.pixels[left])
            else:
                del self._strokes[number]

    def _small_plane(self, plane: PlaneIndex) -> StrokeMap:
        """Return the plane at the working size, made from the whole one where it is new."""
        if plane not in self._small:
            shape = tuple(-(-n // self.factor) for n in self.shape)
            self._small[plane] = StrokeMap(shape, self.factor)
            whole = self._whole.setdefault(plane, StrokeMap(self.shape))
            for box in whole.painted:
                self._small[plane].shrink(whole, box)
        return self._small[plane]
