"""A person who knows the truth: first shows examples, then mends what the preview has wrong."""

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.ndimage import label as components

from annotating.learners import Preview
from annotating.mouse import Mouse
from annotating.pictures import Picture
from annotating.strokes import (
    BACKGROUND,
    OBJECT,
    Stroke,
    bounds,
    brushed,
    clear_zone,
    path_through,
)

SURE = 0.8  # a score above this, or below 1 minus this, is a clear answer
CLEAR = 0.8  # share of the pixels with a clear answer from which on errors can be mended
LONGEST_START = 20  # strokes after which a person begins to mend whatever the preview looks like


class Person:
    """Makes one stroke after another; the same seed makes the same strokes of the same previews."""

    def __init__(self, picture: Picture, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.mouse = Mouse(picture.shape)
        self.objects = picture.objects
        self.annotation = np.zeros(picture.shape, np.uint8)
        self.clear = {
            OBJECT: clear_zone(picture.objects),
            BACKGROUND: clear_zone(~picture.objects),
        }
        self.mends = False
        self.made = 0

    def stroke(self, preview: Preview | None) -> Stroke | None:
        """Return the next stroke, or None when there is nothing left to mend or to show."""
        self.mends = self.mends or (preview is not None and self._can_mend(preview))
        found = self._error(preview) if self.mends and preview is not None else self._example()
        if found is None:
            return None
        label, region, start = found
        self.made += 1
        return self._paint(label, region, start)

    def _can_mend(self, preview: Preview) -> bool:
        clear = (preview.scores > SURE) | (preview.scores < 1 - SURE)
        return bool(clear.mean() >= CLEAR) or self.made >= LONGEST_START

    def _example(self) -> tuple[int, np.ndarray, tuple[int, int]] | None:
        """An object and the background in turn, anywhere that is clear and not yet painted."""
        label = (OBJECT, BACKGROUND)[self.made % 2]
        region = self.clear[label] & (self.annotation == 0)
        places = np.flatnonzero(region)
        if not len(places):
            return None
        return label, region, _place(int(self.rng.choice(places)), region.shape)

    def _error(self, preview: Preview) -> tuple[int, np.ndarray, tuple[int, int]] | None:
        """The largest error that is no matter of taste, from its middle."""
        best: tuple[int, int, np.ndarray] | None = None
        wrong = (preview.objects != self.objects) & (self.annotation == 0)
        for label, clear in self.clear.items():
            pieces, count = components(wrong & clear, np.ones((3, 3)))
            sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
            if count and (best is None or sizes.max() > best[0]):
                best = int(sizes.max()), label, pieces == sizes.argmax() + 1
        if best is None:
            return None
        _, label, region = best
        depth = distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
        return label, region, _place(int(depth.argmax()), region.shape)

    def _paint(self, label: int, region: np.ndarray, start: tuple[int, int]) -> Stroke:
        path = path_through(region, start, self.mouse.longest)
        if len(path) > 1 and np.subtract(path[[0, -1]], self.mouse.place).any():
            ends = np.linalg.norm(path[[0, -1]] - self.mouse.place, axis=1)
            path = path if ends[0] <= ends[1] else path[::-1]  # from the nearer end
        seconds = self.mouse.travel(path[0])
        reported, painting = self.mouse.paint(path)
        painted = brushed(region.shape, reported, self.mouse.radius) & self.clear[label]
        self.annotation[painted] = label
        box = bounds(painted)
        labels = self.annotation[box].copy()
        return Stroke(label, box, labels, painted[box], seconds + painting, self.mends)


def _place(index: int, shape: tuple[int, ...]) -> tuple[int, int]:
    row, column = np.unravel_index(index, shape)
    return int(row), int(column)
