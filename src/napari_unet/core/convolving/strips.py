"""Strips: two 3x3 convolutions of a level, and what comes before and after, a few rows at a time.

What lies between two layers is made, used while it is in the cache, and written over: in memory
there are only the maps between levels and the copies for the expanding path.
"""

from typing import NamedTuple

import numpy as np

from napari_unet.core.compiled import compiled, inlined
from napari_unet.core.convolving.block import Room, convolve
from napari_unet.core.convolving.layers import Kernels, Panels
from napari_unet.core.convolving.rows import address, enter, judge, rise
from napari_unet.core.convolving.squares import MADE
from napari_unet.core.convolving.vectors import BYTES, LANES, largest, move


class Level(NamedTuple):
    """What a level reads and writes; an array is empty where there is none of it.

    One kind for all levels, as each kind would be compiled anew. Maps are (height, width,
    channels), of whole sixteens.
    """

    image: np.ndarray  # (channels, height, width): read by the first convolution, or else …
    low: np.ndarray  # … a lower map, which is up-convolved, or else …
    pixels: np.ndarray  # … this map
    beside: np.ndarray  # more channels: the copy of a contracting level
    entry: Panels
    rise: Panels
    first: Kernels
    second: Kernels
    head: Panels
    pooled: np.ndarray  # written by the second convolution, and …
    copied: np.ndarray  # … its middle, or else …
    scores: np.ndarray  # … (height, width, classes), or else …
    out: np.ndarray  # … the convolution itself


class Lines(NamedTuple):
    """What one thread computes in: rows between layers, (rows, width, channels) each."""

    upper: np.ndarray  # the up-convolved map
    middle: np.ndarray  # between the two convolutions; MADE rows more than a strip
    result: np.ndarray  # a strip of the second convolution
    patches: np.ndarray  # (width, 9 x channels) of one row of an image
    found: np.ndarray  # (width, classes in sixteens) of one row
    nothing: np.ndarray  # the second part of inputs that are in one piece
    room: Room


@compiled
def compute(level: Level, rows: tuple[int, int], height: int, lines: Lines) -> None:
    """Compute ``rows`` (from, to) of a level that is ``height`` high when both layers are done.

    Both are multiples of MADE, or the end: the squares are the same, wherever a part begins.
    """
    top, bottom = rows
    strip = len(lines.middle) - MADE
    done = top  # rows of the first convolution
    for row in range(top, bottom, strip):
        stop = min(row + strip, bottom)
        needed = min(stop + MADE, height + 2)
        if needed > done:
            _first(level, done, done > top, lines.middle[done - row : needed - row], lines)
        _second(level, row, stop, lines)
        _move_up(lines.middle, stop - row, needed - row)
        done = needed


@inlined
def _first(level: Level, start: int, begun: bool, made: np.ndarray, lines: Lines) -> None:
    """Write rows of the first convolution to ``made``, from the row ``start`` on."""
    if level.image.size:
        for row in range(len(made)):
            image = level.image[:, start + row : start + row + 3]
            enter(image, level.entry, lines.patches, made[row])
        return
    upper, count = lines.upper, len(made)
    if level.low.size:  # the first row of ``upper`` is ``start``; where begun, two rows are there
        for row in range(2 * begun, count + 2, 2):
            rise(level.low[(start + row) // 2], level.rise, upper[row : row + 2])
        pixels = upper
    else:
        pixels = level.pixels[start:]
    convolve((pixels, level.beside[start:]), level.first, made, lines.room)
    if level.low.size:
        _move_up(upper, count, count + 2)


@inlined
def _second(level: Level, start: int, stop: int, lines: Lines) -> None:
    """Compute rows of the second convolution, and write what comes out."""
    made = level.out[start:stop] if level.out.size else lines.result[: stop - start]
    convolve((lines.middle, lines.nothing), level.second, made, lines.room)
    if level.pooled.size:
        _copy(made, start, level.copied, level.pooled)
        for row in range(0, stop - start, 2):
            _pool(made[row : row + 2], level.pooled[(start + row) // 2])
    if level.scores.size:
        for row in range(stop - start):
            judge(made[row], level.head, lines.found, level.scores[start + row])


@compiled
def _move_up(rows: np.ndarray, first: int, last: int) -> None:
    """Make the rows from ``first`` to ``last`` the first ones."""
    if first < last:
        move(address(rows[first]), address(rows), BYTES * (last - first) * rows[0].size)


@compiled
def _copy(made: np.ndarray, start: int, copied: np.ndarray, pooled: np.ndarray) -> None:
    """Copy what lies in the middle of a map that is twice as large as ``pooled``."""
    if not copied.size:
        return
    top = pooled.shape[0] - copied.shape[0] // 2
    left = pooled.shape[1] - copied.shape[1] // 2
    size = BYTES * copied.shape[1] * copied.shape[2]
    for row in range(max(start, top), min(start + len(made), top + len(copied))):
        move(address(made[row - start, left]), address(copied[row - top]), size)


@compiled
def _pool(rows: np.ndarray, out: np.ndarray) -> None:
    """Write the largest of 2x2 pixels of two rows."""
    width, channels = out.shape
    pixel = BYTES * channels
    line = rows.shape[1] * pixel
    place, to = address(rows), address(out)
    for x in range(width):
        for c in range(0, pixel, BYTES * LANES):
            largest(place + 2 * x * pixel + c, line, pixel, to + x * pixel + c)
