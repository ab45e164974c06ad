"""Fill the holes of objects: background that one object alone encloses.

Background between two objects is no hole, nor is what touches the edge of the image. Where objects
connect through faces of pixels, background connects through their corners too.
"""

from collections.abc import Sequence

import numpy as np

from napari_unet.core.boxes import Box
from napari_unet.core.compiled import compiled
from napari_unet.core.labelling.components import Components, in_space
from napari_unet.core.labelling.labelling import Labelling
from napari_unet.core.sweep import sweep

SEVERAL = -1


def fill_holes(labelling: Labelling, largest: int, edges: Sequence[int]) -> None:
    """Give holes of up to ``largest`` pixels to the region around them; boxes have ``edges``."""
    shape = labelling.shape
    around = Components(labelling.store, shape, corners=True, sign=-1)
    for box in sweep(shape, edges):
        around.add(box, (labelling.read(box) == 0).astype(np.uint8))
    background, of_part = around.regions()
    inner = (background.low > 0).all(axis=1) & (background.high < shape).all(axis=1)
    small = inner & (background.area <= largest)
    owner = np.zeros(len(background) + 1, np.int64)
    for box in sweep(shape, edges):
        _own(labelling, box, np.where(small[of_part], of_part, 0), owner)
    small &= owner > 0
    owner[~small] = 0
    gained = np.zeros(len(labelling.regions) + 1, np.int64)
    np.add.at(gained, owner[small], background.area[small])
    labelling.fill(owner[of_part], gained)


def _own(labelling: Labelling, box: Box, holes: np.ndarray, owner: np.ndarray) -> None:
    """Note the regions that touch a hole in ``box`` or across the seams before it."""
    wider = tuple(slice(max(part.start - 1, 0), part.stop) for part in box)
    parts = np.asarray(labelling.store[wider])
    _touch(in_space(parts), labelling.of_part, holes, owner)


@compiled
def _touch(parts: np.ndarray, of_part: np.ndarray, of_hole: np.ndarray, owner: np.ndarray) -> None:
    depth, height, width = parts.shape
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                here = parts[z, y, x]
                for u, v, w in ((z - 1, y, x), (z, y - 1, x), (z, y, x - 1)):
                    if min(u, v, w) < 0:
                        continue
                    there = parts[u, v, w]
                    if (here < 0) == (there < 0):
                        continue
                    hole = of_hole[-min(here, there)]
                    region = of_part[max(here, there)]
                    if hole == 0 or region == 0:
                        continue
                    if owner[hole] == 0:
                        owner[hole] = region
                    elif owner[hole] != region:
                        owner[hole] = SEVERAL
