"""Rows: of what is no 3x3 convolution between many channels, computed for one row of pixels.

Each is a product of the pixels of a row and a matrix, six pixels at a time. The last six of a row
reach back where its length is no multiple of six; so a row has six pixels at least.
"""

import numpy as np

from napari_unet.core.compiled import compiled
from napari_unet.core.convolving.layers import Panels
from napari_unet.core.convolving.vectors import BYTES, COLUMNS, ROWS, multiply_from

FEWEST = ROWS  # pixels of a row


@compiled
def address(array: np.ndarray) -> np.int64:
    """Return where an array begins."""
    return np.int64(array.ctypes.data)  # unsigned and signed make a float in numba


@compiled
def rise(low: np.ndarray, panels: Panels, upper: np.ndarray) -> None:
    """Up-convolve one row (n, inputs) to two rows (2, 2 n, outputs)."""
    for y in range(2):
        for x in range(2):
            _product(low, panels, 2 * y + x, upper[y, x:], 2)


@compiled
def enter(image: np.ndarray, panels: Panels, patches: np.ndarray, row: np.ndarray) -> None:
    """Convolve three lines of an image (channels, 3, n + 2) to a row (n, outputs)."""
    channels, _, width = image.shape
    for x in range(width - 2):
        place = 0
        for c in range(channels):
            for y in range(3):
                for k in range(3):
                    patches[x, place] = image[c, y, x + k]
                    place += 1
    _product(patches[: width - 2], panels, 0, row, 1)


@compiled
def judge(row: np.ndarray, panels: Panels, found: np.ndarray, scores: np.ndarray) -> None:
    """Write the scores (n, classes) of a row (n, inputs); ``found`` has them in sixteens."""
    _product(row, panels, 0, found, 1)
    for x in range(len(scores)):
        for c in range(scores.shape[1]):
            scores[x, c] = found[x, c]


@compiled
def _product(row: np.ndarray, panels: Panels, place: int, out: np.ndarray, stride: int) -> None:
    """Write to every ``stride``-th pixel of ``out`` what each pixel gives rise to at ``place``."""
    count, inputs = row.shape
    outputs = out.shape[1]
    left, line = address(row), BYTES * inputs
    panel, target, step = address(panels.weights), address(out), BYTES * outputs * stride
    blocks = panels.weights.shape[1]
    panel += place * blocks * BYTES * COLUMNS * inputs
    for block in range(blocks):
        start = address(panels.bias) + BYTES * COLUMNS * block
        to = target + BYTES * COLUMNS * block
        for x in range(0, count, ROWS):
            x = min(x, count - ROWS)
            multiply_from(
                inputs, left + x * line, line, panel, start, panels.least, to + x * step, step
            )
        panel += BYTES * COLUMNS * inputs
