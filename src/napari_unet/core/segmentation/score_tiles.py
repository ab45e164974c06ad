"""ImageScorer: one image and one network made ready, of which any tiles can be scored in any order.

Each tile depends on nothing but the image, so a view of a large image, a run that is resumed, and
the workers of a cluster all score just the tiles they need. ``Plan`` says before a segmentation
what it will take.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf, prod
from typing import NamedTuple, TypeVar

import numpy as np
import torch

from napari_unet.core.files.image_file import ImageFile
from napari_unet.core.runtime.memory import TileMemoryError, is_out_of_memory, kept_memory
from napari_unet.core.segmentation import tile_size
from napari_unet.core.segmentation import tile_size as cost
from napari_unet.core.segmentation.image_reader import Reader, prefetch
from napari_unet.core.segmentation.scorer import TileScorer
from napari_unet.core.segmentation.tile_store import LabelStore, WrittenTile
from napari_unet.core.segmentation.tiling import Tile, work
from napari_unet.core.text import count, duration, memory, size


@dataclass(frozen=True)
class Plan:
    """What a segmentation will take; ``str`` says it in one line."""

    tiles: int
    edges: tuple[int, ...]  # of the input of a full tile, in pixels of the network
    seconds: float
    memory: int  # bytes of one tile while it is computed
    precision: str
    versions: int  # averaged over

    def __str__(self) -> str:
        tiles = f"{count(self.tiles, 'tile')} of {size(self.edges)} px"
        average = f", each scored {self.versions} times" if self.versions > 1 else ""
        return (
            f"{tiles}{average}, about {duration(self.seconds)} "
            f"in {memory(self.memory)}, {self.precision}"
        )


Part = TypeVar("Part")


class ScoredTile(NamedTuple):
    """A tile with its scores (K, *tile.shape) and, of an average, their spread (*tile.shape)."""

    tile: Tile
    scores: np.ndarray
    spread: np.ndarray | None


@dataclass(frozen=True, eq=False)
class ImageScorer:
    """Scores tiles of one image; tiles are in the axes of its labels, as they lie."""

    scorer: TileScorer
    reader: Reader
    edges: tuple[int, ...]  # input edges of a full tile, in pixels of the network

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the labels."""
        return self._as_given(self.reader.grid.shape)

    def tiles(
        self, region: Sequence[slice] | None = None, near: Sequence[float] | None = None
    ) -> Iterator[Tile]:
        """Yield the tiles, of the box ``region`` alone, those next to the point ``near`` first."""
        grid = self.reader.grid
        region = None if region is None else self._canonical(region)
        near = None if near is None else self._canonical(near)
        grid.axes(self.edges, region)  # what is wrong is said now, not at the first tile
        return (self._tile_as_given(tile) for tile in grid.tiles(self.edges, region, near))

    def plan(self, region: Sequence[slice] | None = None) -> Plan:
        """Say how many tiles there are, how long they will take, and in how much memory."""
        grid = self.reader.grid
        axes = grid.axes(self.edges, None if region is None else self._canonical(region))
        each = cost.measured(self.scorer)
        return Plan(
            tiles=prod(len(spans) for spans in axes),
            edges=self.edges,
            seconds=each.seconds * work(axes),
            memory=int((each.bytes + cost.exchanged(self.scorer, grid.growth)) * prod(self.edges)),
            precision=self.scorer.precision,
            versions=len(self.scorer.versions),
        )

    def score(self, tiles: Iterable[Tile] | None = None) -> Iterator[ScoredTile]:
        """Yield ``tiles`` (all of them where none are given) with their scores, as computed.

        While one tile is computed the next is read, in a thread. A tile for which memory is not
        enough is scored in parts, and so are those after it that are as large.
        """
        order = map(self._tile_canonical, self.tiles() if tiles is None else tiles)
        return self._score_all(prefetch(self.reader.read, order))

    def _score_all(self, read: Iterator[tuple[Tile, np.ndarray]]) -> Iterator[ScoredTile]:
        refused = _Refused()
        try:
            with kept_memory():
                for tile, pixels in read:
                    yield from self._score(tile, pixels, refused)
        finally:
            if self.scorer.fast is not None:
                self.scorer.fast.image_done()

    def _score(self, tile: Tile, pixels: np.ndarray, refused: "_Refused") -> Iterator[ScoredTile]:
        result = self._try(pixels) if pixels[0].size < refused.pixels else None
        if result is not None:
            yield self._put_back(tile, *result)
            return
        smaller = self._smaller(pixels.shape[1:], refused)
        for part in self.reader.grid.tiles(smaller, tile.write):
            yield from self._score(part, self.reader.read(part), refused)

    def _try(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray | None] | None:
        """Score; None where memory is not enough, with nothing of the attempt kept alive."""
        try:
            return self.scorer(pixels)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        if self.scorer.device.type == "cuda":
            torch.cuda.empty_cache()
        return None

    def _smaller(self, edges: tuple[int, ...], refused: "_Refused") -> tuple[int, ...]:
        """Return edges to go on with after tiles of ``edges`` were too large, and say so."""
        smaller = tile_size.halved(self.scorer.network.depth, edges, self.reader.grid.least)
        if smaller is None:
            raise TileMemoryError(
                f"memory is not enough for the smallest tile, {size(edges)} px: close other "
                "programs, choose another device, or train a network with a smaller base or depth"
            )
        if prod(edges) < refused.pixels:
            refused.pixels = prod(edges)
            warnings.warn(
                f"memory is not enough for tiles of {size(edges)} px: "
                f"going on with {size(smaller)} px",
                RuntimeWarning,
                stacklevel=2,
            )
        return smaller

    def _put_back(self, tile: Tile, scores: np.ndarray, spread: np.ndarray | None) -> ScoredTile:
        order = self.reader.image.order
        on_image = self.reader.put_back(tile, scores).transpose(0, *(1 + axis for axis in order))
        if spread is not None:
            spread = self.reader.put_back(tile, spread[None])[0].transpose(order)
        return ScoredTile(self._tile_as_given(tile), on_image, spread)

    def _as_given(self, parts: Sequence[Part]) -> tuple[Part, ...]:
        """Order what belongs to the canonical axes as the axes of the labels lie."""
        return tuple(parts[axis] for axis in self.reader.image.order)

    def _canonical(self, parts: Sequence[Part]) -> tuple[Part, ...]:
        order = self.reader.image.order
        return tuple(parts[order.index(axis)] for axis in range(len(order)))

    def _tile_as_given(self, tile: Tile) -> Tile:
        return Tile(self._as_given(tile.read), self._as_given(tile.write))

    def _tile_canonical(self, tile: Tile) -> Tile:
        return Tile(self._canonical(tile.read), self._canonical(tile.write))


@dataclass
class _Refused:
    """How large a tile was for which memory was not enough, in input pixels."""

    pixels: float = inf


Score = Callable[[ImageScorer, LabelStore, Sequence[Tile], ImageFile], Iterator[WrittenTile]]


def score_here(
    scoring: ImageScorer, store: LabelStore, tiles: Sequence[Tile], image: ImageFile
) -> Iterator[WrittenTile]:
    """Score ``tiles`` in this process; each is written while the next is computed."""
    del image
    scored = scoring.score(tiles)
    for _, note in prefetch(lambda part: store.write(part.tile, part.scores), scored):
        yield note
