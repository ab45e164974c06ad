"""segment(): an image and a network in, labels out; score_tiles(): the scores, tile by tile."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Unpack, cast

import numpy as np

from napari_unet.core.network import UNet
from napari_unet.core.objects import ObjectSettings, label_objects
from napari_unet.core.segmenting.options import AllOptions, More
from napari_unet.core.segmenting.plan import Plan
from napari_unet.core.segmenting.prepare import prepare
from napari_unet.core.segmenting.scoring import Scoring
from napari_unet.core.segmenting.writing import Stores, fill
from napari_unet.core.tiling import Tile


class SegmentMore(More, total=False):
    """The options of ``segment`` that are seldom needed."""

    out: Any  # array of the shape of the labels, written tile by tile


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What a segmentation found, on the grid of the image, its axes without channels."""

    labels: Any  # uint8 classes, 0 background; int32 objects, 0 none, where these were asked for
    scores: np.ndarray | None = None  # (K, *labels.shape), where asked for
    uncertainty: np.ndarray | None = None  # labels.shape, float32, where asked for


def score_tiles(
    image: Any,
    network: UNet,
    *,
    axes: str | None = None,
    tile: int | Sequence[int] | None = None,
    memory: int | None = None,
    average: str = "none",
    **more: Unpack[More],
) -> Iterator[tuple[Tile, np.ndarray]]:
    """Yield every tile of ``image`` with its scores (K, *tile.shape) as soon as it has them.

    Put together they are those of the whole image: ``scores[:, *tile.write] = found``. What is
    wrong with the image is said by the call, not by the first tile; ``Options`` tells of ``more``.
    """
    scoring = prepare(image, network, axes=axes, tile=tile, memory=memory, average=average, **more)
    return ((scored.tile, scored.scores) for scored in scoring.score())


def plan_segmentation(image: Any, network: UNet, **options: Unpack[AllOptions]) -> Plan:
    """Return what segmenting ``image`` will take: tiles, seconds, memory. ``print`` it."""
    return prepare(image, network, **options).plan()


def segment(
    image: Any,
    network: UNet,
    *,
    axes: str | None = None,
    tile: int | Sequence[int] | None = None,
    memory: int | None = None,
    average: str = "none",
    objects: bool | ObjectSettings = False,
    scores: bool = False,
    **more: Unpack[SegmentMore],
) -> Segmentation:
    """Segment ``image``: the class of the highest score of each pixel, or objects.

    Labels go to ``out`` where it is given, tile by tile, so that labels on disk may be larger than
    memory; objects need the scores of the whole image in memory.
    """
    options = cast(More, {name: value for name, value in more.items() if name != "out"})
    scoring = prepare(
        image, network, axes=axes, tile=tile, memory=memory, average=average, **options
    )
    asked, shape, out = more.get("uncertainty", "none"), scoring.shape, more.get("out")
    labels = np.empty(shape, np.int32 if objects else np.uint8) if out is None else out
    found = _new_scores(scoring) if scores or objects else None
    unsure = None if asked == "none" else np.empty(shape, np.float32)
    stores = Stores(
        labels=None if objects else labels,
        scores=found,
        entropy=unsure if asked == "entropy" else None,
        spread=unsure if asked == "spread" else None,
    )
    for _ in fill(scoring, stores):
        pass
    if found is not None and objects:
        labels[...] = _objects(scoring, found, objects)
    return Segmentation(labels, found if scores else None, unsure)


def _new_scores(scoring: Scoring) -> np.ndarray:
    network = scoring.scorer.network
    kind = np.float64 if scoring.precision == "float64" else np.float32
    return np.empty((network.classes, *scoring.shape), kind)


def _objects(scoring: Scoring, scores: np.ndarray, asked: bool | ObjectSettings) -> np.ndarray:
    """Return the objects in the scores of the whole image, over the axes the network sees."""
    order = scoring.reader.image.order
    canonical = scores.transpose(0, *(1 + axis for axis in np.argsort(order)))
    settings = asked if isinstance(asked, ObjectSettings) else ObjectSettings()
    dims = scoring.scorer.network.dims
    return label_objects(canonical, settings=settings, dims=dims).transpose(order)
