"""View: the tiles of a box, scored one by one: where was painted last, then around the cursor."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from napari_unet.core.annotation.annotation import UNLABELLED
from napari_unet.core.arrays.boxes import Box, read_mirrored, shape_of
from napari_unet.core.network.legal_sizes import border, input_size
from napari_unet.core.segmentation.image_reader import Reader
from napari_unet.core.segmentation.tiling import Tile
from napari_unet.core.teaching.blended_scores import BlendedScorer, TilePlace
from napari_unet.core.teaching.image_view import DIMS, AnnotationBox, ImageView
from napari_unet.core.teaching.strokes import Stroke, Strokes

OUTPUT = 256  # pixels along the edge of a scored tile, at the working size: 50 ms of one core


@dataclass(frozen=True, eq=False)
class PreviewTile:
    """Part of a preview: ``labels`` (0 background, 1…) show what was painted as it was painted."""

    box: Box  # in the annotation, in its axes
    labels: np.ndarray  # (*box) uint8
    scores: np.ndarray  # (K, *box) float32
    epoch: int


class View:
    """Scores boxes of a picture with whatever network is shown."""

    def __init__(self, picture: ImageView, strokes: Strokes) -> None:
        self._picture = picture
        self._strokes = strokes

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the annotation, axes T, Z, Y, X."""
        return self._picture.shape

    def tiles(
        self,
        scorer: BlendedScorer,
        region: AnnotationBox,
        epoch: int,
        cursor: Sequence[float] | None = None,
    ) -> Iterator[PreviewTile]:
        """Yield the tiles that cover ``region``: the last stroke, then what is near ``cursor``."""
        box, reader = region.box, self._reader(scorer)
        edge = input_size(scorer.network.depth, OUTPUT)
        middle = [(part.start + part.stop - 1) / 2 for part in box]
        ordered = list(reader.grid.tiles((edge,) * DIMS, box))
        near = middle if cursor is None else region.canonical(cursor)
        last = self._strokes.last
        ordered.sort(key=lambda tile: (not _meets(tile, last), _distance(tile, near)))
        for tile in ordered:
            scores = self._scores(scorer, reader, tile)
            write, inside = _shared(tile, box)
            scores = np.ascontiguousarray(scores[(slice(None), *inside)])
            labels = region.as_given(self._labels(write, scores))
            yield PreviewTile(region.box_given(write), labels, region.as_given(scores), epoch)

    def predict(self, scorer: BlendedScorer, box: Box) -> tuple[np.ndarray, np.ndarray]:
        """Return labels (*box) uint8 and scores (K, *box) float32, by the network alone."""
        scores = np.empty((scorer.network.classes, *shape_of(box)), np.float32)
        reader = self._reader(scorer)
        edge = input_size(scorer.network.depth, OUTPUT)
        for tile in reader.grid.tiles((edge,) * DIMS, box):
            write, inside = _shared(tile, box)
            into = (
                slice(a.start - b.start, a.stop - b.start) for a, b in zip(write, box, strict=True)
            )
            scored = self._scores(scorer, reader, tile)
            scores[(slice(None), *into)] = scored[(slice(None), *inside)]
        return scores.argmax(0).astype(np.uint8), scores

    def _reader(self, scorer: BlendedScorer) -> Reader:
        picture = self._picture
        return Reader(picture.view, picture.contrast, picture.grid(scorer.network.depth))

    def _scores(self, scorer: BlendedScorer, reader: Reader, tile: Tile) -> np.ndarray:
        plane = tuple(part.start for part in tile.read[:-DIMS])
        source = self._picture.plane(plane)
        pixels = read_mirrored(source, (slice(0, source.shape[0]), *tile.read[-DIMS:]))
        lost = border(scorer.network.depth)
        output = tuple((part.start + lost, part.stop - lost) for part in tile.read[-DIMS:])
        return reader.put_back(tile, scorer.scores(pixels[None], [TilePlace(plane, output)])[0])

    def _labels(self, box: Box, scores: np.ndarray) -> np.ndarray:
        labels = scores.argmax(0).astype(np.uint8)
        plane = tuple(part.start for part in box[:-DIMS])
        painted = self._strokes.kinds_in(plane, box[-DIMS:]).reshape(labels.shape)
        return np.where(painted == UNLABELLED, labels, painted)


def _shared(tile: Tile, box: Box) -> tuple[Box, Box]:
    """Return where a tile and a box meet, in the image and counted from the tile."""
    write = tuple(
        slice(max(a.start, b.start), min(a.stop, b.stop))
        for a, b in zip(tile.write, box, strict=True)
    )
    inside = (
        slice(a.start - b.start, a.stop - b.start) for a, b in zip(write, tile.write, strict=True)
    )
    return write, tuple(inside)


def _meets(tile: Tile, stroke: Stroke | None) -> bool:
    if stroke is None or tuple(part.start for part in tile.write[:-DIMS]) != stroke.plane:
        return False
    pairs = zip(tile.write[-DIMS:], stroke.box, strict=True)
    return all(a.start < b.stop and b.start < a.stop for a, b in pairs)


def _distance(tile: Tile, place: Sequence[float]) -> float:
    """Return how far ``place`` is from ``tile``, squared, in pixels; planes apart count most."""
    away = [
        max(part.start - at, at - (part.stop - 1), 0.0)
        for part, at in zip(tile.write, place, strict=True)
    ]
    return sum(d**2 for d in away[-DIMS:]) + 1e12 * sum(d**2 for d in away[:-DIMS])
