"""Block: up to 96 squares of a convolution, from pixels to rectified pixels, in one core's cache.

The squares of an image are numbered row by row. Each is computed by itself, in the same order of
sums, whatever block it is in: neither the number of threads nor that of blocks changes a bit.
"""

from typing import NamedTuple

import numpy as np

from napari_unet.core.compiled import compiled
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

SQUARES = 96  # of a block: with 64 channels in and out, values and products take 2 MB
STAGGER = 16  # numbers between planes, which would else meet in the same few lines of the cache


class Part(NamedTuple):
    """Some of the channels of an image: pixels in a row of memory, channels last."""

    pixels: np.ndarray  # float32, one axis
    row: int  # numbers from one row of the image to the next
    channels: int


class Room(NamedTuple):
    """Where a block is computed: values of the pixels, of the products, and one square."""

    values: np.ndarray
    products: np.ndarray
    square: np.ndarray

    @classmethod
    def of(cls, inputs: int, outputs: int) -> "Room":
        """Make room for one thread; zeros, as rows beyond the last square are multiplied too."""
        values, products, square = (
            np.zeros(count, np.float32) for count in _counts(inputs, outputs)
        )
        return cls(values, products, square)


def room_bytes(inputs: int, outputs: int) -> int:
    """Return the bytes that ``Room.of`` takes."""
    return BYTES * sum(_counts(inputs, outputs))


def _counts(inputs: int, outputs: int) -> tuple[int, int, int]:
    """Return how many numbers each part of a room holds."""
    values, products = (VALUES * (SQUARES * n + STAGGER) for n in (inputs, outputs))
    return values, products, TAKEN * TAKEN * max(inputs, outputs)


@compiled
def convolve(
    parts: tuple[Part, Part],
    kernels: np.ndarray,
    bias: np.ndarray,
    out: np.ndarray,
    first: int,
    last: int,
    room: Room,
) -> None:
    """Compute the squares ``first`` to ``last`` of ``out`` (height, width, outputs), by blocks.

    ``kernels``: (36, outputs / 16, inputs, 16). Pixels are read from one part after the other.
    """
    for start in range(first, last, SQUARES):
        _convolve(parts, kernels, bias, out, start, min(start + SQUARES, last), room)


@compiled
def _convolve(
    parts: tuple[Part, Part],
    kernels: np.ndarray,
    bias: np.ndarray,
    out: np.ndarray,
    first: int,
    last: int,
    room: Room,
) -> None:
    """Compute one block."""
    height, width, outputs = out.shape
    inputs = kernels.shape[2]
    across = (width + MADE - 1) // MADE
    for number in range(first, last):
        top, left = MADE * (number // across), MADE * (number % across)
        place = inputs * (number - first)
        for part in parts:
            _spread(part, (top, left), (height + 2 - top, width + 2 - left), place, inputs, room)
            place += part.channels
    _multiply(kernels, last - first, outputs, room)
    for number in range(first, last):
        top, left = MADE * (number // across), MADE * (number % across)
        _gather(room, number - first, bias, out, top, left)


@compiled
def _address(array: np.ndarray) -> np.int64:
    return np.int64(array.ctypes.data)  # unsigned and signed make a float in numba


@compiled
def _plane(channels: int) -> int:
    return BYTES * (SQUARES * channels + STAGGER)


@compiled
def _spread(
    part: Part, corner: tuple[int, int], left: tuple[int, int], place: int, inputs: int, room: Room
) -> None:
    """Write the values of one square; beyond the end of the image, zeros are read.

    ``left``: rows and columns of the image from the corner on.
    """
    pixels, row, channels = part
    start = corner[0] * row + corner[1] * channels
    source = _address(pixels) + BYTES * start
    if left[0] < TAKEN or left[1] < TAKEN:
        square = room.square
        line = TAKEN * channels
        for y in range(TAKEN):
            n = min(left[1], TAKEN) * channels if y < left[0] else 0
            for i in range(line):
                square[y * line + i] = pixels[start + y * row + i] if i < n else 0
        source, row = _address(square), TAKEN * channels
    values = _address(room.values) + BYTES * place
    for c in range(0, BYTES * channels, BYTES * LANES):
        spread(source + c, BYTES * row, BYTES * channels, values + c, _plane(inputs))


@compiled
def _multiply(kernels: np.ndarray, count: int, outputs: int, room: Room) -> None:
    """Multiply the values of ``count`` squares, rounded up to the next 6."""
    values, products = _address(room.values), _address(room.products)
    blocks, inputs = kernels.shape[1], kernels.shape[2]
    kernel = _address(kernels)
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
    target = _address(out) + BYTES * (top * width + left) * outputs
    row = BYTES * width * outputs
    if not whole:
        target, row = _address(room.square), BYTES * MADE * outputs
    products = _address(room.products) + BYTES * outputs * place
    added = _address(bias)
    for c in range(0, BYTES * outputs, BYTES * LANES):
        gather(products + c, _plane(outputs), added + c, target + c, row, BYTES * outputs)
    if not whole:
        for y in range(rows):
            for x in range(columns):
                for c in range(outputs):
                    out[top + y, left + x, c] = room.square[(y * MADE + x) * outputs + c]
