"""Compute a level, two 3x3 convolutions and what comes before and after, a few rows at a time.

The rows between two layers are computed, used while they are in the cache, and overwritten: only
the maps between levels and the copies for the expanding path are in memory.
"""

from typing import NamedTuple

from napari_unet.core.fast_conv.block import BlockBuffers, convolve
from napari_unet.core.fast_conv.buffers import NOTHING, FeatureMap, rows_of
from napari_unet.core.fast_conv.pointwise import Image, class_scores, first_layer, up_convolve
from napari_unet.core.fast_conv.simd import BYTES, LANES, largest, move
from napari_unet.core.fast_conv.weights import Kernels, Panels
from napari_unet.core.fast_conv.winograd_transform import MADE
from napari_unet.core.runtime.jit import inline, jit


class LevelPlan(NamedTuple):
    """What is read and written where a level, or some columns of it, are computed.

    A plane is ``NOTHING`` where there is none of it: all levels are of one kind, as each kind
    would be compiled anew. Channels of maps come in sixteens.
    """

    image: Image  # read by the first convolution, if it has channels, or else …
    low: FeatureMap  # … a lower map, which is up-convolved, or else …
    pixels: FeatureMap  # … this map
    beside: FeatureMap  # more channels: the copy of a contracting level
    entry: Panels
    rise: Panels
    first: Kernels
    second: Kernels
    head: Panels
    pooled: FeatureMap  # written by the second convolution, …
    copied: FeatureMap  # … and a part of it, which begins …
    corner: tuple[int, int]  # … at this row and column; or else …
    scores: FeatureMap  # … (height, width, classes), or else …
    out: FeatureMap  # … the convolution itself


class ThreadBuffers(NamedTuple):
    """What one thread computes in."""

    upper: FeatureMap  # rows of the up-convolved map
    middle: FeatureMap  # rows between the two convolutions; MADE more than a strip
    result: FeatureMap  # a strip of the second convolution
    patches: int  # address of room for one row of an image, 9 numbers a pixel and channel
    found: int  # address of room for the scores of one row, in sixteens
    room: BlockBuffers


@jit
def compute(level: LevelPlan, rows: tuple[int, int], height: int, lines: ThreadBuffers) -> None:
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


@inline
def _first(
    level: LevelPlan, start: int, begun: bool, made: FeatureMap, lines: ThreadBuffers
) -> None:
    """Write rows of the first convolution to ``made``, from the row ``start`` on."""
    count = made.height
    if level.image.channels:
        for row in range(count):
            first_layer(level.image, start + row, level.entry, lines.patches, made, row)
    else:
        pixels = rows_of(level.pixels, start, level.pixels.height)
        if level.low.height:  # ``upper`` begins with ``start``; where begun, two rows are there
            pixels = lines.upper
            for row in range(2 * begun, count + 2, 2):
                up_convolve(level.low, (start + row) // 2, level.rise, pixels, row)
        beside = rows_of(level.beside, start, level.beside.height)
        convolve((pixels, beside), level.first, made, lines.room)
        if level.low.height:
            _move_up(lines.upper, count, count + 2)


@inline
def _second(level: LevelPlan, start: int, stop: int, lines: ThreadBuffers) -> None:
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
            class_scores(made, row, level.head, lines.found, level.scores, start + row)


@jit
def _move_up(rows: FeatureMap, first: int, last: int) -> None:
    """Make the rows from ``first`` to ``last`` the first ones."""
    if first < last:
        move(rows.place + first * rows.row, rows.place, (last - first) * rows.row)


@jit
def _copy(made: FeatureMap, start: int, copied: FeatureMap, corner: tuple[int, int]) -> None:
    """Copy what belongs to a copy that begins at ``corner``; ``made`` begins at ``start``."""
    top, left = corner
    pixel = BYTES * made.channels
    for row in range(max(start, top), min(start + made.height, top + copied.height)):
        source = made.place + (row - start) * made.row + left * pixel
        move(source, copied.place + (row - top) * copied.row, copied.width * pixel)


@jit
def _pool(rows: FeatureMap, out: FeatureMap) -> None:
    """Write the largest of 2x2 pixels of two rows."""
    pixel = BYTES * rows.channels
    for x in range(out.width):
        for c in range(0, pixel, BYTES * LANES):
            largest(rows.place + 2 * x * pixel + c, rows.row, pixel, out.place + x * pixel + c)
