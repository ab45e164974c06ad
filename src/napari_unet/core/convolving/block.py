"""Block: some squares of a convolution, from pixels to rectified pixels, in one core's cache.

The squares of an image are numbered row by row. Each is computed by itself, in the same order of
sums, whatever block it is in: the size of blocks does not change a bit.
"""

from typing import NamedTuple

import numpy as np

from napari_unet.core.compiled import compiled, inlined
from napari_unet.core.convolving.layers import Kernels
from napari_unet.core.convolving.rows import address
from napari_unet.core.convolving.squares import MADE, TAKEN, VALUES
from napari_unet.core.convolving.vectors import (
    BYTES,
    COLUMNS,
    LANES,
    ROWS,
    gather,
    multiply,
    spread,
)

SQUARES = 96  # of a block at most: kernels are read once a block
FEWER, NARROW = 24, 128  # but fewer where inputs and outputs are so few that, with these, …
CACHED = 2844  # … squares x (inputs + outputs), values and products stay in 400 kB of cache
STAGGER = 16  # numbers between planes, which would else meet in the same few lines of the cache


class Room(NamedTuple):
    """Where a block is computed: values of the pixels, of the products, and one square."""

    values: np.ndarray
    products: np.ndarray
    square: np.ndarray


def room_sizes(inputs: int, outputs: int) -> tuple[int, int, int]:
    """Return how many numbers (float32) each part of a room holds, for a layer at most so wide."""
    values, products = (VALUES * (SQUARES * n + STAGGER) for n in (inputs, outputs))
    return values, products, TAKEN * TAKEN * max(inputs, outputs)


@compiled
def convolve(
    parts: tuple[np.ndarray, np.ndarray], kernels: Kernels, out: np.ndarray, room: Room
) -> None:
    """Write ``out`` (height, width, outputs), nothing below 0.

    ``parts`` (height + 2 or more, width + 2, channels) hold the inputs, one after the other.
    """
    height, width, outputs = out.shape
    count = ((height + MADE - 1) // MADE) * ((width + MADE - 1) // MADE)
    channels = kernels.values.shape[2] + outputs
    most = max(CACHED // channels // ROWS * ROWS, FEWER) if channels <= NARROW else SQUARES
    blocks = (count + most - 1) // most
    for block in range(blocks):
        _convolve(parts, kernels, out, count * block // blocks, count * (block + 1) // blocks, room)


@inlined
def _convolve(
    parts: tuple[np.ndarray, np.ndarray],
    kernels: Kernels,
    out: np.ndarray,
    first: int,
    last: int,
    room: Room,
) -> None:
    """Compute one block."""
    height, width, outputs = out.shape
    inputs = kernels.values.shape[2]
    across = (width + MADE - 1) // MADE
    for number in range(first, last):
        top, left = MADE * (number // across), MADE * (number % across)
        place = inputs * (number - first)
        for part in parts:
            _spread(part, (top, left), (height + 2 - top, width + 2 - left), place, inputs, room)
            place += part.shape[2]
    _multiply(kernels.values, last - first, outputs, room)
    for number in range(first, last):
        top, left = MADE * (number // across), MADE * (number % across)
        _gather(room, number - first, kernels.bias, out, top, left)


@compiled
def _plane(channels: int) -> int:
    return BYTES * (SQUARES * channels + STAGGER)


@compiled
def _spread(
    part: np.ndarray,
    corner: tuple[int, int],
    left: tuple[int, int],
    place: int,
    inputs: int,
    room: Room,
) -> None:
    """Write the values of one square; beyond the end of the image, zeros are read.

    ``left``: rows and columns of the image from the corner on.
    """
    _, width, channels = part.shape
    row = width * channels
    source = address(part) + BYTES * (corner[0] * row + corner[1] * channels)
    if left[0] < TAKEN or left[1] < TAKEN:
        for y in range(TAKEN):
            for x in range(TAKEN):
                inside = y < left[0] and x < left[1]
                for c in range(channels):
                    room.square[(y * TAKEN + x) * channels + c] = (
                        part[corner[0] + y, corner[1] + x, c] if inside else np.float32(0)
                    )
        source, row = address(room.square), TAKEN * channels
    values = address(room.values) + BYTES * place
    for c in range(0, BYTES * channels, BYTES * LANES):
        spread(source + c, BYTES * row, BYTES * channels, values + c, _plane(inputs))


@compiled
def _multiply(kernels: np.ndarray, count: int, outputs: int, room: Room) -> None:
    """Multiply the values of ``count`` squares, rounded up to the next 6."""
    values, products = address(room.values), address(room.products)
    blocks, inputs = kernels.shape[1], kernels.shape[2]
    kernel = address(kernels)
    for plane in range(VALUES):
        line, row = BYTES * inputs, BYTES * outputs
        for block in range(blocks):
            for square in range(0, count, ROWS):
                multiply(
                    inputs,
                    values + plane * _plane(inputs) + square * line,
                    line,
                    kernel,
                    products + plane * _plane(outputs) + square * row + block * BYTES * COLUMNS,
                    row,
                )
            kernel += BYTES * COLUMNS * inputs


@compiled
def _gather(room: Room, place: int, bias: np.ndarray, out: np.ndarray, top: int, left: int) -> None:
    """Write the pixels of one square, as many as lie in ``out``."""
    height, width, outputs = out.shape
    rows, columns = min(MADE, height - top), min(MADE, width - left)
    whole = rows == MADE and columns == MADE
    target = address(out) + BYTES * (top * width + left) * outputs
    row = BYTES * width * outputs
    if not whole:
        target, row = address(room.square), BYTES * MADE * outputs
    products = address(room.products) + BYTES * outputs * place
    added = address(bias)
    for c in range(0, BYTES * outputs, BYTES * LANES):
        gather(products + c, _plane(outputs), added + c, target + c, row, BYTES * outputs)
    if not whole:
        for y in range(rows):
            for x in range(columns):
                for c in range(outputs):
                    out[top + y, left + x, c] = room.square[(y * MADE + x) * outputs + c]
