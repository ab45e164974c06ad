"""Suggestions: where the next stroke would teach most, and why, in words.

With few strokes the network's own doubt says little, so places that look unlike everything painted
come first. Later half of the rank is doubt, a quarter whether the network changed its answer over
its last states, and a quarter how unlike the painted places a place looks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from napari_unet.core.arrays.boxes import Box, PlaneIndex, read_mirrored
from napari_unet.core.network.legal_sizes import border, input_size, output_size
from napari_unet.core.teaching.blended_scores import BlendedScorer, TilePlace
from napari_unet.core.teaching.image_view import DIMS, ImageView
from napari_unet.core.teaching.strokes import Strokes

EDGE = 128  # pixels along the edge of a place, at the working size
LOOKED_AT = 48  # places compared, spread evenly over the image
SCORED = 16  # of them the most promising are scored by the network
EARLY = 10  # strokes below which doubt is no guide
WORDS = {"new": "looks unlike anything you painted", "mind": "it changed its mind here lately"}


@dataclass(frozen=True)
class Suggestion:
    """A box to paint in next, axes T, Z, Y, X; ``worth`` is 0 to 1."""

    box: Box
    reason: str
    worth: float


@dataclass(frozen=True, eq=False)
class _Spot:
    """A place that may be suggested, and how much a stroke in it would teach."""

    plane: PlaneIndex
    corner: tuple[int, int]  # at the working size
    unlike: float = 0.0
    doubt: float = 0.0
    flips: float = 0.0
    pair: tuple[int, int] = (0, 1)  # the classes it hesitates between

    def worth(self, early: bool) -> float:
        """Return how much is to be learned here."""
        return self.unlike if early else (2 * self.doubt + self.flips + self.unlike) / 4


class SuggestionSearch:
    """Looks for places worth a stroke in a picture."""

    def __init__(self, picture: ImageView, strokes: Strokes, names: Callable[[int], str]) -> None:
        self._picture = picture
        self._strokes = strokes
        self._name = names

    def suggest(self, scorers: Sequence[BlendedScorer], number: int) -> list[Suggestion]:
        """Return up to ``number`` places, none next to a stroke or to one another.

        ``scorers`` score with the last published states, the newest last; there may be none.
        """
        early = len(self._strokes) < EARLY or not scorers
        spots = self._unlike(self._places())
        spots = sorted(spots, key=lambda spot: -spot.unlike)
        if not early:
            spots = [self._scored(spot, scorers) for spot in spots[:SCORED]]
        spots.sort(key=lambda spot: -spot.worth(early))
        chosen: list[_Spot] = []
        for spot in spots:
            if len(chosen) < number and all(_apart(spot, other) for other in chosen):
                chosen.append(spot)
        return [self._suggestion(spot, early) for spot in chosen]

    def _places(self) -> list[tuple[PlaneIndex, tuple[int, int]]]:
        """Return places spread over all planes and the plane, no stroke within one of them."""
        leading, size = self._picture.shape[:-DIMS], self._picture.working
        planes = list(np.ndindex(leading)) if np.prod(leading, dtype=int) <= LOOKED_AT else [
            tuple(int(i) for i in np.unravel_index(flat, leading))
            for flat in np.linspace(0, np.prod(leading) - 1, LOOKED_AT).astype(int)
        ]  # fmt: skip
        planes = sorted(set(planes) | set(self._strokes.planes))
        grid = [range(0, max(n - EDGE // 2, 1), EDGE) for n in size]
        every = [(p, (y, x)) for p in planes for y in grid[0] for x in grid[1]]
        free = [place for place in every if not self._near_stroke(*place)]
        step = max(len(free) / LOOKED_AT, 1.0)
        return [free[int(i)] for i in np.arange(0, len(free), step)]

    def _near_stroke(self, plane: PlaneIndex, corner: tuple[int, int]) -> bool:
        numbers = self._strokes.numbers(plane)
        box = tuple(slice(max(c - EDGE // 2, 0), c + EDGE + EDGE // 2) for c in corner)
        return bool(numbers[box].any())

    def _unlike(self, places: list[tuple[PlaneIndex, tuple[int, int]]]) -> list[_Spot]:
        """Compare how places look with how the painted ones do."""
        if not places:
            return []
        painted = [(s.plane, _corner(s.pixels // self._strokes.factor)) for s in self._strokes]
        here = np.array([self._appearance(*place) for place in places])
        strokes = np.array([self._appearance(*place) for place in painted[-LOOKED_AT:]])
        scale = here.std(axis=0) + 1e-6
        if len(strokes):
            apart = np.abs(here[:, None] - strokes[None]) / scale
            distance = apart.mean(axis=2).min(axis=1)
        else:
            distance = (np.abs(here - here.mean(axis=0)) / scale).mean(axis=1)
        unlike = 1 - np.exp(-distance)
        return [_Spot(*place, float(value)) for place, value in zip(places, unlike, strict=True)]

    def _appearance(self, plane: PlaneIndex, corner: tuple[int, int]) -> np.ndarray:
        """Describe a place: its gray values and how rough it is, channel by channel."""
        pixels = self._read(plane, corner, EDGE, 0)
        flat = pixels.reshape(len(pixels), -1)
        rough = [np.abs(np.diff(pixels, axis=axis)).mean(axis=(1, 2)) for axis in (1, 2)]
        levels = np.percentile(flat, [5, 25, 50, 75, 95], axis=1)
        return np.concatenate([levels.ravel(), flat.std(axis=1), *rough])

    def _scored(self, spot: _Spot, scorers: Sequence[BlendedScorer]) -> _Spot:
        depth = scorers[-1].network.depth
        scored = []
        for scorer in scorers:
            depth = scorer.network.depth
            tile = self._read(spot.plane, spot.corner, input_size(depth, EDGE), border(depth))
            place = TilePlace(spot.plane, _output(spot.corner, depth))
            scored.append(scorer.scores(tile[None], [place])[0][:, :EDGE, :EDGE])
        scores = scored[-1]
        ranked = np.sort(scores, axis=0)
        doubt = float((1 - (ranked[-1] - ranked[-2])).mean())
        labels = [one.argmax(0) for one in scored]
        flips = np.mean([a != b for a, b in pairwise(labels)] or [0.0])
        total = (scores * (ranked[-1] < 0.75)).sum(axis=(1, 2))
        first, second = sorted(np.argsort(total)[-2:].tolist())
        return _Spot(spot.plane, spot.corner, spot.unlike, doubt, float(flips), (first, second))

    def _read(self, plane: PlaneIndex, corner: tuple[int, int], edge: int, lost: int) -> np.ndarray:
        source = self._picture.plane(plane)
        spans = (slice(c - lost, c - lost + edge) for c in corner)
        return read_mirrored(source, (slice(0, source.shape[0]), *spans))

    def _suggestion(self, spot: _Spot, early: bool) -> Suggestion:
        reasons = {
            WORDS["new"]: spot.unlike,
            WORDS["mind"]: spot.flips,
            f"unsure: {self._name(spot.pair[0])} or {self._name(spot.pair[1])}": 2 * spot.doubt,
        }
        reason = WORDS["new"] if early else max(reasons, key=lambda text: reasons[text])
        factor = self._picture.factor
        inside = (
            slice(c * factor, min((c + EDGE) * factor, n))
            for c, n in zip(spot.corner, self._picture.shape[-DIMS:], strict=True)
        )
        box = (*(slice(i, i + 1) for i in spot.plane), *inside)
        return Suggestion(box, reason, spot.worth(early))


def _corner(pixels: np.ndarray) -> tuple[int, int]:
    """Return the corner of the place around some pixels."""
    row, column = (np.maximum(pixels.mean(axis=0) - EDGE / 2, 0)).astype(int).tolist()
    return row, column


def _output(corner: tuple[int, int], depth: int) -> tuple[tuple[int, int], ...]:
    """Return where the scores of a place lie: the smallest legal output may be larger than it."""
    edge = output_size(depth, input_size(depth, EDGE))
    return tuple((c, c + edge) for c in corner)


def _apart(one: _Spot, other: _Spot) -> bool:
    away = np.abs(np.subtract(one.corner, other.corner)).max()
    return one.plane != other.plane or bool(away > EDGE)
