"""A hand on a mouse: where it is, and how long it takes to get elsewhere and to paint.

All lengths given and returned are image pixels; the hand moves over the screen, on which the
picture is shown as large as fits.
"""

import numpy as np

TICKS = 120.0  # positions the mouse reports a second
PAINTING = 400.0  # screen pixels a second
TRAVEL = 800.0  # screen pixels a second, button up
SEARCH = 0.2  # seconds to find the next place
CLICK = 0.1  # seconds; no stroke is shorter
CANVAS = 1024.0  # screen pixels, the longer side of the picture on the screen
LONGEST = 1.0  # seconds a stroke lasts at most
BRUSH = 0.012  # diameter of the brush, of the longer side of the picture


class Mouse:
    """Where the hand is, in image pixels, and what its movements cost in seconds."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.zoom = CANVAS / max(shape)  # screen pixels an image pixel
        self.place = np.array(shape) / 2
        self.radius = max(BRUSH * max(shape), 3.0) / 2
        self.longest = LONGEST * PAINTING / self.zoom

    def travel(self, to: np.ndarray) -> float:
        """Return the seconds to find a place and go there."""
        return SEARCH + float(np.linalg.norm(to - self.place)) * self.zoom / TRAVEL

    def paint(self, path: np.ndarray) -> tuple[np.ndarray, float]:
        """Follow ``path`` (n, 2): return the positions the mouse reports, and the seconds."""
        along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
        ticks = int(np.ceil(along[-1] * self.zoom / PAINTING * TICKS))
        at = np.linspace(0, along[-1], ticks + 1)
        reported = np.stack([np.interp(at, along, c) for c in path.T], axis=1)
        self.place = reported[-1]
        return reported, max(ticks / TICKS, CLICK)
