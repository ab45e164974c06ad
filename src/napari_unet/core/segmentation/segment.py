"""Segment an image: ``segment`` returns labels, ``score_tiles`` yields the scores tile by tile.

The results of a tile are written in a thread while the next tile is computed.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Unpack, cast

import numpy as np
from numpy.typing import ArrayLike

from napari_unet.core.arrays.boxes import Pixels, PixelStore
from napari_unet.core.network.unet import UNet
from napari_unet.core.objects.label_objects import ObjectSettings, label_objects
from napari_unet.core.segmentation.prepare import RareOptions, prepare
from napari_unet.core.segmentation.score_tiles import ImageScorer, ScoredTile
from napari_unet.core.segmentation.tiling import Tile


@dataclass(frozen=True, eq=False)
class Stores:
    """Where results go: anything of the shape of the labels that is written in slices."""

    labels: PixelStore | None = None  # the class of the highest score, the lowest of equal ones
    scores: PixelStore | None = None  # (K, *labels.shape)
    entropy: PixelStore | None = None  # of the scores, from 0 to 1
    spread: PixelStore | None = None  # of the scores over the versions of an average

    def check(self, shape: tuple[int, ...], classes: int) -> None:
        """Refuse stores into which the results do not fit, before anything is computed."""
        for name, store in vars(self).items():
            expected = (classes, *shape) if name == "scores" else shape
            if store is not None and tuple(store.shape) != expected:
                raise ValueError(
                    f"the {name} of this image have the shape {expected} and the array "
                    f"to write them to has {tuple(store.shape)}: make one of that shape"
                )
        if self.labels is not None and np.dtype(self.labels.dtype).kind not in "ui":
            raise TypeError(f"labels are whole numbers, not {self.labels.dtype}: write to uint8")

    def write(self, scored: ScoredTile) -> Tile:
        """Write one tile and return it."""
        place = scored.tile.write
        if self.labels is not None:
            self.labels[place] = np.argmax(scored.scores, axis=0).astype(self.labels.dtype)
        if self.scores is not None:
            self.scores[(slice(None), *place)] = scored.scores
        if self.entropy is not None:
            self.entropy[place] = entropy(scored.scores)
        if self.spread is not None:
            assert scored.spread is not None
            self.spread[place] = scored.spread
        return scored.tile


def write_tiles(
    scoring: ImageScorer, stores: Stores, tiles: Iterable[Tile] | None = None
) -> Iterator[Tile]:
    """Score ``tiles`` (all where none are given) into ``stores``; yield each once it is written.

    Tiles are written in a thread while the next one is computed.
    """
    stores.check(scoring.shape, scoring.scorer.network.classes)
    return _fill(scoring, stores, tiles)


def _fill(scoring: ImageScorer, stores: Stores, tiles: Iterable[Tile] | None) -> Iterator[Tile]:
    with ThreadPoolExecutor(1, "napari-unet writer") as writer:
        waiting = None
        for scored in scoring.score(tiles):
            if waiting is not None:
                yield waiting.result()
            waiting = writer.submit(stores.write, scored)
        if waiting is not None:
            yield waiting.result()


def entropy(scores: np.ndarray) -> np.ndarray:
    """Return the entropy of ``scores`` (K, *shape) as a share of that of K equal ones, float32."""
    safe = np.maximum(scores, np.finfo(scores.dtype).tiny)
    share = -(safe * np.log(safe)).sum(axis=0) / np.log(len(scores))
    return np.clip(share, 0.0, 1.0).astype(np.float32)


class RareSegmentOptions(RareOptions, total=False):
    """The options of ``segment`` that are seldom needed."""

    out: Any  # array of the shape of the labels, written tile by tile


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What a segmentation found, on the grid of the image, its axes without channels."""

    labels: Any  # uint8 classes, 0 background; int32 objects, 0 none, where these were asked for
    scores: np.ndarray | None = None  # (K, *labels.shape), where asked for
    uncertainty: np.ndarray | None = None  # labels.shape, float32, where asked for


def score_tiles(
    image: Pixels | ArrayLike,
    network: UNet,
    *,
    axes: str | None = None,
    tile: int | Sequence[int] | None = None,
    memory: int | None = None,
    average: str = "none",
    **more: Unpack[RareOptions],
) -> Iterator[tuple[Tile, np.ndarray]]:
    """Yield every tile of ``image`` with its scores (K, *tile.shape) as soon as it has them.

    Put together they are those of the whole image: ``scores[:, *tile.write] = found``. What is
    wrong with the image is said by the call, not by the first tile; ``Options`` tells of ``more``.
    """
    scoring = prepare(image, network, axes=axes, tile=tile, memory=memory, average=average, **more)
    return ((scored.tile, scored.scores) for scored in scoring.score())


def segment(
    image: Pixels | ArrayLike,
    network: UNet,
    *,
    axes: str | None = None,
    tile: int | Sequence[int] | None = None,
    memory: int | None = None,
    average: str = "none",
    objects: bool | ObjectSettings = False,
    scores: bool = False,
    **more: Unpack[RareSegmentOptions],
) -> Segmentation:
    """Segment ``image``: the class of the highest score of each pixel, or objects.

    Labels go to ``out`` where it is given, tile by tile, so that labels on disk may be larger than
    memory; objects need the scores of the whole image in memory.
    """
    options = cast(RareOptions, {name: value for name, value in more.items() if name != "out"})
    scoring = prepare(
        image, network, axes=axes, tile=tile, memory=memory, average=average, **options
    )
    asked, shape, out = more.get("uncertainty", "none"), scoring.shape, more.get("out")
    labels = np.empty(shape, np.int32 if objects else np.uint8) if out is None else out
    stored = _new_scores(scoring) if scores or objects else None
    unsure = None if asked == "none" else np.empty(shape, np.float32)
    stores = Stores(
        labels=None if objects else labels,
        scores=stored,
        entropy=unsure if asked == "entropy" else None,
        spread=unsure if asked == "spread" else None,
    )
    for _ in write_tiles(scoring, stores):
        pass
    if stored is not None and objects:
        labels[...] = _objects(scoring, stored, objects)
    return Segmentation(labels, stored if scores else None, unsure)


def _new_scores(scoring: ImageScorer) -> np.ndarray:
    network = scoring.scorer.network
    kind = np.float64 if scoring.scorer.precision == "float64" else np.float32
    return np.empty((network.classes, *scoring.shape), kind)


def _objects(scoring: ImageScorer, scores: np.ndarray, asked: bool | ObjectSettings) -> np.ndarray:
    """Return the objects in the scores of the whole image, over the axes the network sees."""
    order = scoring.reader.image.order
    canonical = scores.transpose(0, *(1 + axis for axis in np.argsort(order)))
    settings = asked if isinstance(asked, ObjectSettings) else ObjectSettings()
    dims = scoring.scorer.network.dims
    return label_objects(canonical, settings=settings, dims=dims).transpose(order)
