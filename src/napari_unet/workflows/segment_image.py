"""Segment one image in the compute thread, tile after tile.

A segmentation can be cancelled within a second, also inside a large tile or on a slow disk: the
flag is checked wherever the image is read and before every layer of the network.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from napari_unet.core.arrays.boxes import Box, Pixels
from napari_unet.workflows.scheduler import ScheduledJob
from napari_unet.workflows.segment_request import LabelOptions, ResultCache, SegmentRequest, room

if TYPE_CHECKING:
    from napari_unet.core.network.unet import UNet
    from napari_unet.core.normalisation import Contrast
    from napari_unet.core.segmentation.score_tiles import ImageScorer
    from napari_unet.core.segmentation.tiling import Tile


class Cancelled(Exception):  # noqa: N818 - it is no error, but the way out
    """Raised to leave a job that was cancelled."""


class CancelFlag:
    """Says whether a job is to end; ``work`` is that job once it is started."""

    def __init__(self) -> None:
        self.work: ScheduledJob | None = None

    def check(self, *unused: Any) -> None:
        """Raise ``Cancelled`` if the job is to end."""
        if self.work is not None and self.work.stopping:
            raise Cancelled


class CancellableArray:
    """Image data that checks the flag whenever it is read."""

    def __init__(self, data: Pixels, cancel: CancelFlag) -> None:
        self._data = data
        self._cancel = cancel
        self.shape = data.shape
        self.dtype = data.dtype

    def __getitem__(self, box: Box) -> ArrayLike:
        self._cancel.check()
        return self._data[box]


@contextmanager
def cancellable(network: "UNet", cancel: CancelFlag) -> Iterator[None]:
    """Let every layer of ``network`` check the flag before it computes."""
    handles = [layer.register_forward_pre_hook(cancel.check) for layer in network.modules()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


QUICK = 0.7  # seconds a tile should take, so that others wait no longer
SLOW = 4.0  # seconds it may take where quick tiles would be too small
REREAD = 3.5  # times an image is read at most for the sake of quick tiles
MIDDLE = 512  # px of the middle of an image that tell its contrast before it is segmented


@dataclass(frozen=True)
class SegmentationStarted:
    """The tiles are known."""

    tiles: int
    pixels: int  # that will be written


@dataclass(frozen=True, eq=False)
class TileDone:
    """A tile is done; ``labels`` lie at ``region``, in the axes of the labels."""

    region: Box
    labels: np.ndarray
    inside: np.ndarray | None  # the pixels that are wanted, of the shape of ``labels``


@dataclass(frozen=True)
class SegmentationEstimate:
    """What a segmentation will take."""

    tiles: int
    seconds: float
    memory: int  # bytes, with what is kept
    edges: tuple[int, ...]
    precision: str


def score_image(
    request: SegmentRequest,
    options: LabelOptions,
    cache: ResultCache,
    bases: dict[bool, np.ndarray | None],
    cancel: CancelFlag,
) -> Generator[SegmentationStarted | TileDone, None, None]:
    """Score what ``request`` asks for into ``cache``, and yield each tile that is done."""
    try:
        scoring = prepared_scorer(request, cancel)
        cache.begin(request, scoring, bases)
        part = request.part
        tiles = list(scoring.tiles(part.region, part.near))
        yield SegmentationStarted(len(tiles), sum(prod(tile.shape) for tile in tiles))
        with cancellable(scoring.scorer.network, cancel):
            yield from _blocks(scoring, tiles, request, options, cache)
    except Cancelled:
        return


def expect(request: SegmentRequest) -> SegmentationEstimate:
    """Return the estimate of ``request``; the contrast is that of the middle, to be quick."""
    from napari_unet.core.segmentation.prepare import prepare

    contrast = _contrast_of_middle(request)
    network = on_device(request)
    scoring = prepare(request.pixels.data, network, **_options(request), contrast=contrast)
    scoring = _not_too_small(scoring, request, request.pixels.data)
    plan = scoring.plan(request.part.region)
    kept = room(network.classes, scoring.shape)
    return SegmentationEstimate(
        plan.tiles,
        plan.seconds,
        plan.memory + kept,
        plan.edges,
        plan.precision,
    )


def on_device(request: SegmentRequest) -> "UNet":
    """Return the network on the device of Preferences; one elsewhere is copied, not moved."""
    import copy

    from napari_unet.core.runtime.device import choose_device

    device = choose_device(request.machine.device)
    network = request.network
    if network.head.weight.device.type == device.type:
        return network
    return copy.deepcopy(network).to(device)


def prepared_scorer(request: SegmentRequest, cancel: CancelFlag) -> "ImageScorer":
    """Return the scorer of the image, whose tiles take about a second where that is possible."""
    from napari_unet.core.segmentation.prepare import prepare

    data = CancellableArray(request.pixels.data, cancel)
    scoring = prepare(data, on_device(request), **_options(request))
    return _not_too_small(scoring, request, data)


def _not_too_small(scoring: "ImageScorer", request: SegmentRequest, data: Pixels) -> "ImageScorer":
    """Take larger tiles where quick ones would read most of the image again and again."""
    from napari_unet.core.segmentation.prepare import prepare

    grid = scoring.reader.grid
    read = prod(sum(s.read.stop - s.read.start for s in axis) for axis in grid.axes(scoring.edges))
    whole = prod(edge + 2 * scoring.scorer.network.border for edge in grid.seen)
    whole *= prod(grid.shape[: grid.leading])
    if request.tile is not None or read <= REREAD * whole:
        return scoring
    options = _options(request) | {"seconds": SLOW, "precision": scoring.scorer.precision}
    return prepare(data, on_device(request), **options, contrast=scoring.reader.contrast)


def _options(request: SegmentRequest) -> dict[str, Any]:
    return {
        "axes": request.pixels.axes,
        "pixel_size": request.pixels.pixel_size,
        "average": request.average,
        "tile": request.tile,
        "memory": request.machine.memory_bytes,
        "seconds": QUICK,
    }


def _contrast_of_middle(request: SegmentRequest) -> "Contrast":
    from napari_unet.core.normalisation import Normalisation

    data, axes = request.pixels.data, request.pixels.axes
    place = tuple(
        slice(None) if letter == "C" else _middle(edge, MIDDLE if letter in "YX" else 1)
        for letter, edge in zip(axes, data.shape, strict=True)
    )
    stored = Normalisation.of(request.network.about)
    return Normalisation(stored.low, stored.high).measure(np.asarray(data[place]), axes)


def _middle(edge: int, length: int) -> slice:
    start = max((edge - length) // 2, 0)
    return slice(start, min(start + length, edge))


def _blocks(
    scoring: "ImageScorer",
    tiles: Sequence["Tile"],
    request: SegmentRequest,
    options: LabelOptions,
    cache: ResultCache,
) -> Generator[TileDone, None, None]:
    from napari_unet.core.segmentation.kept_scores import relabel_tile

    settings = options.settings(cache.dims, len(scoring.shape))
    before = max((int(b.max(initial=0)) for b in cache.bases.values() if b is not None), default=0)
    for scored in scoring.score(tiles):
        inside = _inside(request, scored.tile.write)
        cache.scores.write(scored.tile, scored.scores, inside)
        labels = relabel_tile(scored.scores, settings, options.objects, cache.scores.order)
        if options.objects:
            labels = np.where(labels > 0, labels + before, 0)
            before = max(int(labels.max(initial=0)), before)
        yield TileDone(scored.tile.write, labels, inside)


def _inside(request: SegmentRequest, write: Box) -> np.ndarray | None:
    """Return which pixels of a tile are wanted, None if all are.

    Tiles begin on the grid of the network, a few pixels before the part that was asked for.
    """
    region, inside = request.part.region, request.part.inside
    if region is None or inside is None:
        return None
    wanted = np.zeros([part.stop - part.start for part in write], bool)
    low = [max(a.start, b.start) for a, b in zip(write, region, strict=True)]
    high = [max(min(a.stop, b.stop), c) for a, b, c in zip(write, region, low, strict=True)]
    bounds = list(zip(low, high, write, region, strict=True))
    here = tuple(slice(a - w.start, b - w.start) for a, b, w, _ in bounds)
    there = tuple(slice(a - r.start, b - r.start) for a, b, _, r in bounds)
    wanted[here] = inside[there]
    return wanted
