"""Anchors: pixels, nearly all unpainted, at which what comes next is compared with what is shown.

A new glance is held to it, and the gate hears how much a candidate would change.

Strokes leave most of a picture unseen; empty background far from all objects may hang between two
classes, and a glance fitted anew tips it over. The longer the network has learnt, the better is
what is shown there, and the more it counts.
"""

from collections.abc import Collection

import numpy as np

from napari_unet.core.teaching.exam import CELL, Cell, Exam
from napari_unet.core.teaching.filters import Filters
from napari_unet.core.teaching.glance import Held
from napari_unet.core.teaching.picture import PIECE, Picture
from napari_unet.core.teaching.screen import Screen
from napari_unet.core.teaching.strokes import Plane, Stroke, Strokes

CELLS = 8  # of the picture that are looked at
EACH = 150  # pixels of each
FULL = 200  # steps of learning after which anchors count as much as all strokes
LEAST = 0.25  # of that, from the beginning
AWAY = 16  # pixels around the box of a stroke not learnt yet in which there are none
PER = PIECE // CELL  # cells along the edge of a piece


class Anchors:
    """Finds anchors in the pieces of a picture that hold strokes: those are filtered already."""

    def __init__(
        self, picture: Picture, strokes: Strokes, exam: Exam, filters: Filters, seed: int
    ) -> None:
        self._picture, self._strokes, self._exam = picture, strokes, exam
        self._filters, self._seed = filters, seed

    def held(self, shown: Screen, fresh: Collection[Stroke], steps: int) -> Held:
        """Return what is shown of some pixels, none near ``fresh`` strokes, after so many steps."""
        cells = self._cells()
        labels, rng = self._exam.labels(shown, cells), np.random.default_rng(self._seed)
        looks, kinds = [], []
        for plane, *place in cells:
            inside = rng.integers(0, CELL, (EACH, 2))
            pixels = inside + np.array(place) * CELL
            kept = self._kept(plane, pixels, fresh)
            looks.append(self._filters.at(plane, pixels[kept]))
            kinds.append(labels[plane, place[0], place[1]][tuple(inside[kept].T)])
        weight = float(np.clip(steps / FULL, LEAST, 1.0))
        return Held(np.concatenate(looks), np.concatenate(kinds), weight)

    def changed(self, shown: Screen, candidate: Screen, fresh: Collection[Stroke]) -> float:
        """Return the share of pixels, those near ``fresh`` strokes left out, that would change."""
        cells = self._cells()
        before, after = (self._exam.labels(screen, cells) for screen in (shown, candidate))
        changed = looked_at = 0
        for cell in cells:
            plane, *place = cell
            pixels = np.indices((CELL, CELL)).reshape(2, -1).T + np.array(place) * CELL
            kept = self._kept(plane, pixels, fresh)
            differs = before[cell][:CELL, :CELL] != after[cell][:CELL, :CELL]
            changed += int(differs.ravel()[kept].sum())
            looked_at += int(kept.sum())
        return changed / max(looked_at, 1)

    def _kept(self, plane: Plane, pixels: np.ndarray, fresh: Collection[Stroke]) -> np.ndarray:
        """Return which pixels (n, 2) lie in the picture and not near ``fresh`` strokes."""
        kept = (pixels < self._picture.working).all(axis=1)
        for stroke in fresh:
            if stroke.plane == plane:
                own = self._strokes.working_pixels(stroke)
                low, high = own.min(axis=0) - AWAY, own.max(axis=0) + AWAY
                kept &= ~((pixels >= low) & (pixels <= high)).all(axis=1)
        return np.asarray(kept)

    def _cells(self) -> list[Cell]:
        """Return some cells of the pieces that hold strokes; the same ones for the same pieces."""
        pieces = {
            (stroke.plane, row, column)
            for stroke in self._strokes
            for row, column in np.unique(
                self._strokes.working_pixels(stroke) // PIECE, axis=0
            ).tolist()
        }
        rows, columns = (-(-edge // CELL) for edge in self._picture.working)
        every = [
            (plane, row, column)
            for plane, y, x in sorted(pieces)
            for row in range(y * PER, min(y * PER + PER, rows))
            for column in range(x * PER, min(x * PER + PER, columns))
        ]
        chosen = np.random.default_rng(self._seed).permutation(len(every))[:CELLS]
        return [every[number] for number in sorted(chosen.tolist())]
