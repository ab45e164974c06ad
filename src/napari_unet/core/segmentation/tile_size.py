"""Choose the largest legal tile that memory allows and that is no larger than the image needs.

The longest edge is cut into one part more until a tile fits, so that all tiles are of similar size:
a tile that fits twice and a half would cost the same work as three equal ones, and more memory.
What a tile costs, in bytes and seconds a pixel, is measured once on one small tile, for each
architecture, precision, averaging and device of the process. Until then, and where a measurement
cannot be right, memory is bounded by the number of feature maps of full size that exist at once.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from math import ceil, inf, prod
from threading import Event, Thread
from typing import Any, NamedTuple

import numpy as np
import psutil
import torch

from napari_unet.core.network.legal_sizes import input_size, output_size
from napari_unet.core.segmentation.scorer import TileScorer

SHARE = 0.5  # of the free memory, where nobody says how much may be used
ENOUGH = 1.2 * 2**30  # bytes beyond which larger tiles gain a CPU little, where …
REREAD = 1.6  # … no more pixels are read for one of the image than this


def given_edges(depth: int, tile: int | Sequence[int], dims: int) -> tuple[int, ...]:
    """Return the input edges somebody asked for; an illegal one is refused."""
    edges = (tile,) * dims if isinstance(tile, int) else tuple(tile)
    if len(edges) != dims:
        raise ValueError(f"a tile of {len(edges)} edges for a network of {dims} dimensions")
    for edge in edges:
        output_size(depth, edge)
    return edges


def fitting_edges(
    depth: int, shape: Sequence[int], pixels: float, enough: float = inf, least: int = 1
) -> tuple[int, ...]:
    """Return input edges of the largest tile of at most ``pixels`` for an image of ``shape``.

    A tile of more than ``enough`` pixels is made smaller as long as that costs little. Its output
    is at least ``least`` along each axis. Where not even the smallest fits, it is returned.
    """
    chosen: tuple[int, ...] = ()
    for parts, edges in _smaller_and_smaller(depth, shape, least):
        if chosen and prod(chosen) <= pixels:
            reread = prod(parts) * prod(edges) / prod(shape)
            if prod(chosen) <= enough or reread > REREAD:
                break
        chosen = edges
    return chosen


def _smaller_and_smaller(
    depth: int, shape: Sequence[int], least: int
) -> Iterator[tuple[list[int], tuple[int, ...]]]:
    """Yield numbers of parts and the edges of a tile, from the whole image to the smallest tile."""
    parts = [1] * len(shape)
    while True:
        edges = tuple(_edge(depth, *pair) for pair in zip(shape, parts, strict=True))
        yield parts, edges
        for axis in sorted(range(len(edges)), key=edges.__getitem__, reverse=True):
            more = _more_parts(depth, shape[axis], parts[axis], least)
            if more is not None:
                parts[axis] = more
                break
        else:
            return


def halved(depth: int, edges: Sequence[int], least: int = 1) -> tuple[int, ...] | None:
    """Return a tile with the longest edge about halved; None of the smallest tile."""
    grid, axis = 2**depth, max(range(len(edges)), key=edges.__getitem__)
    half = max(output_size(depth, edges[axis]) // 2 // grid * grid, grid, least)
    shorter = input_size(depth, half)
    return (*edges[:axis], shorter, *edges[axis + 1 :]) if shorter < edges[axis] else None


def _edge(depth: int, length: int, parts: int) -> int:
    """Return the smallest edge that covers ``length`` with so many tiles."""
    return input_size(depth, length if parts == 1 else _cells(depth, length, parts) * 2**depth)


def _cells(depth: int, length: int, parts: int) -> int:
    """Return the length of each of so many tiles in steps of the grid."""
    return ceil(length / parts / 2**depth)


def _more_parts(depth: int, length: int, parts: int, least: int) -> int | None:
    """Return the next number of parts with which tiles get shorter."""
    before, cells = _edge(depth, length, parts), _cells(depth, length, parts)
    while cells > 1 and (cells - 1) * 2**depth >= least:
        parts = ceil(length / ((cells - 1) * 2**depth))
        cells = _cells(depth, length, parts)
        if _edge(depth, length, parts) < before:
            return parts
    return None


MAPS = 7.0  # no network was seen to keep more maps of full size at once
TYPICAL = 4.5  # most keep so many
FEWEST = 3.0  # fewer cannot be: what is joined, and what it is joined from
SAMPLE = {2: 128, 3: 16}  # edge of the output of the tile that is measured, in pixels
INDEXABLE = 2**31 - 1  # elements of one tensor that 32-bit kernels can count


class Cost(NamedTuple):
    """What one pixel of an input tile costs."""

    bytes: float  # of feature maps
    seconds: float


_KNOWN: dict[Any, Cost] = {}


def most_bytes(scorer: TileScorer) -> float:
    """Return bytes a pixel that feature maps never exceed."""
    return (_known_maps(scorer) or MAPS) * _map(scorer)


def typical_bytes(scorer: TileScorer) -> float:
    """Return bytes a pixel that the feature maps of most networks take."""
    return (_known_maps(scorer) or TYPICAL) * _map(scorer)


def fixed_bytes(scorer: TileScorer) -> int:
    """Return the bytes that do not depend on the tile: weights, and what is made of them."""
    weights = sum(w.numel() for w in scorer.network.parameters()) * scorer.dtype.itemsize
    return weights + (0 if scorer.fast is None else scorer.fast.extra_bytes)


def exchanged(scorer: TileScorer, growth: float) -> float:
    """Return bytes a pixel of what goes in and out: this tile and the next, scores, averages.

    ``growth`` is how many pixels of the image there are for one of the network.
    """
    return 4 * (4 * scorer.network.channels + 6 * scorer.network.classes) * max(growth, 1.0)


def most_pixels(scorer: TileScorer) -> int:
    """Return the pixels of the largest tile whose joined maps 32-bit kernels can index."""
    return INDEXABLE // (2 * scorer.network.base)


def measured(scorer: TileScorer) -> Cost:
    """Return the cost of a pixel, from one small tile where it is not known yet."""
    network = scorer.network
    key = (
        network.architecture, scorer.precision, len(scorer.versions), str(scorer.device),
        torch.get_num_threads(),
    )  # fmt: skip
    if key not in _KNOWN:
        edge = input_size(network.depth, SAMPLE[network.dims])
        tile = np.zeros((network.channels, *(edge,) * network.dims), np.float32)
        tile[..., ::2] = 1.0  # zeros alone may be multiplied faster
        _KNOWN[key] = _measure(scorer, tile)
    return _KNOWN[key]


def _measure(scorer: TileScorer, tile: np.ndarray) -> Cost:
    pixels = tile[0].size
    warm = input_size(scorer.network.depth, 1)
    if 4 * warm**scorer.network.dims < pixels:  # kernels are chosen on the first call
        scorer(np.zeros((len(tile), *(warm,) * scorer.network.dims), np.float32))
    start = time.perf_counter()
    peak = _peak(lambda: scorer(tile), scorer.device)
    seconds = time.perf_counter() - start
    size = _map(scorer)
    maps = _known_maps(scorer)
    kept = maps * size if maps else float(np.clip(peak / pixels, FEWEST * size, MAPS * size))
    return Cost(kept, seconds / pixels)


def _known_maps(scorer: TileScorer) -> float | None:
    """Return how many maps of full size are kept at once; None where that has to be measured."""
    return None if scorer.fast is None else scorer.fast.maps


def _map(scorer: TileScorer) -> int:
    """Bytes a pixel of one feature map of full size."""
    return scorer.network.base * scorer.dtype.itemsize


def _peak(work: Callable[[], object], device: torch.device) -> int:
    """Return by how many bytes the memory in use rose while ``work`` ran."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        return int(torch.cuda.max_memory_allocated(device) - before)
    process, done = psutil.Process(), Event()
    readings = [process.memory_info().rss]

    def watch() -> None:
        while not done.wait(0.001):
            readings.append(process.memory_info().rss)

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    return max(readings) - readings[0]
