"""Score tiles with a live network and with the pixel classifier, and blend the two.

The values of both, before the softmax, are averaged: where one of them is unsure the other decides.
A network that has learned little gives small values and therefore counts little.

A person who corrects a place expects the correction at once, and no change elsewhere. Around a
stroke that is not learned yet the newest pixel classifier decides: where it gives the class of the
stroke, that class is shown. Away from the stroke the same classifier is faded in.
"""

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch.func import functional_call

from napari_unet.core.arrays.boxes import Box, PlaneIndex, read_mirrored, shape_of
from napari_unet.core.network.legal_sizes import border, input_size
from napari_unet.core.network.unet import UNet
from napari_unet.core.segmentation.image_reader import Reader
from napari_unet.core.segmentation.precision import faster_copy
from napari_unet.core.teaching.image_view import DIMS, ImageView
from napari_unet.core.teaching.pixel_classifier import FilterBank, PixelClassifier
from napari_unet.core.teaching.strokes import Stroke, Strokes

NEAR = 8  # pixels around a stroke in which the pixel classifier decides alone
REACH = 24  # pixels at which it has no more to say than elsewhere


@dataclass(frozen=True, eq=False)
class StrokeNeighbourhood:
    """The share of the newest pixel classifier around one stroke, at the working size."""

    plane: PlaneIndex
    kind: int  # the class that was painted
    corner: tuple[int, int]  # may lie beyond the edges
    share: np.ndarray  # (rows, columns) float32, 0 to 1

    @classmethod
    def around(cls, plane: PlaneIndex, kind: int, pixels: np.ndarray) -> "StrokeNeighbourhood":
        """Return the area around the ``pixels`` (n, 2) of a stroke."""
        low = pixels.min(axis=0) - REACH
        away = np.ones(pixels.max(axis=0) + REACH + 1 - low, bool)
        away[tuple((pixels - low).T)] = False
        distance = distance_transform_edt(away)
        share = np.clip((REACH - distance) / (REACH - NEAR), 0, 1).astype(np.float32)
        return cls(plane, kind, (int(low[0]), int(low[1])), share)

    def met(self, plane: PlaneIndex, spans: tuple[slice, ...]) -> tuple[slice, ...] | None:
        """Return where it meets the box ``spans`` of a plane, or None."""
        if plane != self.plane:
            return None
        common = tuple(
            slice(max(span.start, start), min(span.stop, start + length))
            for span, start, length in zip(spans, self.corner, self.share.shape, strict=True)
        )
        return common if all(part.start < part.stop for part in common) else None

    def corrected(self, values: np.ndarray, near: np.ndarray, box: tuple[slice, ...]) -> np.ndarray:
        """Return the values (K, *box) with those of the classifier, ``near``, where it says so.

        ``box`` lies in the area, in pixels of the plane.
        """
        inside = tuple(
            slice(part.start - start, part.stop - start)
            for part, start in zip(box, self.corner, strict=True)
        )
        share = self.share[inside] * (near.argmax(axis=0) == self.kind)
        return np.asarray(values + share * (near - values))


def areas_around(some: Iterable[Stroke], strokes: Strokes) -> tuple[StrokeNeighbourhood, ...]:
    """Return the areas around some of the ``strokes``, at their working size."""
    return tuple(
        StrokeNeighbourhood.around(s.plane, s.kind, strokes.working_pixels(s)) for s in some
    )


NETWORK = 0.65  # how much the network counts, beside the pixel classifier
LARGE = 2**16  # pixels of a tile from which on a faster copy of the network is worth making
KEPT = 2**23  # scores kept: 32 MB


class TilePlace(NamedTuple):
    """Where the scores of a tile lie, at the working size; part of it may be beyond the edges."""

    plane: PlaneIndex
    box: tuple[tuple[int, int], ...]  # first and last but one, of rows and of columns

    @property
    def spans(self) -> tuple[slice, ...]:
        """The box as slices."""
        return tuple(slice(*span) for span in self.box)


