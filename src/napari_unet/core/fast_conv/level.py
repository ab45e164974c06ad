"""Strips: two 3x3 convolutions of a level, and what comes before and after, a few rows at a time.

What lies between two layers is made, used while it is in the cache, and written over: in memory
there are only the maps between levels and the copies for the expanding path.
"""

from typing import NamedTuple

from napari_unet.core.fast_conv.block import Room, convolve
from napari_unet.core.fast_conv.maps import NOTHING, Plane, rows_of
from napari_unet.core.fast_conv.pointwise import Image, enter, judge, rise
from napari_unet.core.fast_conv.simd import BYTES, LANES, largest, move
from napari_unet.core.fast_conv.weights import Kernels, Panels
from napari_unet.core.fast_conv.winograd_transform import MADE
from napari_unet.core.runtime.jit import compiled, inlined


class Level(NamedTuple):
    """What is read and written where a level, or some columns of it, are computed.

    A plane is ``NOTHING`` where there is none of it: all levels are of one kind, as each kind
    would be compiled anew. Channels of maps come in sixteens.
    """

    image: Image  # read by the first convolution, if it has channels, or else …
    low: Plane  # … a lower map, which is up-convolved, or else …
    pixels: Plane  # … this map
    beside: Plane  # more channels: the copy of a contracting level
    entry: Panels
    rise: Panels
    first: Kernels
    second: Kernels
    head: Panels
    pooled: Plane  # written by the second convolution, …
    copied: Plane  # … and a part of it, which begins …
    corner: tuple[int, int]  # … at this row and column; or else …
    scores: Plane  # … (height, width, classes), or else …
    out: Plane  # … the convolution itself


class Lines(NamedTuple):
    """What one thread computes in."""

    upper: Plane  # rows of the up-convolved map
    middle: Plane  # rows between the two convolutions; MADE more than a strip
    result: Plane  # a strip of the second convolution
    patches: int  # address of room for one row of an image, 9 numbers a pixel and channel
    found: int  # address of room for the scores of one row, in sixteens
    room: Room


@compiled
def compute(level: Level, rows: tuple[int, int], height: int, lines: Lines) -> None:
    """Compute ``rows`` (from, to) of a level that is ``height`` high when both layers are done.

    Both are multiples of MADE, or the end: the squares are the same, wherever a part begins.
    """
    top, bottom = rows
    strip = lines.middle.height - MADE
    done = top  # rows of the first convolution
    for row in range(top, bottom, strip):
        stop = min(row + strip, bottom)
        needed = min(stop + MADE, height + 2)
        if needed > done:
            made = rows_of(lines.middle, done - row, needed - row)
            _first(level, done, done > top, made, lines)
        _second(level, row, stop, lines)
        _move_up(lines.middle, stop - row, needed - row)
        done = needed


@inlined
def _first(level: Level, start: int, begun: bool, made: Plane, lines: Lines) -> None:
    """Write rows of the first convolution to ``made``, from the row ``start`` on."""
    count = made.height
    if level.image.channels:
        for row in range(count):
            enter(level.image, start + row, level.entry, lines.patches, made, row)
    else:
        pixels = rows_of(level.pixels, start, level.pixels.height)
        if level.low.height:  # ``upper`` begins with ``start``; where begun, two rows are there
            pixels = lines.upper
            for row in range(2 * begun, count + 2, 2):
                rise(level.low, (start + row) // 2, level.rise, pixels, row)
        beside = rows_of(level.beside, start, level.beside.height)
        convolve((pixels, beside), level.first, made, lines.room)
        if level.low.height:
            _move_up(lines.upper, count, count + 2)


@inlined
def _second(level: Level, start: int, stop: int, lines: Lines) -> None:
    """Compute rows of the second convolution, and write what comes out."""
    made = rows_of(lines.result, 0, stop - start)
    if level.out.height:
        made = rows_of(level.out, start, stop)
    convolve((lines.middle, NOTHING), level.second, made, lines.room)
    if level.pooled.height:
        _copy(made, start, level.copied, level.corner)
        for row in range(0, stop - start, 2):
            _pool(rows_of(made, row, row + 2), rows_of(level.pooled, (start + row) // 2, 0))
    if level.scores.height:
        for row in range(stop - start):
            judge(made, row, level.head, lines.found, level.scores, start + row)


@compiled
def _move_up(rows: Plane, first: int, last: int) -> None:
    """Make the rows from ``first`` to ``last`` the first ones."""
    if first < last:
        move(rows.place + first * rows.row, rows.place, (last - first) * rows.row)


@compiled
def _copy(made: Plane, start: int, copied: Plane, corner: tuple[int, int]) -> None:
    """Copy what belongs to a copy that begins at ``corner``; ``made`` begins at ``start``."""
    top, left = corner
    pixel = BYTES * made.channels
    for row in range(max(start, top), min(start + made.height, top + copied.height)):
        source = made.place + (row - start) * made.row + left * pixel
        move(source, copied.place + (row - top) * copied.row, copied.width * pixel)


@compiled
def _pool(rows: Plane, out: Plane) -> None:
    """Write the largest of 2x2 pixels of two rows."""
    pixel = BYTES * rows.channels
    for x in range(out.width):
        for c in range(0, pixel, BYTES * LANES):
            largest(rows.place + 2 * x * pixel + c, rows.row, pixel, out.place + x * pixel + c)
