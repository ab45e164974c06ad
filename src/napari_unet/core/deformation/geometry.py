"""Geometry: where the pixels of a deformed tile lie in the image that it is cut from.

``place = centre + shift + A · (pixel - middle + displacement(pixel))``, where A turns and mirrors
about the middle of the tile and the displacement is a cubic spline through the nodes. Every place
is in pixels of the image, in the order of its axes, and may lie beyond its edges. Where straight
lines of the image run in the tile is returned as lines and not as pixels, so that they stay sharp
at every zoom.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from napari_unet.core.deformation.resample import TileTransform, extent, follow
from napari_unet.core.deformation.spline import node_pieces, node_places, node_slopes, node_weights

_ROUNDING = 1e-6  # pixels by which a place may come out differently next time


class Folding(NamedTuple):
    """Where a deformation folds the image over itself, so that structures are shown twice."""

    pixels: int  # whose Jacobian determinant is 0 or below
    share: float  # of all pixels of the tile


@dataclass(frozen=True, eq=False)
class Geometry:
    """The places of the pixels of a tile, counted from wherever its centre is put."""

    shape: tuple[int, ...]
    path: TileTransform
    low: np.ndarray  # (dims,) lowest place along each axis
    high: np.ndarray

    @classmethod
    def of(
        cls, nodes: np.ndarray, shape: Sequence[int], matrix: np.ndarray, shift: np.ndarray
    ) -> "Geometry":
        """Lay out a tile of ``shape``; ``matrix`` is the A of this module."""
        middle = (np.asarray(shape) - 1) / 2
        turned = np.einsum("ab,b...->a...", matrix, nodes)
        path = _path(shift - matrix @ middle, matrix, turned, shape)
        low, high = np.full((3, shape[-1]), np.inf), np.full((3, shape[-1]), -np.inf)
        extent(path, low, high)
        flat = 3 - len(shape)
        return cls(tuple(shape), path, low.min(axis=1)[flat:], high.max(axis=1)[flat:])

    def at(self, centre: np.ndarray) -> tuple[TileTransform, np.ndarray, np.ndarray]:
        """Put the centre somewhere; return the path, and the first and last pixel around it.

        The path counts from the first pixel; the last is one beyond the places, for interpolation.
        """
        first = np.floor(centre + self.low - _ROUNDING)
        last = np.floor(centre + self.high + _ROUNDING) + 1
        origin = self.path.origin + _three(centre - first)
        return self.path._replace(origin=origin), first.astype(np.int64), last.astype(np.int64)

    def places(self, centre: np.ndarray) -> np.ndarray:
        """Return the places (dims, *shape) of all pixels, float64."""
        return _follow(self.path._replace(origin=self.path.origin + _three(centre)), self.shape)


def matrix_of(angle: float, mirror: Sequence[bool]) -> np.ndarray:
    """Return the matrix that mirrors axes, then turns by ``angle`` degrees in the last two.

    A positive angle turns the first of the two axes (y) towards the second (x). Volumes are thus
    turned about z, along which microscopes see differently.
    """
    turn = np.eye(len(mirror))
    radians = np.deg2rad(angle)
    cos, sin = np.round([np.cos(radians), np.sin(radians)], 12)  # exact at right angles
    turn[-2:, -2:] = [[cos, -sin], [sin, cos]]
    return turn * np.where(mirror, -1.0, 1.0)


def displacement(nodes: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Return the spline through the nodes at every pixel, (dims, *shape) float64."""
    still = np.zeros(len(shape))
    return _follow(_path(still, np.diag(still), nodes, shape), shape)


def folding(nodes: np.ndarray, shape: Sequence[int]) -> Folding:
    """Count the pixels at which the displaced tile is folded."""
    planes = range(shape[0]) if len(shape) == 3 else (0,)
    bases = _bases(node_weights, nodes, shape), _bases(node_slopes, nodes, shape)
    count = sum(int(np.count_nonzero(_stretch(nodes, *bases, z) <= 0)) for z in planes)
    return Folding(count, count / int(np.prod(shape)))


def stretch(nodes: np.ndarray, shape: Sequence[int], plane: int = 0) -> np.ndarray:
    """Return the Jacobian determinant (Y, X) of the displaced tile, of one plane of a volume.

    Where it is 0 or below the tile is folded; the image is stretched by its inverse elsewhere.
    """
    bases = _bases(node_weights, nodes, shape), _bases(node_slopes, nodes, shape)
    return _stretch(nodes, *bases, plane)


def _stretch(
    nodes: np.ndarray, weights: list[np.ndarray], slopes: list[np.ndarray], z: int
) -> np.ndarray:
    jacobian: list[list[np.ndarray]] = [[] for _ in nodes]
    for along in range(len(nodes)):
        bases = [(slopes if axis == along else weights)[axis] for axis in range(len(nodes))]
        plane = nodes if len(nodes) == 2 else np.einsum("k,akji->aji", bases[0][z], nodes)
        change = bases[-2] @ plane @ bases[-1].T
        for axis, row in enumerate(jacobian):
            row.append(change[axis] + (axis == along))
    return _determinant(jacobian)


