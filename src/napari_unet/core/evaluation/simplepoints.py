"""Simple points: pixels that can change sides without changing the topology of a 2-D image.

Objects hold together along edges (4 neighbours), the background along edges and corners (8). A
pixel is simple where its eight neighbours hold exactly one piece of object that touches it along an
edge and exactly one piece of background: then nothing splits, merges, appears or vanishes.
"""

from functools import cache

import numpy as np
from scipy import ndimage

from napari_unet.core.compiled import compiled

RING = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2))  # bits of a neighbourhood
EDGES = ((0, 1), (1, 0), (1, 2), (2, 1))
EIGHT = np.ones((3, 3), bool)


@cache
def simple_neighbourhoods() -> np.ndarray:
    """Return for each of the 256 neighbourhoods whether the pixel in its middle is simple."""
    return np.array([_is_simple(code) for code in range(256)])


def _is_simple(code: int) -> bool:
    around = np.zeros((3, 3), bool)
    for bit, place in enumerate(RING):
        around[place] = code >> bit & 1
    background = ~around
    background[1, 1] = False
    objects, _ = ndimage.label(around)
    touching = {int(objects[place]) for place in EDGES} - {0}
    return len(touching) == 1 and int(ndimage.label(background, EIGHT)[1]) == 1


@compiled
def flip_simple(
    image: np.ndarray, target: np.ndarray, order: np.ndarray, simple: np.ndarray
) -> None:
    """Flip pixels of ``image`` to ``target`` in ``order``, again and again while any is simple.

    Both images are flat, 0 or 1, with a row length of ``order[0]`` and a frame of background.
    """
    width = order[0]
    changed = True
    while changed:
        changed = False
        for place in order[1:]:
            if image[place] != target[place] and simple[_neighbourhood(image, place, width)]:
                image[place] = target[place]
                changed = True


@compiled
def _neighbourhood(image: np.ndarray, place: int, width: int) -> int:
    """Return the eight neighbours as bits, in the order of RING."""
    above, below = place - width, place + width
    return (
        image[above - 1]
        | image[above] << 1
        | image[above + 1] << 2
        | image[place - 1] << 3
        | image[place + 1] << 4
        | image[below - 1] << 5
        | image[below] << 6
        | image[below + 1] << 7
    )
