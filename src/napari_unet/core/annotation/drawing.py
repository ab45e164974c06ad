"""Turn the points and outlines that a person draws on an image into pixels of a plane."""

from typing import NamedTuple

import numpy as np

APART = 1.0  # px: a pixel that is hardly nearer to one point than to the next belongs to neither
CORNERS = 96  # of the polygon that stands for an ellipse; off by less than 1/1000 of its size


class Discs(NamedTuple):
    """Pixels of a plane; each array of them has a row a pixel, (n, 2)."""

    pixels: np.ndarray
    owners: np.ndarray  # (n,) which of the points each of ``pixels`` belongs to
    ring: np.ndarray


def discs(shape: tuple[int, int], points: np.ndarray, radius: float, ring: float) -> Discs:
    """Draw a disc around each of ``points`` (n, 2), and a ring of that width around the discs.

    A ring never covers a disc, and discs that would touch are parted by a line of ring, so that
    each stays an object. Of points on the same pixel the first is taken.
    """
    reach = radius + ring
    pixels = _around(shape, points, reach)
    _, kept = np.unique(np.rint(points), axis=0, return_index=True)
    kept.sort()
    if not len(pixels) or not len(kept):
        nothing = np.zeros((0, 2), np.int64)
        return Discs(nothing, np.zeros(0, np.int64), nothing)
    from scipy.spatial import cKDTree  # a dock that opens must not wait for it

    distances, nearest = cKDTree(points[kept]).query(pixels, k=2)
    inside = (distances[:, 0] <= radius) & (distances[:, 1] - distances[:, 0] >= APART)
    around = ~inside & (distances[:, 0] <= reach)
    return Discs(pixels[inside], kept[nearest[inside, 0]], pixels[around])


def within(shape: tuple[int, int], outline: np.ndarray) -> np.ndarray:
    """Return the pixels (n, 2) of a plane of ``shape`` inside ``outline``, the corners (m, 2)."""
    from skimage.draw import polygon  # a dock that opens must not wait for it

    rows, columns = polygon(outline[:, 0], outline[:, 1], shape)
    return np.stack([rows, columns], axis=1)


def ellipse(corners: np.ndarray) -> np.ndarray:
    """Return the outline of the ellipse in the rectangle of four ``corners`` (4, dims), turned."""
    centre = corners.mean(axis=0)
    across, along = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    angle = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)[:, None]
    return centre + np.cos(angle) * across + np.sin(angle) * along


def _around(shape: tuple[int, int], points: np.ndarray, reach: float) -> np.ndarray:
    """Return the pixels of squares around ``points``, each once, (n, 2)."""
    steps = np.arange(-int(np.ceil(reach)) - 1, int(np.ceil(reach)) + 2)
    square = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    places = (np.rint(points).astype(np.int64)[:, None] + square).reshape(-1, 2)
    places = places[((places >= 0) & (places < shape)).all(axis=1)]
    flat = np.unique(places[:, 0] * shape[1] + places[:, 1])
    return np.stack(np.divmod(flat, shape[1]), axis=1)
