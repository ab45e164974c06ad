"""The live loop of the dock as the person meets it: requests, tiles and learning in turn.

What it learns and what it draws take from the same seconds of one core.
"""

import time
from collections.abc import Generator, Iterator
from functools import partial
from typing import Any

import numpy as np

from annotating.learners import Preview
from annotating.pictures import Picture
from annotating.strokes import Stroke
from napari_unet.core.arrays.axes import ImagePixels
from napari_unet.workflows import teaching_requests
from napari_unet.workflows.teaching_events import TileDrawn
from napari_unet.workflows.teaching_loop import SLICE, TeachingLoop, VisibleRegion

OVER = object()  # instead of an event: the loop has nothing left to do


class TaughtNetwork:
    """Drives ``TeachingLoop`` with the whole picture in view."""

    def __init__(self, picture: Picture, seed: int) -> None:
        self.loop = TeachingLoop(ImagePixels(picture.image, picture.axes, {}), 2, seed)
        self.spent = 0.0  # processor seconds
        self._view = tuple(slice(0, n) for n in picture.shape)
        self._look_at(self._view)
        self._running: Generator[Any, None, None] | None = None  # None: at rest
        self._scores = np.full(picture.shape, np.nan, np.float32)  # of objects; NaN: not drawn yet

    def paint(self, stroke: Stroke) -> None:
        paint = teaching_requests.paint
        self.loop.post(partial(paint, box=stroke.box, codes=stroke.labels, confirmed=False))
        self._look_at(stroke.box)
        self._running = self._running or self.loop.work()

    def work(self, seconds: float) -> Iterator[Preview]:
        """Go on with the loop; once the whole view is drawn, each tile gives a preview."""
        end = self.spent + seconds
        while self._running is not None and self.spent < end:
            self.loop.slice = min(SLICE, end - self.spent)  # the next stroke comes then
            begun = time.process_time()
            event = next(self._running, OVER)
            self.spent += time.process_time() - begun
            if event is OVER:
                self._running = None
            elif isinstance(event, TileDrawn):
                self._scores[event.box] = event.scores[1]
                if not np.isnan(self._scores).any():
                    yield Preview(self._scores > 0.5, self._scores.copy())

    def _look_at(self, near: tuple[slice, ...]) -> None:
        """Have the whole picture in view, and begin to draw at the middle of ``near``."""
        middle = tuple((part.start + part.stop - 1) / 2 for part in near)
        self.loop.set_view(VisibleRegion(self._view, middle))