def _determinant(rows: list[list[np.ndarray]]) -> np.ndarray:
    if len(rows) == 1:
        return rows[0][0]
    minors = [[row[:i] + row[i + 1 :] for row in rows[1:]] for i in range(len(rows))]
    signed = [(-1) ** i * rows[0][i] * _determinant(minor) for i, minor in enumerate(minors)]
    return np.sum(signed, axis=0)


def _bases(
    function: Callable[[int, int], np.ndarray], nodes: np.ndarray, shape: Sequence[int]
) -> list[np.ndarray]:
    return [function(*pair) for pair in zip(shape, nodes.shape[1:], strict=True)]


def _path(
    origin: np.ndarray, matrix: np.ndarray, nodes: np.ndarray, shape: Sequence[int]
) -> TileTransform:
    """Write a plane or a volume as a volume."""
    flat = 3 - len(shape)
    square = np.zeros((3, 3))
    square[flat:, flat:] = matrix
    count = nodes.shape[-1]
    pieces = np.zeros((3, *(1,) * flat, *nodes.shape[1:-1], count - 1, 4))
    along_x = np.einsum("pci,a...i->a...pc", node_pieces(count), nodes)
    pieces[flat:] = along_x.reshape(len(nodes), *pieces.shape[1:])
    ones = [np.ones((1, 1))] * flat
    in_z, in_y = ones + _bases(node_weights, nodes, shape)[:-1]
    piece, part = node_places(shape[-1], count)
    starts = np.searchsorted(piece, np.arange(count))
    return TileTransform(_three(origin), square, pieces, in_z, in_y, starts, part)


def expand(path: TileTransform) -> np.ndarray:
    """Return (3, nz, ny, width): the splines along x; the caller adds the other axes."""
    piece = np.repeat(np.arange(len(path.starts) - 1), np.diff(path.starts))
    powers = path.part ** np.arange(4)[:, None]
    return np.einsum("azyxp,px->azyx", path.pieces[:, :, :, piece], powers)


def _three(vector: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(3 - len(vector)), vector])


def _follow(path: TileTransform, shape: Sequence[int]) -> np.ndarray:
    places = np.empty((3, *(1,) * (3 - len(shape)), *shape))
    follow(path, places)
    return places[3 - len(shape) :].reshape(len(shape), *shape)


STEP = 4  # px at least between the places that are looked at
PLACES = 64  # along a large tile; at usual strengths a line is then off by less than 0.1 px

Lines = tuple[np.ndarray, ...]  # each (points, 2): rows and columns, in pixels


def grid_lines(places: np.ndarray, spacing: float) -> Lines:
    """Return the lines of the image every ``spacing`` px as they run in a tile.

    ``places`` (2, Y, X) is where each pixel of the tile lies in the image, as
    ``Deformation.coordinates`` tells.
    """
    rows, columns = _picked(places.shape[1]), _picked(places.shape[2])
    coarse = places[:, rows[:, None], columns]
    lines = []
    for along in coarse:
        first = np.ceil(along.min() / spacing) * spacing
        for level in np.arange(first, along.max(), spacing):
            lines += _contours(along, float(level), rows, columns)
    return tuple(lines)


def fold_lines(stretch: np.ndarray) -> Lines:
    """Return the outlines of where ``stretch`` (Y, X), the Jacobian determinant, is below 0."""
    framed = np.pad(stretch, 1, constant_values=1.0)  # so that outlines close at the edges
    rows, columns = (np.clip(np.arange(-1, n + 1), 0, n - 1) for n in stretch.shape)
    return tuple(_contours(framed, 0.0, rows, columns))


def outline(places: np.ndarray) -> np.ndarray:
    """Return the edge of a tile as it runs in the image, (points, 2), closed."""
    top, right = places[:, 0, :-1], places[:, :-1, -1]
    bottom, left = places[:, -1, :0:-1], places[:, ::-1, 0]
    return np.concatenate([top, right, bottom, left], axis=1).T


def _picked(edge: int) -> np.ndarray:
    """Return indices evenly spread, and the last, so that lines reach the edges."""
    return np.unique(np.append(np.arange(0, edge, max(STEP, edge // PLACES)), edge - 1))


def _contours(
    field: np.ndarray, level: float, rows: np.ndarray, columns: np.ndarray
) -> list[np.ndarray]:
    """Return the contours of ``field``, whose entries lie at ``rows`` and ``columns``."""
    from skimage.measure import find_contours  # a dock that opens must not wait for it

    contours = find_contours(field, level)
    return [
        np.stack([np.interp(line[:, 0], np.arange(len(rows)), rows),
                  np.interp(line[:, 1], np.arange(len(columns)), columns)], axis=1)
        for line in contours
    ]  # fmt: skip
