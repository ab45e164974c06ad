"""ReferencePixels: mostly unpainted pixels, at which a new preview is compared with the one shown.

Strokes leave most of an image unpainted. Empty background far from all objects may be nearly as
likely to be one class as another, and a newly fitted classifier changes it. Therefore new
classifiers and networks are fitted to what is shown at these pixels, and a change ends where too
much of the preview would change. The more strokes there are, the better is the preview, and the
more these pixels count.
"""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from napari_unet.core.annotation.annotation import UNLABELLED
from napari_unet.core.arrays.boxes import PlaneIndex
from napari_unet.core.teaching.blended_scores import BlendedScorer
from napari_unet.core.teaching.image_view import CELL, PIECE, ImageView
from napari_unet.core.teaching.pixel_classifier import FilterBank, ReferenceFeatures
from napari_unet.core.teaching.stroke_agreement import AgreementTest, Cell
from napari_unet.core.teaching.stroke_batches import NOTHING, PseudoLabels, ShownPlane
from napari_unet.core.teaching.strokes import Stroke, Strokes

CELLS = 8  # of the picture that are looked at
EACH = 100  # pixels of each
FEW = 6  # strokes up to which these pixels do not count: the preview is no better than a guess
FULL = 18  # strokes from which on these pixels count as much as all strokes, for a classifier
LEARNED = 0.25  # and so much for a network, …
WITHIN = 4  # … but for pixels so near to another class
AWAY = 16  # pixels around the box of a stroke not learned yet in which there are none
CHANGED = 0.05  # of the pixels shown as objects: as many may change at once
FEWEST = 0.01  # of all pixels: as many may change in any case
MANY = 0.35  # of all pixels: more objects, after few strokes, are shown by a guess
GUESSED = 2.0  # of those beyond that: as many more may change
STRIDES = (1.0, 0.75, 0.5, 0.35, 0.25, 0.15, 0.1, 0.05)  # of the way, that are tried
PER = PIECE // CELL  # cells along the edge of a piece


class Transition(NamedTuple):
    """A change of the preview: what was seen, what is shown, and the new state."""

    seen: BlendedScorer  # what was looked at last
    shown: BlendedScorer
    aim: BlendedScorer  # what was learned


