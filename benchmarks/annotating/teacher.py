"""The Teacher as the person meets it: what it learns and shows takes from the same seconds."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

from annotating.learners import Preview
from annotating.pictures import Picture
from annotating.strokes import Stroke
from napari_unet import Teacher

T = TypeVar("T")
PREVIEWS = 1 / 3  # of the time goes into previews at most
SOME = 1e-3  # seconds, for one step: strokes are learned before anything is drawn, as in the dock


class TaughtNetwork:
    """Learns, and scores the whole picture whenever something better was published."""

    def __init__(self, picture: Picture, seed: int) -> None:
        self.teacher = Teacher(picture.image, axes=picture.axes, classes=2, seed=seed)
        self._view = tuple(slice(0, n) for n in picture.shape)
        self.spent = 0.0
        self._cost = 0.0  # processor seconds of a preview
        self._stale = False  # something was published since the last preview
        self._hasty = False  # painted since: what comes of it is drawn at once
        self._scores = np.zeros(picture.shape, np.float32)  # what is on the screen

    def paint(self, stroke: Stroke) -> None:
        self.teacher.paint(stroke.box, stroke.labels)
        self._hasty = True

    def work(self, seconds: float) -> Iterator[Preview]:
        learning = self.teacher.learn(max(seconds - self._cost, SOME if self._hasty else 0.0))
        shown = self.spent
        while published := self._clocked(lambda: next(learning, None)):
            self._stale |= published.new
            hasty, self._hasty = self._hasty, False
            if self._stale and (hasty or self.spent - shown >= self._cost / PREVIEWS):
                yield from self._previews(hasty)
                shown = self.spent
        if self._stale:
            yield from self._previews()

    def _previews(self, hasty: bool = False) -> Iterator[Preview]:
        """Refresh the screen tile by tile; it is looked at after the last.

        ``hasty``: after the first one too, which is that of the last stroke.
        """
        before, looked = self.spent, not (hasty and self._scores.any())  # the first is seen whole
        tiles = self.teacher.tiles(self._view)
        while tile := self._clocked(lambda: next(tiles, None)):
            self._scores[tile.box] = tile.scores[1]
            if not looked:
                looked = True
                yield Preview(self._scores > 0.5, self._scores.copy())
        self._cost, self._stale = self.spent - before, False
        yield Preview(self._scores > 0.5, self._scores.copy())

    def _clocked(self, work: Callable[[], T]) -> T:
        begun = time.process_time()
        done = work()
        self.spent += time.process_time() - begun
        return done
