"""Split objects that are joined at a neck, and close the gap between objects that touch.

Bodies are found on the distance to the outline: a maximum counts as one if every way to a higher
one dips by more than a given depth. A watershed cuts between them. Each object is looked at alone,
so that the cut does not depend on the boxes in which a large image is read.

Training puts a ridge of background between objects that touch, and the network learns to leave one;
here it is given back to the nearer object. Only pixels with two different objects close by are such
a ridge: the free outline of an object stays where the scores put it.
"""

from math import prod

import numpy as np
from scipy.ndimage import distance_transform_edt
from skimage.measure import label
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from napari_unet.core.arrays.boxes import Box, grow, shape_of
from napari_unet.core.objects.components import Regions, RegionStore, in_space, measure
from napari_unet.core.runtime.jit import jit

LARGEST = 2**25  # pixels of the box around an object; one that is larger is no cell, and stays


def split_objects(labelling: RegionStore, depth: float, min_area: int) -> None:
    """Split regions at necks deeper than ``depth`` px into pieces of ``min_area`` px or more."""
    whole, parts = labelling.regions, labelling.parts
    gone: list[int] = []
    added: list[Regions] = []
    last = parts  # highest part number in the store
    for number in range(1, len(whole) + 1):
        box = grow(_box(whole, number), 1, labelling.shape)
        if prod(shape_of(box)) > LARGEST:
            continue
        stored = np.asarray(labelling.store[box])
        region = labelling.regions_of(np.where(stored > parts, 0, stored)) == number
        pieces = pieces_of(region, depth, min_area)
        count = int(pieces.max())
        if count > 1:
            kinds = np.where(region, whole.kind[number], 0).astype(np.uint8)
            labelling.store[box] = np.where(region, pieces + last, stored).astype(np.int32)
            added.append(measure(pieces, kinds, box, labelling.shape, count))
            gone.append(number)
            last += count
    labelling.replace(gone, added)


def _box(regions: Regions, number: int) -> Box:
    return tuple(
        slice(int(a), int(b))
        for a, b in zip(regions.low[number], regions.high[number], strict=True)
    )


def pieces_of(region: np.ndarray, depth: float, min_area: int) -> np.ndarray:
    """Return the pieces 1, 2, … of one connected ``region`` (bool), 0 around it.

    The edge of the array counts as outline only where the region does not reach it.
    """
    if region.all():
        return region.astype(np.int32)
    distance = distance_transform_edt(region)
    lowered = reconstruction(distance - depth, distance)
    seeds = label(local_maxima(lowered) & region & (lowered > 0))
    while seeds.max() > 1:
        pieces = watershed(-distance, seeds, mask=region, connectivity=1)
        area = np.bincount(pieces.reshape(-1))[1:]
        if area.min() >= min_area:
            return pieces
        seeds[seeds == 1 + np.argmin(area)] = 0  # its pixels go to its neighbours
        seeds = np.searchsorted(np.unique(seeds), seeds)
    return region.astype(np.int32)


WIDTH = 2  # px of a ridge, corners counted as neighbours: each object gave up one of its own
MARGIN = 2 + WIDTH  # px beyond a box that decide about the pixels in it


def give_back(ids: np.ndarray, kinds: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Return ``ids`` (2-D or 3-D, int32, 0 none) with the ridges between objects given back.

    ``kinds``: the class of each object, by id; ``best``: the best class of each pixel other than
    background. A pixel goes to objects of its class alone; between two equally near, to the one
    with the smaller id.
    """
    grown = in_space(np.ascontiguousarray(ids)).copy()
    best = in_space(np.ascontiguousarray(best))
    ridge = _ridge(grown, kinds, best, _steps(ids.ndim))
    for _ in range(ids.ndim):  # so many faces to a neighbour at the corner, no object grows further
        grown = _grow(grown, kinds, best, ridge)
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
def _ridge(ids: np.ndarray, kinds: np.ndarray, best: np.ndarray, steps: np.ndarray) -> np.ndarray:
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
                    other = ids[u, v, w]
                    if other == 0 or other == nearest or kinds[other] != best[z, y, x]:
                        continue
                    if nearest:
                        ridge[z, y, x] = True
                        break
                    nearest, distance = other, away
    return ridge


@jit
def _grow(ids: np.ndarray, kinds: np.ndarray, best: np.ndarray, ridge: np.ndarray) -> np.ndarray:
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
                        other = ids[u, v, w]
                        if other == 0 or kinds[other] != best[z, y, x]:
                            continue
                        if grown[z, y, x] == 0 or other < grown[z, y, x]:
                            grown[z, y, x] = other
    return grown