class ReferencePixels:
    """Chooses pixels in the pieces of the image that hold strokes: those are filtered already."""

    def __init__(
        self,
        picture: ImageView,
        strokes: Strokes,
        test: AgreementTest,
        filters: FilterBank,
        seed: int,
    ) -> None:
        self._picture, self._strokes, self._test = picture, strokes, test
        self._filters, self._seed = filters, seed

    @property
    def guessed(self) -> bool:
        """Whether what is shown is from so few strokes that it is no better than a guess."""
        return len(self._strokes) <= FEW

    def held(self, shown: BlendedScorer, fresh: Collection[Stroke]) -> ReferenceFeatures | None:
        """Return what is shown of some pixels, none near ``fresh`` strokes; not of few strokes."""
        if not self._weight:
            return None
        cells = self._cells()
        labels, rng = self._test.labels(shown, cells), np.random.default_rng(self._seed)
        features, kinds = [], []
        for plane, *place in cells:
            inside = rng.integers(0, CELL, (EACH, 2))
            pixels = inside + np.array(place) * CELL
            kept = self._kept(plane, pixels, fresh)
            features.append(self._filters.at(plane, pixels[kept]))
            kinds.append(labels[plane, place[0], place[1]][tuple(inside[kept].T)])
        return ReferenceFeatures(np.concatenate(features), np.concatenate(kinds), self._weight)

    def unpainted(self, shown: BlendedScorer, fresh: Collection[Stroke]) -> PseudoLabels:
        """Return what is shown in the cells; nothing of few strokes.

        Not near ``fresh`` strokes, and not where classes meet: there a network gets better by
        itself, and what would drift is empty parts.
        """
        if not self._weight:
            return NOTHING
        cells = self._cells()
        planes = {plane: ShownPlane(self._picture.working) for plane, *_ in cells}
        for (plane, row, column), labels in self._test.labels(shown, cells).items():
            planes[plane].keep((row, column), _inner(labels))
        for stroke in fresh:
            if stroke.plane in planes:
                planes[stroke.plane].forget(self._around(stroke))
        return PseudoLabels(planes, LEARNED * self._weight)

    def score_cells(self, shown: BlendedScorer) -> None:
        """Let ``shown`` score the cells of the reference pixels and keep the scores."""
        self._test.values(shown, self._cells())

    def stride(self, way: Transition, fresh: Collection[Stroke], wrong: float) -> float:
        """Return how far to go at once from what is shown to what was learned: 1 is all the way.

        As far as no more pixels, those near ``fresh`` strokes left out, differ from what was seen
        last than are a small part of those seen as objects: so much of them, at most, can be lost
        from one look to the next. 0 where what is shown already differs by so much. Of a guess that
        had a part of the newest strokes ``wrong`` more may change.
        """
        before, start, end = self._values_of(way, fresh)
        if not start.size:
            return 1.0
        labels = before.argmax(axis=0)
        objects = float((labels > 0).mean())
        allowed = max(CHANGED * objects, FEWEST)
        if objects > MANY:
            few = min(FEW / len(self._strokes), 1.0)
            allowed += GUESSED * (objects - MANY) * few * wrong
        for share in STRIDES:
            differs = (start + share * (end - start)).argmax(axis=0) != labels
            if float(differs.mean()) <= allowed:
                return share
        return STRIDES[-1] if way.seen is way.shown else 0.0

    def _values_of(self, way: Transition, fresh: Collection[Stroke]) -> list[np.ndarray]:
        """Return the values (K, n) of each of three at the same pixels, none near ``fresh``."""
        cells = self._cells()
        values = [self._test.values(scorer, cells) for scorer in way]
        parts = []
        for cell in cells:
            plane, *place = cell
            pixels = np.indices((CELL, CELL)).reshape(2, -1).T + np.array(place) * CELL
            kept = self._kept(plane, pixels, fresh)
            ends = (part[cell][:, :CELL, :CELL].reshape(len(part[cell]), -1) for part in values)
            parts.append([end[:, kept] for end in ends])
        return [np.concatenate(part, axis=1) for part in zip(*parts, strict=True)]

    def _kept(self, plane: PlaneIndex, pixels: np.ndarray, fresh: Collection[Stroke]) -> np.ndarray:
        """Return which pixels (n, 2) lie in the picture and not near ``fresh`` strokes."""
        kept = (pixels < self._picture.working).all(axis=1)
        for stroke in fresh:
            if stroke.plane == plane:
                low, stop = zip(*((s.start, s.stop) for s in self._around(stroke)), strict=True)
                kept &= ~((pixels >= low) & (pixels < stop)).all(axis=1)
        return np.asarray(kept)

    def _around(self, stroke: Stroke) -> tuple[slice, ...]:
        """Return the rows and columns near a stroke."""
        own = self._strokes.working_pixels(stroke)
        ends = zip(own.min(axis=0).tolist(), own.max(axis=0).tolist(), strict=True)
        return tuple(slice(max(low - AWAY, 0), high + AWAY + 1) for low, high in ends)

    @property
    def _weight(self) -> float:
        """How much these pixels count for a pixel classifier."""
        return min(max((len(self._strokes) - FEW) / (FULL - FEW), 0.0), 1.0)

    def _cells(self) -> list[Cell]:
        """Return some cells of the pieces that hold strokes; the same ones for the same pieces."""
        every = self._every()
        chosen = np.random.default_rng(self._seed).permutation(len(every))[:CELLS]
        return [every[number] for number in sorted(chosen.tolist())]

    def _every(self) -> list[Cell]:
        pieces = {
            (stroke.plane, row, column)
            for stroke in self._strokes
            for row, column in np.unique(
                self._strokes.working_pixels(stroke) // PIECE, axis=0
            ).tolist()
        }
        rows, columns = (-(-edge // CELL) for edge in self._picture.working)
        return [
            (plane, row, column)
            for plane, y, x in sorted(pieces)
            for row in range(y * PER, min(y * PER + PER, rows))
            for column in range(x * PER, min(x * PER + PER, columns))
        ]


def _inner(labels: np.ndarray) -> np.ndarray:
    """Return labels of a cell without those at which classes meet."""
    around = 2 * WITHIN + 1
    met = maximum_filter(labels, around) != minimum_filter(labels, around)
    return np.where(met, np.uint8(UNLABELLED), labels)