@dataclass(frozen=True, eq=False)
class ClassifierPart:
    """A pixel classifier and its filters; in ``areas`` the ``newest`` classifier decides."""

    classifier: PixelClassifier
    filters: FilterBank
    network: float = NETWORK  # how much the network counts; 0: it is not asked at all
    newest: PixelClassifier | None = None
    areas: tuple[StrokeNeighbourhood, ...] = ()

    def added_to(self, values: np.ndarray, place: TilePlace) -> np.ndarray:
        """Return the values (K, *output) of both."""
        spans = place.spans
        own = self.classifier.values(self.filters.of(place.plane, spans))
        blended = self.network * values + (1 - self.network) * own if self.network else own
        if self.newest is not None:
            for area in self.areas:
                self._correct(blended, place, area, self.newest)
        return blended

    def _correct(
        self,
        values: np.ndarray,
        place: TilePlace,
        area: StrokeNeighbourhood,
        newest: PixelClassifier,
    ) -> None:
        """Write the values of the newest classifier where an area of a stroke meets a place."""
        box = area.met(place.plane, place.spans)
        if box is not None:
            near = newest.values(self.filters.of(place.plane, box))
            inside = (
                slice(part.start - span.start, part.stop - span.start)
                for part, span in zip(box, place.spans, strict=True)
            )
            at = (slice(None), *inside)
            values[at] = area.corrected(values[at], near, box)

    def toward(self, aim: "ClassifierPart", share: float) -> "ClassifierPart":
        """Return what is ``share`` of the way to ``aim``, with the areas of ``aim``."""
        if share == 0.0:
            return replace(aim, classifier=self.classifier, network=self.network)
        network = self.network + share * (aim.network - self.network)
        return replace(
            aim, classifier=self.classifier.toward(aim.classifier, share), network=network
        )

    def differs(self, other: "ClassifierPart", place: TilePlace) -> bool:
        """Tell whether another one may add something else there, of the same network."""
        if self.classifier is not other.classifier or self.network != other.network:
            return True
        areas = (*self.areas, *other.areas)
        return any(area.met(place.plane, place.spans) for area in areas)

    def regrouped(self, kept: Sequence[int | None]) -> "ClassifierPart":
        """Return it for other classes, without the areas, which belong to the old classes."""
        return replace(self, classifier=self.classifier.regrouped(kept), newest=None, areas=())


class BlendedScorer:
    """Scores tiles, and keeps scores of places, those of the network as long as its weights."""

    def __init__(
        self, network: UNet, weights: dict[str, torch.Tensor], beside: ClassifierPart | None = None
    ) -> None:
        self.network = network  # of this architecture; its own weights are not used
        self.weights = weights
        self.beside = beside
        self._network_scores = _NetworkScores(network, weights)
        self._network_cache, self._cache = _ScoreMemory(), _ScoreMemory()

    def with_beside(self, beside: ClassifierPart | None) -> "BlendedScorer":
        """Return the same network with another pixel classifier beside it."""
        other = copy.copy(self)
        other.beside, other._cache = beside, _ScoreMemory()
        if beside is not None and self.beside is not None:
            other._cache = self._cache.where(partial(_agree, self.beside, beside))
        return other

    def scores(self, tiles: np.ndarray, places: Sequence[TilePlace]) -> np.ndarray:
        """Return the scores (B, K, *output) of tiles (B, C, *input) whose output lies there."""
        return _softmax(np.stack(self.values(tiles, places)))

    def values(self, tiles: np.ndarray, places: Sequence[TilePlace]) -> list[np.ndarray]:
        """Return the same before the softmax."""
        beside = self.beside
        if beside is None:
            return self._network_cache.of(places, partial(self._network_scores, tiles))
        return self._cache.of(places, partial(self._added, beside, tiles, places))

    def _added(
        self, beside: ClassifierPart, tiles: np.ndarray, places: Sequence[TilePlace], new: list[int]
    ) -> list[np.ndarray]:
        some, values = [places[k] for k in new], [np.empty(0)] * len(new)
        if beside.network:
            values = self._network_cache.of(some, partial(self._network_scores, tiles[new]))
        return [beside.added_to(value, place) for value, place in zip(values, some, strict=True)]


def _agree(one: ClassifierPart, other: ClassifierPart, place: TilePlace) -> bool:
    return not one.differs(other, place)


