"""The compiled loops of a deformation: the place and the value of every pixel of a tile.

A plane is treated as a volume of one plane, so that the same loops serve both. Nothing is compiled
before the first call. Sums are always added in the same order, so that a tile is the same on every
processor.
"""

from typing import Any, NamedTuple

import numpy as np

from napari_unet.core.runtime.jit import jit

_ONE, _HALF = np.float32(1), np.float32(0.5)
_SIXTH, _TWO_THIRDS = np.float32(1 / 6), np.float32(2 / 3)


class TileTransform(NamedTuple):
    """Where the pixels of a tile lie: ``origin + matrix · pixel + spline through the nodes``.

    Along the rows of the tile the spline is written as polynomials, one from node to node.
    """

    origin: np.ndarray  # (3,)
    matrix: np.ndarray  # (3, 3)
    pieces: np.ndarray  # (3, nz, ny, nx - 1, 4): factors of 1, t, t², t³; t is 0 to 1 in a piece
    weights_z: np.ndarray  # (depth of the tile, nz): the share of each node
    weights_y: np.ndarray  # (height, ny)
    starts: np.ndarray  # (nx,): the first pixel of each piece, and the width of the tile
    part: np.ndarray  # (width,): the t of each pixel


@jit
def _follow_row(path: TileTransform, z: int, y: int, row: np.ndarray) -> None:
    """Write the places (3, width) of the pixels of row ``y`` in plane ``z``.

    The first of the three is left alone in a plane: it is 0 there.
    """
    origin, matrix, pieces, weights_z, weights_y, starts, part = path
    share = np.empty(4)
    for axis in range(1 if weights_z.shape == (1, 1) else 0, 3):
        line = row[axis]
        start = origin[axis] + matrix[axis, 0] * z + matrix[axis, 1] * y
        step = matrix[axis, 2]
        for piece in range(pieces.shape[3]):
            share[:] = 0.0
            for k in range(pieces.shape[1]):
                for j in range(pieces.shape[2]):
                    weight = weights_z[z, k] * weights_y[y, j]
                    for power in range(4):
                        share[power] += weight * pieces[axis, k, j, piece, power]
            a, b, c, d = share[0], share[1], share[2], share[3]
            first = starts[piece]
            into, past = line[first : starts[piece + 1]], part[first : starts[piece + 1]]
            for x in range(into.size):
                t = past[x]
                into[x] = start + step * (first + x) + (a + t * (b + t * (c + t * d)))


@jit
def follow(path: TileTransform, places: np.ndarray) -> None:
    """Write the places (3, depth, height, width) of all pixels."""
    for z in range(places.shape[1]):
        for y in range(places.shape[2]):
            _follow_row(path, z, y, places[:, z, y])


@jit
def extent(path: TileTransform, low: np.ndarray, high: np.ndarray) -> None:
    """Lower ``low`` and raise ``high``, both (3, width), to the places of each column."""
    row = np.zeros(low.shape)
    for z in range(path.weights_z.shape[0]):
        for y in range(path.weights_y.shape[0]):
            _follow_row(path, z, y, row)
            for axis in range(3):
                least, most, line = low[axis], high[axis], row[axis]
                for x in range(line.size):
                    place, lowest, highest = line[x], least[x], most[x]
                    least[x] = place if place < lowest else lowest
                    most[x] = place if place > highest else highest


@jit
def _find(row: np.ndarray, shape: tuple[int, int, int], at: np.ndarray, part: np.ndarray) -> None:
    """Split places into the pixel ``at`` (in memory order) and the ``part`` (3, width) beyond."""
    height, width = shape[1], shape[2]
    for x in range(at.size):
        iy, ix = np.int32(row[1, x]), np.int32(row[2, x])
        at[x] = np.int64(iy) * width + ix
        part[1, x] = row[1, x] - iy
        part[2, x] = row[2, x] - ix
    if shape[0] > 1:
        for x in range(at.size):
            iz = np.int32(row[0, x])
            at[x] += np.uintp(iz) * np.uintp(height * width)
            part[0, x] = row[0, x] - iz


@jit
def nearest(path: TileTransform, box: np.ndarray, out: np.ndarray) -> None:
    """Take the pixels of ``box`` (channels, z, y, x) that the places lie in.

    Places here count from the corner of the first pixel, not from its middle.
    """
    width = out.shape[3]
    row, part = np.zeros((3, width)), np.empty((3, width), np.float32)
    at = np.empty(width, np.uintp)
    for z in range(out.shape[1]):
        for y in range(out.shape[2]):
            _follow_row(path, z, y, row)
            _find(row, box.shape[1:], at, part)
            for channel in range(out.shape[0]):
                pixels, into = box[channel].ravel(), out[channel, z, y]
                for x in range(width):
                    into[x] = pixels[at[x]]


