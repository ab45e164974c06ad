"""Necks: pieces that look like two or more touching objects painted as one.

Two round things that touch leave a neck between them: the pixels deeper than a part of the
greatest depth then fall apart. Depth is counted in steps along the axes, which one pass finds.
"""

import numpy as np

from napari_unet.core.pieces import Pieces, each_frame

# Measured on hand-made truth whose objects were merged (docs/annotations.md).
CUT = 0.45  # of the greatest depth of the piece: what is deeper are its lobes
DEEP = 0.6  # of the greatest depth: as deep a lobe must be, or it is a bump
FILLED = 0.4  # of the piece: as much the inscribed discs must cover, or it is a branched thing
SMALLEST = 3  # pixels: depth of the smallest lobe that is told from a rough outline


def lobes(pieces: Pieces) -> np.ndarray:
    """Return how many lobes each piece has, (n + 1,); 0 where it looks like a single object."""
    found = np.zeros(len(pieces) + 1, np.int64)
    for frame in each_frame(pieces.indices, pieces.axes):
        found += _lobes(frame, pieces.areas)
    return found


def _lobes(indices: np.ndarray, areas: np.ndarray) -> np.ndarray:
    from skimage.measure import label  # a dock that opens must not wait for it

    depth = _depth(indices)
    deepest = _greatest(depth, indices, len(areas))
    cores = label((indices > 0) & (depth > CUT * deepest[indices]), connectivity=indices.ndim)
    owners = np.zeros(int(cores.max()) + 1, np.int64)
    owners[cores.ravel()] = indices.ravel()
    owners[0] = 0
    radii = _greatest(depth, cores, len(owners))
    counted = (radii >= np.maximum(DEEP * deepest[owners], SMALLEST)) & (owners > 0)
    ball = np.pi * radii**2 if indices.ndim == 2 else 4 / 3 * np.pi * radii**3
    filled = np.bincount(owners[counted], weights=ball[counted], minlength=len(areas))
    number = np.bincount(owners[counted], minlength=len(areas))
    return np.where((number > 1) & (filled >= FILLED * areas), number, 0)


def _depth(indices: np.ndarray) -> np.ndarray:
    """Count the steps from each pixel to the rim of its piece, the rim included."""
    from scipy.ndimage import distance_transform_cdt  # a dock that opens must not wait for it

    inside = indices > 0
    inner = inside & ~_rim(indices)
    if inner.all():  # nothing ends here
        return np.zeros(indices.shape)
    return distance_transform_cdt(inner, metric="taxicab") + inside.astype(np.float64)


def _rim(indices: np.ndarray) -> np.ndarray:
    """Find the pixels that have a neighbour along an axis in another piece or in none."""
    found = np.zeros(indices.shape, bool)
    for axis in range(indices.ndim):
        values, marks = np.moveaxis(indices, axis, 0), np.moveaxis(found, axis, 0)
        differs = values[1:] != values[:-1]
        marks[1:] |= differs
        marks[:-1] |= differs
    return found


def _greatest(depth: np.ndarray, indices: np.ndarray, length: int) -> np.ndarray:
    """Return the greatest depth of each index."""
    found = np.zeros(length)
    inside = indices > 0
    np.maximum.at(found, indices[inside], depth[inside])
    return found
