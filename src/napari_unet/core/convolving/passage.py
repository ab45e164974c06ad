"""Passage: the way of an image through a network, level by level, each shared among threads."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from napari_unet.core.convolving.block import SQUARES, Room, room_sizes
from napari_unet.core.convolving.layers import Kernels, Panels
from napari_unet.core.convolving.squares import MADE
from napari_unet.core.convolving.strips import Level, Lines, compute
from napari_unet.core.convolving.vectors import BYTES
from napari_unet.core.convolving.workspace import Workspace

SHARES, LEAST = 4, 96  # parts of a level a thread, for balance, if they have so many rows …
# … as four rows of the first convolution are computed for two parts
BLOCKS = 3  # of squares in a strip, at least: kernels are read once a block
NOTHING = np.zeros((0, 0, 0), np.float32)
MAPS = 2.75  # of full size at once, at most: copies 1 + 1/2 + 1/4 …, and two maps between levels


@dataclass(frozen=True)
class Layers:
    """The weights of a network as they are read; levels in the order in which they are passed."""

    entry: Panels
    contract: Sequence[tuple[Kernels | None, Kernels]]  # the first level has the entry instead
    bottom: tuple[Kernels, Kernels]
    rises: Sequence[Panels]
    expand: Sequence[tuple[Kernels, Kernels]]
    head: Panels
    classes: int
    skips: bool

    @property
    def kernels(self) -> Iterator[Kernels]:
        """All 3x3 convolutions between maps."""
        for pair in (*self.contract, self.bottom, *self.expand):
            yield from (one for one in pair if one is not None)

    @property
    def nbytes(self) -> int:
        """Bytes of what was made of the 3x3 kernels: four times these."""
        return sum(one.values.nbytes for one in self.kernels)

    @property
    def room(self) -> tuple[int, int, int]:
        """Numbers that a thread needs for blocks of the widest layers."""
        shapes = [one.values.shape for one in self.kernels]
        outputs = max(len(one.bias) for one in self.kernels)
        return room_sizes(max(shape[2] for shape in shapes), outputs)


class Passage:
    """Passes images through a network; from one thread at a time, as it computes in its arrays."""

    def __init__(self, layers: Layers, threads: int) -> None:
        self.layers, self.threads = layers, threads
        self.arrays = Workspace()

    def __call__(self, image: np.ndarray, sizes: Sequence[tuple[int, ...]]) -> np.ndarray:
        """Return scores (height, width, classes) of an image (channels, height, width).

        ``sizes``: what is copied of each level. The array is written over by the next call.
        """
        with ThreadPoolExecutor(max(self.threads - 1, 1)) as pool:
            levels = Levels(self.layers, self.arrays, self.threads, pool)
            low, copies = levels.down(image, sizes)
            return levels.up(low, copies)


@dataclass(frozen=True)
class Levels:
    """One passage."""

    layers: Layers
    arrays: Workspace
    threads: int
    pool: Executor

    def down(
        self, image: np.ndarray, sizes: Sequence[tuple[int, ...]]
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return the map at the bottom and the copies, the last one first."""
        layers = self.layers
        copies: list[np.ndarray] = []
        height, width = image.shape[1:]
        given: dict[str, Any] = {"image": image, "first": layers.bottom[0]}
        for level, ((_, second), size) in enumerate(zip(layers.contract, sizes, strict=True)):
            height, width, channels = height - 4, width - 4, len(second.bias)
            copied = self.arrays.take(f"copy {level}", (*size, channels * layers.skips))
            pooled = self._map(level, (height // 2, width // 2, channels))
            self._compute((height, width), **given, second=second, pooled=pooled, copied=copied)
            copies.insert(0, copied)
            height, width = pooled.shape[:2]
            first = (*layers.contract, layers.bottom)[level + 1][0]
            given = {"pixels": pooled, "first": first}
        second = layers.bottom[1]
        low = self._map(len(sizes), (height - 4, width - 4, len(second.bias)))
        self._compute(low.shape[:2], **given, second=second, out=low)
        return low, copies

    def up(self, low: np.ndarray, copies: Sequence[np.ndarray]) -> np.ndarray:
        """Return the scores."""
        layers = self.layers
        steps = zip(layers.rises, layers.expand, copies, strict=True)
        for level, (rise, (first, second), copied) in enumerate(steps, start=len(copies) + 1):
            size = tuple(2 * n - 4 for n in low.shape[:2])
            given = {"low": low, "rise": rise, "beside": copied, "first": first, "second": second}
            if level == 2 * len(copies):
                low = self.arrays.take("scores", (*size, layers.classes))
                self._compute(size, **given, scores=low)
            else:
                low = self._map(level, (*size, len(second.bias)))
                self._compute(size, **given, out=low)
        return low

    def _map(self, level: int, shape: tuple[int, ...]) -> np.ndarray:
        """Return a map between two levels, in one of two places in turn."""
        return self.arrays.take(f"map {level % 2}", shape)

    def _compute(self, size: tuple[int, ...], **given: Any) -> None:
        """Compute a level that comes out in this size; each thread takes the next part of it."""
        empty = dict.fromkeys(Level._fields, NOTHING)
        layers = self.layers
        level = Level(
            **empty | {"entry": layers.entry, "rise": layers.head, "head": layers.head} | given
        )
        height, width = size
        shares = max(1, min(SHARES, height // (self.threads * LEAST)))
        share = _rows(height, self.threads * shares)
        parts = iter(range(0, height, share))

        def work(lines: Lines) -> None:
            for start in parts:
                compute(level, (start, min(start + share, height)), height, lines)

        threads = min(self.threads, ceil(height / share))
        lines = [self._lines(n, level, width, share) for n in range(threads)]
        helping = [self.pool.submit(work, some) for some in lines[1:]]
        work(lines[0])
        for one in helping:
            one.result()

    def _lines(self, thread: int, level: Level, width: int, share: int) -> Lines:
        """Return what one thread computes a level in."""
        inputs, channels = level.second.values.shape[2], len(level.second.bias)
        risen = len(level.rise.bias) if level.low.size else 0
        strip = min(MADE * ceil(BLOCKS * SQUARES / ceil(width / MADE)), share)

        def take(name: str, *shape: int) -> np.ndarray:
            return self.arrays.take(f"{name} {thread}", shape)

        return Lines(
            upper=take("upper", strip + MADE + 2, width + 4, risen),
            middle=take("middle", strip + MADE, width + 2, inputs),
            result=take("result", strip, width, channels),
            patches=take("patches", width + 2, 9 * len(level.image)),
            found=take("found", width, len(self.layers.head.bias)),
            nothing=NOTHING,
            room=Room(*(take(f"room {n}", size) for n, size in enumerate(self.layers.room))),
        )


def room_bytes(layers: Layers, threads: int) -> int:
    """Return the bytes in which blocks are computed."""
    return BYTES * sum(layers.room) * threads


def _rows(height: int, parts: int) -> int:
    """Return the rows of each of so many parts, in whole squares."""
    return MADE * ceil(height / parts / MADE)
