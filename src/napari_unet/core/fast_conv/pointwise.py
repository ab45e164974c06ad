"""The other layers, for one row of pixels: first layer, up-convolutions and class scores.

Each is a product of the pixels of a row and a matrix, ROWS pixels at a time. Where the length of a
row is no multiple of ROWS, the last product begins earlier and computes some pixels again; so a row
needs at least ROWS pixels.
"""

from typing import NamedTuple

from napari_unet.core.fast_conv.buffers import FeatureMap, address
from napari_unet.core.fast_conv.simd import (
    BYTES,
    COLUMNS,
    ROWS,
    move,
    multiply_from,
    multiply_rectified,
)
from napari_unet.core.fast_conv.weights import Panels
from napari_unet.core.runtime.jit import jit

FEWEST = ROWS  # pixels of a row


class Image(NamedTuple):
    """(channels, height, width) float32, or columns of one, by address."""

    place: int
    layer: int  # bytes from one channel to the next
    row: int
    channels: int


@jit
def up_convolve(low: FeatureMap, row: int, panels: Panels, upper: FeatureMap, first: int) -> None:
    """Up-convolve a row of ``low`` to two rows of ``upper``, from ``first`` on."""
    line = low.place + row * low.row
    pixel = BYTES * upper.channels
    for y in range(2):
        for x in range(2):
            target = upper.place + (first + y) * upper.row + x * pixel
            _product(line, low.width, low.channels, panels, 2 * y + x, target, 2 * pixel)


@jit
def first_layer(
    image: Image, row: int, panels: Panels, patches: int, made: FeatureMap, first: int
) -> None:
    """Convolve three rows of an image to a row of ``made``; ``patches`` is room for 9 a pixel."""
    taps = 9 * image.channels
    for c in range(image.channels):
        for y in range(3):
            source = image.place + c * image.layer + (row + y) * image.row
            target = patches + BYTES * (9 * c + 3 * y)
            for x in range(made.width):
                move(source + BYTES * x, target + BYTES * taps * x, 3 * BYTES)
    target = made.place + first * made.row
    _product(patches, made.width, taps, panels, 0, target, BYTES * made.channels)


@jit
def class_scores(
    made: FeatureMap, first: int, panels: Panels, found: int, scores: FeatureMap, row: int
) -> None:
    """Write a row of ``scores`` of a row of ``made``; ``found`` is room for them in sixteens."""
    pixel = BYTES * len(panels.bias)
    line = made.place + first * made.row
    _product(line, made.width, made.channels, panels, 0, found, pixel)
    size = BYTES * scores.channels
    target = scores.place + row * scores.row
    for x in range(made.width):
        move(found + x * pixel, target + x * size, size)


@jit
def _product(
    left: int, count: int, inputs: int, panels: Panels, place: int, target: int, step: int
) -> None:
    """Write what each of ``count`` pixels gives rise to at ``place``, ``step`` bytes apart."""
    line = BYTES * inputs
    blocks = panels.weights.shape[1]
    panel = address(panels.weights) + place * blocks * BYTES * COLUMNS * inputs
    for block in range(blocks):
        start = address(panels.bias) + BYTES * COLUMNS * block
        for some in range(0, count, ROWS):
            x = min(some, count - ROWS)
            pixels, to = left + x * line, target + x * step + BYTES * COLUMNS * block
            if panels.rectified:
                multiply_rectified(inputs, pixels, line, panel, start, to, step)
            else:
                multiply_from(inputs, pixels, line, panel, start, to, step)
        panel += BYTES * COLUMNS * inputs
