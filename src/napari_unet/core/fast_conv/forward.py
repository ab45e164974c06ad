"""ForwardPass: the way of an image through a network, level by level, each shared among threads."""

from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import torch

from napari_unet.core.fast_conv.block import SQUARES, BlockBuffers, room_sizes
from napari_unet.core.fast_conv.buffers import NOTHING, SPARE, FeatureMap, Workspace, plane_of
from napari_unet.core.fast_conv.level import LevelPlan, ThreadBuffers, compute
from napari_unet.core.fast_conv.pointwise import Image
from napari_unet.core.fast_conv.simd import BYTES
from napari_unet.core.fast_conv.weights import Layers
from napari_unet.core.fast_conv.winograd_transform import MADE

SHARES, LEAST = 4, 96  # parts of a level a thread at most, and rows of each at least, …
# … as four rows of the first convolution are computed for two parts
FINER = 4  # pieces of the last parts, …
FEW, SOME = 24, 64  # … and rows of each at least, where channels are few or many
BLOCKS = 3  # of squares in a strip, at least: kernels are read once a block
BAND, NARROW = 300, 64  # columns at a time where channels are few; kernels are small, and one …
# … block is enough: rows stay in a core's own cache
NO_IMAGE = Image(0, 0, 0, 0)
MAPS = 2.75  # of full size at once, at most: copies 1 + 1/2 + 1/4 …, and two maps between levels

Rows = tuple[int, int]  # from, to


class ForwardPass:
    """Passes images through a network; from one thread at a time, as it computes in its arrays."""

    def __init__(self, layers: Layers, threads: int) -> None:
        self.layers, self.threads = layers, threads
        self.lines = Workspace()

    def __call__(self, image: np.ndarray, sizes: Sequence[tuple[int, ...]]) -> np.ndarray:
        """Return scores (height, width, classes) of an image (channels, height, width).

        ``sizes``: what is copied of each level.
        """
        with ThreadPoolExecutor(max(self.threads - 1, 1)) as pool, SPARE.workspace() as maps:
            levels = Levels(self.layers, maps, self.lines, self.threads, pool)
            low, copies = levels.down(image, sizes)
            return levels.up(low, copies)


