"""AgreementTest: which share of each stroke a network gets right, on the image as it is.

Only cells of the image that hold strokes are scored, each with the context it needs.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from napari_unet.core.arrays.boxes import PlaneIndex, read_mirrored
from napari_unet.core.network.legal_sizes import border, input_size, output_size
from napari_unet.core.teaching.blended_scores import BlendedScorer, TilePlace
from napari_unet.core.teaching.image_view import CELL, ImageView
from napari_unet.core.teaching.strokes import Stroke, Strokes

MOST_CELLS = 3  # of one stroke; a larger one is judged by cells spread over it
AT_ONCE = 8  # cells scored together


class Agreement(NamedTuple):
    """How many pixels of a stroke were looked at, and how many were right."""

    kind: int
    right: int
    pixels: int
    weight: float = 1.0

    @property
    def share(self) -> float:
        """The share that was right."""
        return self.right / self.pixels


Cell = tuple[PlaneIndex, int, int]  # which cell of which plane
_Found = tuple[int, list[tuple[Cell, np.ndarray]]]  # the working size, and cells found at it


class AgreementTest:
    """Tests the agreement of networks with strokes on one image."""

    def __init__(self, picture: ImageView, strokes: Strokes) -> None:
        self._picture = picture
        self._strokes = strokes
        self._known: WeakKeyDictionary[Stroke, _Found] = WeakKeyDictionary()

    def agreements(
        self, scorer: BlendedScorer, strokes: Iterable[Stroke]
    ) -> dict[Stroke, Agreement]:
        """Return the agreement with each stroke."""
        strokes = list(strokes)
        asked = self._cells(strokes)
        labels = self.labels(scorer, list(asked))
        right: dict[Stroke, int] = defaultdict(int)
        pixels: dict[Stroke, int] = defaultdict(int)
        for place, of_strokes in asked.items():
            for stroke, at in of_strokes:
                right[stroke] += int((labels[place][tuple(at.T)] == stroke.kind).sum())
                pixels[stroke] += len(at)
        return {s: Agreement(s.kind, right[s], pixels[s], s.weight) for s in strokes}

    def labels(self, scorer: BlendedScorer, places: list[Cell]) -> dict[Cell, np.ndarray]:
        """Return the class of each pixel of some cells, uint8; they may be larger than asked."""
        values = self.values(scorer, places)
        return {place: value.argmax(0).astype(np.uint8) for place, value in values.items()}

    def values(self, scorer: BlendedScorer, places: list[Cell]) -> dict[Cell, np.ndarray]:
        """Return the values (K, rows, columns) of the same cells, before the softmax."""
        by_cell: dict[Cell, np.ndarray] = {}
        for start in range(0, len(places), AT_ONCE):
            some = places[start : start + AT_ONCE]
            tiles = np.stack([self._tile(scorer.network.depth, place) for place in some])
            values = scorer.values(tiles, [_place(cell, scorer.network.depth) for cell in some])
            by_cell.update(zip(some, values, strict=True))
        return by_cell

    def cells(self, strokes: Iterable[Stroke]) -> int:
        """Return how many cells a test on these strokes scores."""
        return len(self._cells(strokes))

    def _cells(self, strokes: Iterable[Stroke]) -> dict[Cell, list[tuple[Stroke, np.ndarray]]]:
        """Return the cells with the pixels of each stroke in them, counted from the cell."""
        by_cell: dict[Cell, list[tuple[Stroke, np.ndarray]]] = defaultdict(list)
        for stroke in strokes:
            for cell, at in self._cells_of(stroke):
                by_cell[cell].append((stroke, at))
        return by_cell

    def _cells_of(self, stroke: Stroke) -> list[tuple[Cell, np.ndarray]]:
        """Return the cells of one stroke with its pixels in them; found once."""
        factor = self._strokes.factor
        if stroke not in self._known or self._known[stroke][0] != factor:
            pixels = self._strokes.working_pixels(stroke)
            corners, which = np.unique(pixels // CELL, axis=0, return_inverse=True)
            every = max(len(corners) / MOST_CELLS, 1.0)
            parts: list[tuple[Cell, np.ndarray]] = []
            for number in np.arange(0, len(corners), every).astype(int).tolist():
                row, column = corners[number].tolist()
                at = pixels[which.ravel() == number] - corners[number] * CELL
                parts.append(((stroke.plane, row, column), at))
            self._known[stroke] = (factor, parts)
        return self._known[stroke][1]

    def _tile(self, depth: int, place: Cell) -> np.ndarray:
        plane, *corner = place
        edge, lost = input_size(depth, CELL), border(depth)
        spans = (slice(n * CELL - lost, n * CELL - lost + edge) for n in corner)
        source = self._picture.plane(plane)
        return read_mirrored(source, (slice(0, source.shape[0]), *spans))


def _place(cell: Cell, depth: int) -> TilePlace:
    """Return where the scores of a cell lie: the smallest legal output may be larger than it."""
    plane, *corner = cell
    edge = output_size(depth, input_size(depth, CELL))
    return TilePlace(plane, tuple((n * CELL, n * CELL + edge) for n in corner))


def balanced(agreements: Mapping[Stroke, Agreement]) -> float:
    """Return the share of right pixels, averaged over classes: the balanced agreement."""
    return float(np.mean(list(by_class(agreements).values()))) if agreements else 0.0


def by_class(agreements: Mapping[Stroke, Agreement]) -> dict[int, float]:
    """Return the share of right pixels of each painted class; confirmed ones weigh half."""
    right: dict[int, float] = defaultdict(float)
    pixels: dict[int, float] = defaultdict(float)
    for agreement in agreements.values():
        right[agreement.kind] += agreement.right * agreement.weight
        pixels[agreement.kind] += agreement.pixels * agreement.weight
    return {kind: right[kind] / pixels[kind] for kind in sorted(pixels)}
