"""Strokes: what was painted, one by one, in the order it was painted.

A changed region of the annotation layer comes in, whether painted, erased or undone; it is compared
with what is known, and what differs becomes new strokes or is taken from old ones.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from napari_unet.core.annotation.annotation import UNLABELLED
from napari_unet.core.arrays.boxes import Box
from napari_unet.core.teaching.stroke_map import NONE, StrokeMap

CONFIRMED_WEIGHT = 0.5  # of a pixel that took over the network's own answer

PlaneIndex = tuple[int, ...]  # index along the leading axes


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
    def last(self) -> Stroke | None:
        """The stroke painted last."""
        return next(reversed(self._strokes.values()), None)

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
        found = []
        for kind, taken in product(np.unique(kinds[changed]).tolist(), (False, True)):
            here = changed & (kinds == kind) & (np.asarray(confirmed) == taken)
            if kind != UNLABELLED and here.any():
                found.append(self._new(kind, plane, box, here, taken))
                numbers[here] = found[-1].number
        whole.write(box, numbers)
        self._take_away(touched, plane)
        self._strokes.update((stroke.number, stroke) for stroke in found)
        if self.factor > 1:
            self._small_plane(plane).shrink(whole, box)
        return found

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

    def kinds_in(self, plane: PlaneIndex, box: Box) -> np.ndarray:
        """Return what is painted in ``box``, uint8: 255 where nothing is."""
        if plane not in self._whole:
            return np.full([part.stop - part.start for part in box], UNLABELLED, np.uint8)
        return self._kinds_of(self._whole[plane][box])

    def confirmed_in(self, plane: PlaneIndex, box: Box) -> np.ndarray:
        """Tell which pixels of ``box`` were confirmed and not painted."""
        return self._confirmed(self.numbers_in(plane, box))

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
