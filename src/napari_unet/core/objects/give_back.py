"""Give the pixels between touching objects back to them.

Training puts a ridge of background between objects that touch, and the network learns to leave
one; here it goes back to the nearer object. Only a ridge is: pixels with two different objects
close by. The free outline of an object stays where the scores put it.
"""

import numpy as np

from napari_unet.core.objects.components import in_space
from napari_unet.core.runtime.jit import jit

WIDTH = 2  # px of a ridge, corners counted as neighbours: each object gave up one of its own
MARGIN = 2 + WIDTH  # px beyond a box that decide about the pixels in it


def give_back(ids: np.ndarray, kinds: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return ``ids`` (2-D or 3-D, int32, 0 none) with the ridges between objects given back.

    ``kinds``: the class of each object, by id; ``wanted``: the best class of each pixel other than
    background. A pixel goes to objects of its class alone; between two equally near, to the one
    with the smaller id.
    """
    grown = in_space(np.ascontiguousarray(ids)).copy()
    wanted = in_space(np.ascontiguousarray(wanted))
    ridge = _ridge(grown, kinds, wanted, _steps(ids.ndim))
    for _ in range(ids.ndim):  # so many faces to a neighbour at the corner, no object grows further
        grown = _grow(grown, kinds, wanted, ridge)
    return grown.reshape(ids.shape)


def _steps(dims: int) -> np.ndarray:
    """Return the steps (n, 3) to all pixels up to WIDTH away along the last axes, near ones first.

    Corners count as neighbours: a step is as long as its longest coordinate.
    """
    line = np.arange(-WIDTH, WIDTH + 1)
    grid = np.meshgrid(*([line] * dims if dims == 3 else [[0], line, line]), indexing="ij")
    steps = np.stack([part.reshape(-1) for part in grid], axis=1)
    length = np.abs(steps).max(axis=1)
    return steps[np.argsort(length, kind="stable")][1:]


@jit
def _ridge(ids: np.ndarray, kinds: np.ndarray, wanted: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Mark background that lies on a ridge of at most WIDTH pixels between two objects."""
    ridge = np.zeros(ids.shape, np.bool_)
    depth, height, width = ids.shape
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                if ids[z, y, x] != 0:
                    continue
                nearest, distance = 0, 0
                for dz, dy, dx in steps:
                    away = max(abs(dz), abs(dy), abs(dx))
                    if away > (WIDTH + 1 - distance if nearest else (WIDTH + 1) // 2):
                        break
                    u, v, w = z + dz, y + dy, x + dx
                    if not (0 <= u < depth and 0 <= v < height and 0 <= w < width):
                        continue
                    found = ids[u, v, w]
                    if found == 0 or found == nearest or kinds[found] != wanted[z, y, x]:
                        continue
                    if nearest:
                        ridge[z, y, x] = True
                        break
                    nearest, distance = found, away
    return ridge


@jit
def _grow(ids: np.ndarray, kinds: np.ndarray, wanted: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    """Grow every object by one pixel into the ridge, through faces of pixels."""
    grown = ids.copy()
    depth, height, width = ids.shape
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                if not ridge[z, y, x] or ids[z, y, x] != 0:
                    continue
                for axis in range(3):
                    for step in (-1, 1):
                        u = z + (step if axis == 0 else 0)
                        v = y + (step if axis == 1 else 0)
                        w = x + (step if axis == 2 else 0)
                        if not (0 <= u < depth and 0 <= v < height and 0 <= w < width):
                            continue
                        found = ids[u, v, w]
                        if found == 0 or kinds[found] != wanted[z, y, x]:
                            continue
                        if grown[z, y, x] == 0 or found < grown[z, y, x]:
                            grown[z, y, x] = found
    return grown