@jit
def linear(path: TileTransform, box: np.ndarray, out: np.ndarray) -> None:
    """Interpolate ``box`` (channels, z, y, x) linearly."""
    width = out.shape[3]
    row, part = np.zeros((3, width)), np.empty((3, width), np.float32)
    at = np.empty(width, np.uintp)
    for z in range(out.shape[1]):
        for y in range(out.shape[2]):
            _follow_row(path, z, y, row)
            _find(row, box.shape[1:], at, part)
            for channel in range(out.shape[0]):
                _linear_row(box[channel], at, part, out[channel, z, y])


@jit
def _linear_row(box: np.ndarray, at: np.ndarray, part: np.ndarray, into: np.ndarray) -> None:
    pixels, down = box.ravel(), np.uintp(box.shape[2])
    if box.shape[0] == 1:
        for x in range(into.size):
            into[x] = _bilinear(pixels, at[x], down, part[1, x], part[2, x])
        return
    plane = np.uintp(box.shape[1] * box.shape[2])
    for x in range(into.size):
        this = _bilinear(pixels, at[x], down, part[1, x], part[2, x])
        that = _bilinear(pixels, at[x] + plane, down, part[1, x], part[2, x])
        into[x] = this + part[0, x] * (that - this)


@jit
def _bilinear(pixels: np.ndarray, at: np.uintp, down: np.uintp, ty: float, tx: float) -> np.float32:
    one = np.uintp(1)
    above, below = pixels[at], pixels[at + down]
    above += tx * (pixels[at + one] - above)
    below += tx * (pixels[at + down + one] - below)
    return above + ty * (below - above)


@jit
def cubic(path: TileTransform, box: np.ndarray, out: np.ndarray) -> None:
    """Evaluate the cubic spline whose coefficients are ``box`` (channels, z, y, x).

    Places count from the second coefficient of each axis: the first lies just before it.
    """
    width = out.shape[3]
    row, part = np.zeros((3, width)), np.empty((3, width), np.float32)
    at = np.empty(width, np.uintp)
    for z in range(out.shape[1]):
        for y in range(out.shape[2]):
            _follow_row(path, z, y, row)
            _find(row, box.shape[1:], at, part)
            for channel in range(out.shape[0]):
                _cubic_row(box[channel], at, part, out[channel, z, y])


@jit
def _cubic_row(box: np.ndarray, at: np.ndarray, part: np.ndarray, into: np.ndarray) -> None:
    pixels, down = box.ravel(), np.uintp(box.shape[2])
    if box.shape[0] == 1:
        for x in range(into.size):
            into[x] = _bicubic(pixels, at[x], down, _taps(part[1, x]), _taps(part[2, x]))
        return
    plane = np.uintp(box.shape[1] * box.shape[2])
    for x in range(into.size):
        first, taps_y, taps_x = at[x], _taps(part[1, x]), _taps(part[2, x])
        total = np.float32(0)
        for weight in _taps(part[0, x]):
            total += weight * _bicubic(pixels, first, down, taps_y, taps_x)
            first += plane
        into[x] = total


@jit
def _taps(part: float) -> tuple[Any, ...]:
    rest = _ONE - part
    inner = _TWO_THIRDS - part * part * (_ONE - _HALF * part)
    last = _SIXTH * part * part * part
    first = _SIXTH * rest * rest * rest
    return first, inner, _ONE - first - inner - last, last


@jit
def _bicubic(
    pixels: np.ndarray,
    at: np.uintp,
    down: np.uintp,
    taps_y: tuple[float, ...],
    taps_x: tuple[float, ...],
) -> np.float32:
    total = np.float32(0)
    for weight in taps_y:
        total += weight * _cubic_line(pixels, at, taps_x)
        at += down
    return total


@jit
def _cubic_line(pixels: np.ndarray, at: np.uintp, taps: tuple[float, ...]) -> np.float32:
    one, two, three = np.uintp(1), np.uintp(2), np.uintp(3)
    near = taps[1] * pixels[at + one] + taps[2] * pixels[at + two]
    return taps[0] * pixels[at] + near + taps[3] * pixels[at + three]
