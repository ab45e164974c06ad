"""Cubic splines through equally spaced values, mirrored at both ends.

One spline serves twice: between the few nodes of a deformation, and between the pixels of an image
that is read with order 3.
"""

from functools import lru_cache

import numpy as np
from scipy.ndimage import spline_filter1d

from napari_unet.core.arrays.boxes import mirror_indices
from napari_unet.core.runtime.jit import jit

REACH = 12  # pixels beyond which a neighbour's share in a coefficient is below 2e-7
_POLE = np.sqrt(3.0) - 2.0  # of the inverse of the cubic B-spline (1, 4, 1) / 6
# Share in a coefficient of its own pixel and of those 1, 2, … beside it; all shares add up to 1.
RESPONSE = (np.sqrt(3.0) * _POLE ** np.arange(REACH + 1)).astype(np.float32)


# A piece of a cubic B-spline as a polynomial: factors of 1, t, t², t³ for four coefficients,
# where t, 0 to 1, is how far a place lies past the second of the four.
PIECE = np.array([[1, 4, 1, 0], [-3, 0, 3, 0], [3, -6, 3, 0], [-1, 3, -3, 1]]) / 6.0


@lru_cache(maxsize=64)
def node_pieces(nodes: int) -> np.ndarray:
    """Return (nodes - 1, 4, nodes): the polynomials from node to node for a unit at each node."""
    mirrored = np.eye(nodes)[mirror_indices(-1, nodes + 1, nodes)]
    coefficients = mirrored @ spline_filter1d(np.eye(nodes), order=3, axis=0, mode="mirror")
    pieces = np.stack([PIECE @ coefficients[i : i + 4] for i in range(nodes - 1)])
    return np.round(pieces, 12)  # alike on every processor


def node_places(pixels: int, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the piece (pixels,) in which each pixel of an axis lies, and how far into it.

    The nodes are equally spaced, the first on the first pixel and the last on the last.
    """
    place = np.linspace(0.0, nodes - 1.0, pixels)
    piece = np.minimum(place.astype(np.int64), nodes - 2)
    return piece, place - piece


@lru_cache(maxsize=64)
def node_weights(pixels: int, nodes: int) -> np.ndarray:
    """Return (pixels, nodes): the share of each node in each pixel of an axis."""
    piece, part = node_places(pixels, nodes)
    powers = np.stack([np.ones_like(part), part, part**2, part**3])
    return np.einsum("px,xpn->xn", powers, node_pieces(nodes)[piece])


@lru_cache(maxsize=64)
def node_slopes(pixels: int, nodes: int) -> np.ndarray:
    """Return (pixels, nodes): the change of :func:`node_weights` per pixel."""
    piece, part = node_places(pixels, nodes)
    powers = np.stack([np.ones_like(part), 2 * part, 3 * part**2])
    slopes = np.einsum("px,xpn->xn", powers, node_pieces(nodes)[piece, 1:])
    return slopes * ((nodes - 1) / max(1, pixels - 1))


def spline_coefficients(box: np.ndarray, dims: int) -> np.ndarray:
    """Return the B-spline coefficients of the last ``dims`` axes of a float32 array.

    Each of these axes loses ``REACH`` pixels at either end: no edge has to be guessed.
    """
    for axis in range(box.ndim - dims, box.ndim):
        box = _along(box, axis)
    return box


def _along(box: np.ndarray, axis: int) -> np.ndarray:
    shape = list(box.shape)
    shape[axis] -= 2 * REACH
    coefficients = np.empty(shape, np.float32)
    before = int(np.prod(box.shape[:axis]))
    if axis == box.ndim - 1:
        _filter_rows(box.reshape(before, -1), coefficients.reshape(before, -1))
    else:
        lines = (before, box.shape[axis], -1)
        _filter_lines(box.reshape(lines), coefficients.reshape(before, shape[axis], -1))
    return coefficients


@jit
def _filter_rows(box: np.ndarray, out: np.ndarray) -> None:
    """Filter (rows, pixels) along the pixels; the inner loop runs over pixels, so as to be wide."""
    for row in range(out.shape[0]):
        into, line = out[row], box[row]
        for x in range(into.size):
            into[x] = RESPONSE[0] * line[x + REACH]
        for away in range(1, REACH + 1):
            share = RESPONSE[away]
            for x in range(into.size):
                into[x] += share * (line[x + REACH - away] + line[x + REACH + away])


@jit
def _filter_lines(box: np.ndarray, out: np.ndarray) -> None:
    """Filter (before, pixels, after) along the pixels."""
    for before in range(out.shape[0]):
        for y in range(out.shape[1]):
            into, line = out[before, y], box[before, y + REACH]
            for x in range(into.size):
                into[x] = RESPONSE[0] * line[x]
            for away in range(1, REACH + 1):
                share = RESPONSE[away]
                left, right = box[before, y + REACH - away], box[before, y + REACH + away]
                for x in range(into.size):
                    into[x] += share * (left[x] + right[x])
