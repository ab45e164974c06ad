"""The transforms of Winograd's convolution: 6x6 pixels, 36 values to multiply, 4x4 pixels.

A product of polynomials is known by its values at enough points. Along one axis 6 pixels become the
values of a polynomial at 0, ±5/8, ±3/2 and infinity, 3 taps of a kernel theirs at the same points;
the products of these values give 4 pixels. Rounding errors are about twice those of the sum of nine
products; the usual points 0, ±1, ±2 would double them again. All constants are exact in float32.
"""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

TAKEN, MADE = 6, 4  # pixels along one axis of a square that is read, and of what comes out
VALUES = TAKEN * TAKEN  # products a square and pair of channels
POINTS = (0.0, 0.625, -0.625, 1.5, -1.5)  # and infinity
_A, _B = POINTS[1], POINTS[3]
SHARES = tuple(1 / prod(p - other for other in POINTS if other != p) for p in POINTS)


def values_of_pixels(x: Sequence[Any]) -> list[Any]:
    """Return the values of 6 pixels along one axis: at each point, then at infinity.

    Works on anything that adds and multiplies, so that the compiler can be given it, too.
    """
    even1, odd1 = x[4] - x[2] * _B**2, (x[3] - x[1] * _B**2) * _A
    even2, odd2 = x[4] - x[2] * _A**2, (x[3] - x[1] * _A**2) * _B
    both, ends = _A**2 + _B**2, _A**2 * _B**2
    return [
        x[0] * ends - x[2] * both + x[4],
        even1 + odd1, even1 - odd1, even2 + odd2, even2 - odd2,
        x[1] * ends - x[3] * both + x[5],
    ]  # fmt: skip


def pixels_of_values(m: Sequence[Any]) -> list[Any]:
    """Return 4 pixels along one axis of the products of 6 values."""
    sum1, sum2, odd1, odd2 = m[1] + m[2], m[3] + m[4], m[1] - m[2], m[3] - m[4]
    return [
        m[0] + sum1 + sum2,
        odd1 * _A + odd2 * _B,
        sum1 * _A**2 + sum2 * _B**2,
        odd1 * _A**3 + odd2 * _B**3 + m[5],
    ]


def values_of_kernels(kernels: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the 36 values (...) float64 of kernels (9, ...), their taps first."""
    taps = kernels.reshape(3, 3, *kernels.shape[1:]).astype(np.float64)
    for row in _values_of_taps(taps):
        yield from _values_of_taps(row)


def _values_of_taps(taps: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the values of 3 taps along the first axis: at each point, then at infinity."""
    yield taps[0] * SHARES[0]
    for point, share in ((_A, SHARES[1]), (_B, SHARES[3])):
        even, odd = taps[0] * share + taps[2] * (point**2 * share), taps[1] * (point * share)
        yield even + odd
        yield even - odd
    yield taps[2]