class _NetworkScores:
    """What a network with these weights says of tiles, before the softmax.

    At the first large tile, which is one of a preview, a faster copy is made where there is one.
    Making it takes as long as some cells of a test, so that tests alone do not make it.
    """

    def __init__(self, network: UNet, weights: dict[str, torch.Tensor]) -> None:
        self._network, self._weights = network, weights
        self._fast: UNet | None = None
        self._tried = False

    def __call__(self, tiles: np.ndarray, new: list[int]) -> list[np.ndarray]:
        """Return the values (K, *output) of the ``new`` ones of ``tiles`` (B, C, *input)."""
        if not self._tried and tiles[0, 0].size >= LARGE:
            self._fast, self._tried = self._made(), True
        with torch.inference_mode():
            pixels = torch.from_numpy(tiles[new]).to(self._weights["head.weight"].device)
            pixels = pixels.contiguous(memory_format=torch.channels_last)
            if self._fast is not None:
                return list(self._fast(pixels).contiguous().numpy())
            self._network.eval()
            values = functional_call(self._network, self._weights, (pixels,))
            return list(values.contiguous().cpu().numpy())

    def _made(self) -> UNet | None:
        network = copy.deepcopy(self._network)
        network.load_state_dict(self._weights)
        return faster_copy(network)


class _ScoreMemory:
    """Scores of places; beyond KEPT numbers those computed first are dropped."""

    def __init__(self) -> None:
        self._kept: OrderedDict[TilePlace, np.ndarray] = OrderedDict()

    def where(self, holds: Callable[[TilePlace], bool]) -> "_ScoreMemory":
        """Return the scores of the places of which ``holds`` is true."""
        memory = _ScoreMemory()
        memory._kept.update((place, one) for place, one in self._kept.items() if holds(place))
        return memory

    def of(
        self, places: Sequence[TilePlace], ask: Callable[[list[int]], list[np.ndarray]]
    ) -> list[np.ndarray]:
        """Return the scores of ``places``; ``ask`` computes the new ones, given their numbers."""
        new = [k for k, place in enumerate(places) if place not in self._kept]
        if new:
            self._kept.update((places[k], one) for k, one in zip(new, ask(new), strict=True))
        values = [self._kept[place] for place in places]
        size = sum(one.size for one in self._kept.values())
        while size > KEPT:
            size -= self._kept.popitem(last=False)[1].size
        return values


def _softmax(values: np.ndarray) -> np.ndarray:
    scores = np.exp(values - values.max(axis=1, keepdims=True))
    scores /= scores.sum(axis=1, keepdims=True)
    return np.asarray(scores, np.float32)


OUTPUT = 256  # pixels along the edge of a tile of a preview, at the working size: 50 ms of one core


def predict(picture: ImageView, scorer: BlendedScorer, box: Box) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (*box) uint8 and scores (K, *box) float32 of a box with axes T, Z, Y, X."""
    scores = np.empty((scorer.network.classes, *shape_of(box)), np.float32)
    depth = scorer.network.depth
    reader = Reader(picture.view, picture.contrast, picture.grid(depth))
    for tile in reader.grid.tiles((input_size(depth, OUTPUT),) * DIMS, box):
        plane = tuple(part.start for part in tile.read[:-DIMS])
        source = picture.plane(plane)
        pixels = read_mirrored(source, (slice(0, source.shape[0]), *tile.read[-DIMS:]))
        lost = border(depth)
        output = tuple((part.start + lost, part.stop - lost) for part in tile.read[-DIMS:])
        of_tile = scorer.scores(pixels[None], [TilePlace(plane, output)])[0]
        into, inside = _shared(tile.write, box)
        scores[(slice(None), *into)] = reader.put_back(tile, of_tile)[(slice(None), *inside)]
    return scores.argmax(0).astype(np.uint8), scores


def _shared(written: Box, box: Box) -> tuple[Box, Box]:
    """Return where a tile and a box meet, counted from the box and from the tile."""
    spans = [
        (max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(written, box, strict=True)
    ]

    def from_corner_of(whole: Box) -> Box:
        return tuple(
            slice(a - part.start, b - part.start) for (a, b), part in zip(spans, whole, strict=True)
        )

    return from_corner_of(box), from_corner_of(written)