@dataclass(frozen=True)
class Levels:
    """One passage."""

    layers: Layers
    maps: Workspace
    lines: Workspace
    threads: int
    pool: Executor

    def down(
        self, image: np.ndarray, sizes: Sequence[tuple[int, ...]]
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return the map at the bottom and the copies, the last one first."""
        layers = self.layers
        copies: list[np.ndarray] = []
        height, width = image.shape[1:]
        inputs: dict[str, Any] = {"image": image, "first": layers.bottom[0]}
        for level, ((_, second), size) in enumerate(zip(layers.contract, sizes, strict=True)):
            height, width, channels = height - 4, width - 4, len(second.bias)
            copied = self.maps.take(f"copy {level}", (*size, channels * layers.skips))
            pooled = self._map(level, (height // 2, width // 2, channels))
            self._compute((height, width), **inputs, second=second, pooled=pooled, copied=copied)
            copies.insert(0, copied)
            height, width = pooled.shape[:2]
            first = (*layers.contract, layers.bottom)[level + 1][0]
            inputs = {"pixels": pooled, "first": first}
        second = layers.bottom[1]
        low = self._map(len(sizes), (height - 4, width - 4, len(second.bias)))
        self._compute(low.shape[:2], **inputs, second=second, out=low)
        return low, copies

    def up(self, low: np.ndarray, copies: Sequence[np.ndarray]) -> np.ndarray:
        """Return the scores."""
        layers = self.layers
        steps = zip(layers.rises, layers.expand, copies, strict=True)
        for level, (rise, (first, second), copied) in enumerate(steps, start=len(copies) + 1):
            size = tuple(2 * n - 4 for n in low.shape[:2])
            inputs = {"low": low, "rise": rise, "beside": copied, "first": first, "second": second}
            if level == 2 * len(copies):
                low = np.empty((*size, layers.classes), np.float32)
                self._compute(size, **inputs, scores=low)
            else:
                low = self._map(level, (*size, len(second.bias)))
                self._compute(size, **inputs, out=low)
        return low

    def _map(self, level: int, shape: tuple[int, ...]) -> np.ndarray:
        """Return a map between two levels, in one of two places in turn."""
        return self.maps.take(f"map {level % 2}", shape)

    def _compute(self, size: tuple[int, ...], **given: Any) -> None:
        """Compute a level that comes out in this size; each thread takes the next part of it."""
        height, width = size
        narrow = len(given["second"].bias) <= NARROW
        band = _length(width, ceil(width / BAND)) if narrow else width
        share = _length(height, _shares(self.threads, ceil(width / band), height))
        squares = SQUARES if narrow else BLOCKS * SQUARES
        strip = min(MADE * ceil(squares / ceil(band / MADE)), share)
        whole = [
            (left, rows) for left in range(0, width, band) for rows in _cut(0, height, share)
        ]  # fmt: skip
        parts = iter(_finer_at_the_end(whole, self.threads, FEW if narrow else SOME))

        def work(thread: int) -> None:
            for left, rows in parts:
                columns = slice(left, min(left + band, width))
                level = self._columns(columns, width, given)
                lines = self._lines(thread, level, columns, width, strip)
                compute(level, rows, height, lines)

        threads = min(self.threads, len(whole))
        helping = [self.pool.submit(work, thread) for thread in range(1, threads)]
        work(0)
        for one in helping:
            one.result()

    def _columns(self, made: slice, width: int, given: dict[str, Any]) -> LevelPlan:
        """Return some columns of a level, and what they are made of."""
        layers, around = self.layers, slice(made.start, _end(made, width) + 2)
        return LevelPlan(
            image=_image_of(given["image"][:, :, around]) if "image" in given else NO_IMAGE,
            low=_plane(given, "low", slice(around.start // 2, around.stop // 2)),
            pixels=_plane(given, "pixels", around),
            beside=_plane(given, "beside", around),
            entry=layers.entry,
            rise=given.get("rise", layers.head),
            first=given["first"],
            second=given["second"],
            head=layers.head,
            pooled=_plane(given, "pooled", slice(made.start // 2, made.stop // 2)),
            **_copied(made, given),
            scores=_plane(given, "scores", made),
            out=_plane(given, "out", made),
        )

    def _lines(
        self, thread: int, level: LevelPlan, made: slice, width: int, strip: int
    ) -> ThreadBuffers:
        """Return what one thread computes some columns in."""
        inputs, channels = level.second.values.shape[2], len(level.second.bias)
        risen = len(level.rise.bias) if level.low.height else 0
        columns = made.stop - made.start
        between = _end(made, width) - made.start

        def take(name: str, *shape: int) -> np.ndarray:
            return self.lines.take(f"{name} {thread}", shape, torch.zeros)  # blocks are read whole

        patches = take("patches", between, 9 * level.image.channels)
        found = take("found", columns, len(self.layers.head.bias))
        room = (take(f"room {n}", size) for n, size in enumerate(_room(self.layers)))
        return ThreadBuffers(
            upper=plane_of(take("upper", strip + MADE + 2, between + 2, risen)),
            middle=plane_of(take("middle", strip + MADE, between, inputs)),
            result=plane_of(take("result", strip, columns, channels)),
            patches=patches.ctypes.data,
            found=found.ctypes.data,
            room=BlockBuffers(*(array.ctypes.data for array in room)),
        )


def _shares(threads: int, bands: int, height: int) -> int:
    """Return in how many parts the rows of each band are computed.

    In all as many for each thread: with three parts for two threads one would wait for long.
    """
    most = min(ceil(threads * SHARES / bands), height // LEAST)
    even = (parts for parts in range(most, 0, -1) if parts * bands % threads == 0)
    return next(even, ceil(threads / bands))


def _cut(first: int, end: int, length: int) -> list[Rows]:
    """Return the rows from ``first`` on, so many at a time."""
    return [(row, min(row + length, end)) for row in range(first, end, length)]


def _finer_at_the_end(
    parts: list[tuple[int, Rows]], threads: int, least: int
) -> list[tuple[int, Rows]]:
    """Return the same parts, the last ones cut: the thread that is done first waits for less."""
    if threads == 1:
        return parts
    finer = parts[:-threads]
    for left, (first, end) in parts[-threads:]:
        length = max(_length(end - first, FINER), least)
        finer += [(left, rows) for rows in _cut(first, end, length)]
    return finer


def _plane(given: dict[str, Any], name: str, columns: slice) -> FeatureMap:
    return plane_of(given[name][:, columns]) if name in given else NOTHING


def _copied(made: slice, given: dict[str, Any]) -> dict[str, Any]:
    """Return the part of the copy that lies in columns of a level, and where it begins in them."""
    if "copied" not in given or not given["copied"].size:
        return {"copied": NOTHING, "corner": (0, 0)}
    copied, pooled = given["copied"], given["pooled"]
    top, left = (pooled.shape[n] - copied.shape[n] // 2 for n in (0, 1))  # half of the rest
    first, last = max(made.start - left, 0), max(made.stop - left, 0)
    part = copied[:, first:last]
    return {
        "copied": plane_of(part) if part.size else NOTHING,
        "corner": (top, max(left - made.start, 0)),
    }


def _image_of(image: np.ndarray) -> Image:
    layer, row = image.strides[:2]
    return Image(image.ctypes.data, layer, row, len(image))


def _end(made: slice, width: int) -> int:
    """Return where the columns end that the first convolution makes for these of the second.

    The squares in which they end are whole, wherever columns are parted.
    """
    return min(made.stop + MADE, width + 2)


def room_bytes(layers: Layers, threads: int) -> int:
    """Return the bytes in which blocks are computed."""
    return BYTES * sum(_room(layers)) * threads


def _room(layers: Layers) -> tuple[int, int, int, int]:
    """Return the numbers that a thread needs for blocks of the widest layers."""
    inputs = max(one.values.shape[2] for one in layers.kernels)
    return room_sizes(inputs, max(len(one.bias) for one in layers.kernels))


def _length(whole: int, parts: int) -> int:
    """Return the length of each of so many parts, in whole squares."""
    return MADE * ceil(whole / parts / MADE)
