"""Convolve a block of squares, from pixels to rectified pixels, in the cache of one core.

The squares of an image are numbered row by row. Each is computed by itself, with sums in the same
order, whatever block it is in: the size of blocks does not change a bit of the result.
"""

from typing import NamedTuple

import numpy as np

from napari_unet.core.fast_conv.buffers import FeatureMap, address
from napari_unet.core.fast_conv.simd import (
    AT_ONCE,
    BYTES,
    COLUMNS,
    LANES,
    LINE,
    ROWS,
    gather,
    move,
    multiply,
    spread,
)
from napari_unet.core.fast_conv.weights import Kernels
from napari_unet.core.fast_conv.winograd_transform import MADE, TAKEN, VALUES
from napari_unet.core.runtime.jit import inline, jit

SQUARES = 96  # of a block at most: kernels are read once a block
FEWER, NARROW = 24, 128  # but fewer where inputs and outputs are so few that, with these, …
CACHED = 2844  # … squares x (inputs + outputs), values and products stay in 400 kB of cache
STAGGER = 16  # numbers between planes, which would else meet in the same few lines of the cache


class BlockBuffers(NamedTuple):
    """Where a block is computed, by address."""

    values: int  # of the pixels
    products: int
    square: int  # one square of pixels
    zeros: int  # a row of such a square, which stays zero


def room_sizes(inputs: int, outputs: int) -> tuple[int, int, int, int]:
    """Return how many numbers (float32) each part of a room holds, for a layer at most so wide."""
    values, products = (VALUES * (SQUARES * n + STAGGER) for n in (inputs, outputs))
    return values, products, TAKEN * TAKEN * max(inputs, outputs), TAKEN * inputs


@jit
def convolve(
    parts: tuple[FeatureMap, FeatureMap], kernels: Kernels, out: FeatureMap, room: BlockBuffers
) -> None:
    """Write ``out`` (height, width, outputs), nothing below 0.

    ``parts`` (height + 2 or more, width + 2 or more) hold the inputs, one after the other.
    """
    count = ((out.height + MADE - 1) // MADE) * ((out.width + MADE - 1) // MADE)
    channels = kernels.values.shape[2] + out.channels
    most = max(CACHED // channels // ROWS * ROWS, FEWER) if channels <= NARROW else SQUARES
    for first in range(0, count, most):
        _convolve(parts, kernels, out, first, min(first + most, count), room)


@inline
def _convolve(
    parts: tuple[FeatureMap, FeatureMap],
    kernels: Kernels,
    out: FeatureMap,
    first: int,
    last: int,
    room: BlockBuffers,
) -> None:
    """Compute one block."""
    inputs = kernels.values.shape[2]
    across = (out.width + MADE - 1) // MADE
    for number in range(first, last):
        top, left = MADE * (number // across), MADE * (number % across)
        place = inputs * (number - first)
        for part in parts:
            size = out.height + 2 - top, out.width + 2 - left
            _spread(part, (top, left), size, place, inputs, room)
            place += part.channels
    _multiply(kernels.values, last - first, out.channels, room)
    for number in range(first, last):
        top, left = MADE * (number // across), MADE * (number % across)
        _gather(room, number - first, kernels.bias, out, top, left)


@jit
def _layer(channels: int) -> int:
    """Return the bytes from one of 36 values to the next."""
    return BYTES * (SQUARES * channels + STAGGER)


@jit
def _spread(
    part: FeatureMap,
    corner: tuple[int, int],
    left: tuple[int, int],
    place: int,
    inputs: int,
    room: BlockBuffers,
) -> None:
    """Write the values of one square; beyond the end of the image, zeros are read.

    ``left``: rows and columns of the image from the corner on.
    """
    pixel, row = BYTES * part.channels, part.row
    source = part.place + corner[0] * row + corner[1] * pixel
    if left[0] < TAKEN or left[1] < TAKEN:
        line = TAKEN * pixel
        for y in range(TAKEN):
            size = min(left[1], TAKEN) * pixel if y < left[0] else 0
            move(source + y * row, room.square + y * line, size)
            move(room.zeros, room.square + y * line + size, line - size)
        source, row = room.square, line
    values = room.values + BYTES * place
    for c in range(0, pixel, BYTES * LANES):
        spread(source + c, row, pixel, values + c, _layer(inputs))


@jit
def _multiply(kernels: np.ndarray, count: int, outputs: int, room: BlockBuffers) -> None:
    """Multiply the values of ``count`` squares, rounded up to the next ROWS."""
    blocks, inputs = kernels.shape[1], kernels.shape[2]
    kernel = address(kernels)
    for value in range(VALUES):
        line, row = BYTES * inputs, BYTES * outputs
        for block in range(blocks):
            ahead = kernel + BYTES * COLUMNS * inputs  # the next kernels, by the last square
            for square in range(0, count, ROWS):
                multiply(
                    inputs,
                    room.values + value * _layer(inputs) + square * line,
                    line,
                    kernel,
                    room.products
                    + value * _layer(outputs)
                    + square * row
                    + block * BYTES * COLUMNS,
                    row,
                    ahead,
                )
                ahead += LINE * (inputs // AT_ONCE)
            kernel += BYTES * COLUMNS * inputs


@jit
def _gather(
    room: BlockBuffers, place: int, bias: np.ndarray, out: FeatureMap, top: int, left: int
) -> None:
    """Write the pixels of one square, as many as lie in ``out``."""
    rows, columns = min(MADE, out.height - top), min(MADE, out.width - left)
    whole = rows == MADE and columns == MADE
    pixel = BYTES * out.channels
    target = out.place + top * out.row + left * pixel
    made, row = (target, out.row) if whole else (room.square, MADE * pixel)
    products = room.products + place * pixel
    added = address(bias)
    for c in range(0, pixel, BYTES * LANES):
        gather(products + c, _layer(out.channels), added + c, made + c, row, pixel)
    if not whole:
        for y in range(rows):
            move(made + y * row, target + y * out.row, columns * pixel)
