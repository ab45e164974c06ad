"""Split what is one object to the threshold and two to the eye: at the neck between two bodies.

Bodies are found on the distance to the outline: a maximum counts as one if every way to a higher
one dips by more than a given depth. A watershed cuts between them. Each object is looked at alone,
so that the cut does not depend on how a large image was gone through.
"""

from math import prod

import numpy as np
from scipy.ndimage import distance_transform_edt
from skimage.measure import label
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from napari_unet.core.arrays.boxes import Box, grow, shape_of
from napari_unet.core.objects.components import Regions, measure
from napari_unet.core.objects.regions import RegionStore

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
