"""Synthetic cells, textured and touching on an uneven background, and their true labels.

They serve to try things out without data, and for tests whose answer is known.
"""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

from napari_unet.core.arrays.label_values import ConnectedRegions

COVERED = {2: 0.28, 3: 0.15}  # share of the image that cells cover, by dimensions
SMALLEST = 3.0  # pixels, radius
LARGEST = 24.0  # pixels, radius: fewer cells do not become larger ones
CLUSTERED = 0.5  # share of cells that are set beside another
TRIES = 40  # places tried for a cell before they may lie closer together
ROUGH = 0.2  # sd of the outline, in radii
BACKGROUND, CELL = 300.0, 900.0  # gray values


class _Cells(NamedTuple):
    centres: np.ndarray  # (n, dims) pixels
    radii: np.ndarray  # (n,) pixels
    shapes: np.ndarray  # (n, dims, dims): offset -> distance in radii; ellipses turned at random


def draw_cells(
    rng: np.random.Generator, shape: tuple[int, ...], count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw ``count`` cells: an image (uint16) of ``shape`` and its objects (int32, 1 to count)."""
    radius = _radius(shape, count)
    cells = _place(rng, shape, count, radius)
    labels, depth = _outline(rng, shape, cells, radius)
    light = rng.lognormal(0.0, 0.25, count + 1)[labels] * (labels > 0)
    texture = 1 + 0.25 * _smooth(rng, shape, max(radius / 6, 0.7))
    cell = CELL * light * texture * (0.6 + 0.4 * depth)
    clean = gaussian_filter(_uneven(rng, shape) + cell, 0.8)
    noisy = rng.poisson(np.maximum(clean, 0)) + rng.normal(0, 10, shape)
    return np.clip(np.rint(noisy), 0, 65535).astype(np.uint16), labels


def _radius(shape: tuple[int, ...], count: int) -> float:
    """Return the typical radius of ``count`` cells, or say how many there is room for."""
    dims = len(shape)
    if dims not in COVERED or min(shape, default=0) < 1 or count < 1:
        raise ValueError(
            f"a shape of {tuple(shape)} and {count} cells cannot be drawn: "
            "give 2 or 3 lengths of at least 1 and at least 1 cell"
        )
    unit = np.pi if dims == 2 else 4 / 3 * np.pi
    room = COVERED[dims] * float(np.prod(shape)) / unit
    radius = min(float((room / count) ** (1 / dims)), LARGEST, min(shape) / 3)
    if radius < SMALLEST:
        most = int(room / SMALLEST**dims) if min(shape) >= 3 * SMALLEST else 0
        raise ValueError(
            f"{count} cells do not fit in an image of {tuple(shape)}, which has room for {most}: "
            "draw fewer or make it larger"
        )
    return radius


def _place(rng: np.random.Generator, shape: tuple[int, ...], count: int, radius: float) -> _Cells:
    """Scatter the cells, many of them beside another one."""
    dims = len(shape)
    radii = radius * rng.uniform(0.8, 1.2, count)
    centres = np.empty((count, dims))
    for k in range(count):
        apart = 0.95
        centres[k] = _candidate(rng, shape, centres[:k], radii[: k + 1])
        tries = 1
        while _crowded(centres[: k + 1], radii[: k + 1], apart):
            centres[k] = _candidate(rng, shape, centres[:k], radii[: k + 1])
            tries += 1
            apart *= 0.97 if tries % TRIES == 0 else 1.0
    return _Cells(centres, radii, np.stack([_ellipse(rng, r, dims) for r in radii]))


def _candidate(
    rng: np.random.Generator, shape: tuple[int, ...], centres: np.ndarray, radii: np.ndarray
) -> np.ndarray:
    """Draw a place in the image, or one that touches an earlier cell."""
    last = np.array(shape) - 1.0
    if not len(centres) or rng.random() > CLUSTERED:
        return rng.uniform(0, 1, len(shape)) * last
    other = int(rng.integers(len(centres)))
    way = rng.normal(size=len(shape))
    place = centres[other] + way / np.linalg.norm(way) * (radii[other] + radii[-1])
    return np.clip(place, 0, last)


def _crowded(centres: np.ndarray, radii: np.ndarray, apart: float) -> bool:
    """Whether the last cell lies nearer to another than ``apart`` times the sum of their radii."""
    distance = np.linalg.norm(centres[:-1] - centres[-1], axis=1)
    return bool((distance < apart * (radii[:-1] + radii[-1])).any())


def _ellipse(rng: np.random.Generator, radius: float, dims: int) -> np.ndarray:
    turned, _ = np.linalg.qr(rng.normal(size=(dims, dims)))
    stretch = np.exp(rng.normal(0, 0.15, dims))
    stretch /= np.prod(stretch) ** (1 / dims)
    return turned / (radius * stretch[:, None])


def _outline(
    rng: np.random.Generator, shape: tuple[int, ...], cells: _Cells, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """Give each pixel to the cell it lies deepest in; return labels and depth (1 in the middle)."""
    nearest = np.full(shape, np.inf)
    labels = np.zeros(shape, np.int32)
    for number, (centre, own) in enumerate(zip(cells.centres, cells.shapes, strict=True), start=1):
        reach = 2 * radius
        low = [max(int(c - reach), 0) for c in centre]
        box = tuple(
            slice(a, min(int(c + reach) + 2, n)) for a, c, n in zip(low, centre, shape, strict=True)
        )
        offsets = np.moveaxis(np.mgrid[box], 0, -1) - np.rint(centre)
        distance = np.linalg.norm(offsets @ own.T, axis=-1)
        deeper = distance < nearest[box]
        nearest[box][deeper] = distance[deeper]
        labels[box][deeper] = number
    reached = 1 + ROUGH * _smooth(rng, shape, radius / 3)
    labels[nearest > np.maximum(reached, 0.4)] = 0
    return _whole(labels), np.clip(1 - nearest, 0, 1)


def _whole(labels: np.ndarray) -> np.ndarray:
    """Keep the largest piece of each cell."""
    pieces = ConnectedRegions.of(labels, "ZYX"[-labels.ndim :], diagonal=False)
    order = np.argsort(pieces.areas, kind="stable")
    largest = np.zeros(int(pieces.owners.max()) + 1, np.int64)
    largest[pieces.owners[order]] = order
    return np.where(pieces.indices == largest[labels], labels, 0).astype(np.int32)


def _smooth(rng: np.random.Generator, shape: tuple[int, ...], sd: float) -> np.ndarray:
    """Return noise blurred by ``sd`` pixels, of mean 0 and sd 1."""
    noise = gaussian_filter(rng.normal(size=shape), sd, mode="reflect")
    return (noise - noise.mean()) / max(float(noise.std()), 1e-9)


def _uneven(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return a background that changes slowly, by about a factor of two."""
    coarse = zoom(rng.normal(size=(4,) * len(shape)), [n / 4 for n in shape], order=3)
    return BACKGROUND * np.exp(0.3 * coarse / max(float(coarse.std()), 1e-9))
