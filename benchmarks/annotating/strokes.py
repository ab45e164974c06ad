"""Strokes: a path through the middle of a region, and the pixels a round brush paints on it."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.ndimage import distance_transform_edt
from skimage.draw import line
from skimage.graph import MCP_Geometric
from skimage.morphology import skeletonize

AMBIGUOUS = 2.0  # pixels on either side of an outline that nobody paints
BACKGROUND, OBJECT = 1, 2  # the code of an annotation layer; 0 is unlabelled

Box = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Stroke:
    """What was painted; ``labels`` is the annotation inside ``box`` once it is there."""

    label: int
    box: Box
    labels: np.ndarray  # (box) uint8
    painted: np.ndarray  # (box) bool: the pixels of this stroke
    seconds: float  # of the person: search, travel and painting
    corrects: bool  # made to mend an error that was seen

    def share(self, objects: np.ndarray) -> float:
        """Return how much of the stroke ``objects`` (the picture) has right."""
        return float((objects[self.box][self.painted] == (self.label == OBJECT)).mean())


def clear_zone(region: np.ndarray) -> np.ndarray:
    """Return the part of a class where there is no doubt.

    Of structures thinner than the doubt it is the middle line.
    """
    depth = distance_transform_edt(region)
    return (depth > AMBIGUOUS) | (skeletonize(region) & (depth > 1))


def path_through(region: np.ndarray, start: tuple[int, int], longest: float) -> np.ndarray:
    """Return the long way through ``region`` near ``start``: (n, 2) pixels, in its middle."""
    corner = np.maximum(np.array(start) - int(longest), 0)
    near = region[tuple(slice(c, s + int(longest) + 1) for c, s in zip(corner, start, strict=True))]
    here = tuple(np.array(start) - corner)
    one_end = _farthest(near, here, longest / 2)
    other_end = _farthest(near, one_end, longest)
    depth = distance_transform_edt(np.pad(near, 1))[1:-1, 1:-1]
    costs = np.where(near, 1 + (4 / np.maximum(depth, 1)) ** 2, -1.0)
    way = MCP_Geometric(costs)
    way.find_costs([one_end], [other_end])
    path = np.array(way.traceback(other_end), float)
    lengths = np.cumsum(np.linalg.norm(np.diff(path, axis=0, prepend=path[:1]), axis=1))
    return path[lengths <= longest] + corner


def brushed(shape: tuple[int, int], path: np.ndarray, radius: float) -> np.ndarray:
    """Return which pixels of ``shape`` a round brush covers that is drawn along ``path``."""
    covered = np.ones(shape, bool)
    points = np.rint(path).astype(int)
    covered[tuple(points[0])] = False
    for a, b in pairwise(points):
        covered[line(*a, *b)] = False
    return distance_transform_edt(covered) <= radius


def bounds(painted: np.ndarray) -> Box:
    """Return the smallest box around what is painted."""
    rows, columns = (np.flatnonzero(painted.any(axis=1 - k)) for k in (0, 1))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _farthest(region: np.ndarray, start: tuple[int, ...], longest: float) -> tuple[int, ...]:
    """Return the pixel whose way from ``start`` inside ``region`` is longest, up to ``longest``."""
    reached, _ = MCP_Geometric(np.where(region, 1.0, -1.0)).find_costs([start])
    reached = np.where(reached <= longest, reached, -1.0)
    return tuple(int(k) for k in np.unravel_index(int(reached.argmax()), reached.shape))
