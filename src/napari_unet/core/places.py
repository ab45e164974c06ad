"""Places: where the labelled pixels of an annotation lie, class by class.

Only the number of pixels in each row is kept, so that a pixel can be drawn from an image of any
size without a list of all its pixels.
"""

import numpy as np

from napari_unet.core.annotation import UNLABELLED

RARE = 0.5  # share of draws in which every class comes up as often, however few pixels it has


class Places:
    """The labelled pixels of ``classes`` (uint8; 255 is unlabelled)."""

    def __init__(self, classes: np.ndarray) -> None:
        self._classes = classes
        rows = classes.reshape(-1, classes.shape[-1])
        present = np.flatnonzero(np.bincount(classes.ravel(), minlength=256))
        self.present = present[present != UNLABELLED]
        self._in_row = np.array([(rows == label).sum(axis=1) for label in self.present])
        self.counts = self._in_row.sum(axis=1) if len(self.present) else np.zeros(0, int)

    def draw(self, rng: np.random.Generator) -> tuple[int, ...]:
        """Draw a labelled pixel: any, or in half of the draws one of a class drawn first."""
        if not len(self.present):
            raise ValueError("nothing is labelled: paint at least one pixel of two classes")
        shares = self.counts / self.counts.sum()
        every = 1 / len(self.present)
        kind = int(rng.choice(len(self.present), p=RARE * every + (1 - RARE) * shares))
        return self._pixel(kind, int(rng.integers(self.counts[kind])))

    def _pixel(self, kind: int, number: int) -> tuple[int, ...]:
        """Return the place of the pixel with this ``number`` in scan order among its class."""
        ends = np.cumsum(self._in_row[kind])
        row = int(np.searchsorted(ends, number, side="right"))
        before = ends[row] - self._in_row[kind][row]
        line = np.unravel_index(row, self._classes.shape[:-1])
        column = np.flatnonzero(self._classes[line] == self.present[kind])[number - before]
        return (*(int(index) for index in line), int(column))
