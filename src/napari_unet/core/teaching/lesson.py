"""Lesson: the heart of live teaching: paint, learn, predict, go back.

All decisions are made elsewhere in this room; here they meet.
"""

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from napari_unet.core.normalisation import Normalisation
from napari_unet.core.teaching.anchors import Anchors
from napari_unet.core.teaching.codes import kinds_of
from napari_unet.core.teaching.course import Course
from napari_unet.core.teaching.exam import Exam
from napari_unet.core.teaching.filters import Filters
from napari_unet.core.teaching.glance import Glancer
from napari_unet.core.teaching.picture import DIMS, Picture
from napari_unet.core.teaching.published import Published, Shelf
from napari_unet.core.teaching.pupil import Pupil, new_network
from napari_unet.core.teaching.quality import Foreseen
from napari_unet.core.teaching.region import AnyBox, Region
from napari_unet.core.teaching.rehearsal import Rehearsal
from napari_unet.core.teaching.sizes import SIZES, settings_of
from napari_unet.core.teaching.strokes import Stroke, Strokes
from napari_unet.core.teaching.view import PreviewTile, View
from napari_unet.core.teaching.warming import one_thread, warm_up


class Lesson:
    """Strokes on one image, and the network that learns from them."""

    def __init__(self, image: Any, axes: str | None, classes: int, seed: int) -> None:
        if classes < 2:
            raise ValueError(f"{classes} classes cannot be told apart: the least is 2")
        self._seed = seed
        self._classes = classes
        self._picture = Picture(image, axes)
        settings = settings_of(SIZES[0], seed)
        self._normalisation = Normalisation(settings.low, settings.high, settings.flatten)
        self._picture.normalise(self._normalisation)
        self._strokes = Strokes((self._picture.shape[-2], self._picture.shape[-1]))
        self._view = View(self._picture, self._strokes)
        self._shelf = Shelf()
        exam = Exam(self._picture, self._strokes)
        self._filters = Filters(self._picture)
        glancer = Glancer(self._filters, self._strokes, settings)
        anchors = Anchors(self._picture, self._strokes, exam, self._filters, seed)
        self._course = Course(self._new_pupil, self._strokes, exam, self._shelf, glancer, anchors)
        self._prepared = False
        self._look = 0.0  # s of computing that the last exam took

    @property
    def classes(self) -> int:
        """How many classes there are, the background counts."""
        return self._classes

    @property
    def epoch(self) -> int:
        """The number of what is shown, 0 before anything is; answers of older ones are late."""
        return self._shelf.epoch

    @property
    def shown(self) -> Published | None:
        """What is shown; None before the first preview."""
        return self._shelf.last.shown if self._shelf.last else None

    @property
    def settled(self) -> bool:
        """Whether there is nothing to learn until somebody paints."""
        return not self._course.ready or self._course.over

    @property
    def strokes(self) -> tuple[Stroke, ...]:
        """What is painted, in the order of painting."""
        return tuple(self._strokes)

    @property
    def foreseen(self) -> Foreseen:
        """How much of each new stroke was right before it was learnt."""
        return self._course.foreseen

    def paint(
        self, box: AnyBox, labels: np.ndarray, *, confirmed: bool | np.ndarray = False
    ) -> bool:
        """Take in what ``box`` of the annotation holds now: 0 unlabelled, 1 background, 2…

        Painting, erasing and undoing arrive alike; tell whether anything is new. ``confirmed``
        pixels took over the network's own answer and weigh half: all that are new, or those that
        an array of the shape of ``labels`` says, which then tells of every pixel of the box.
        """
        region = self._region(box)
        if isinstance(confirmed, np.ndarray):
            confirmed = region.full(confirmed)
        kinds = kinds_of(region.full(np.asarray(labels)), self.classes)
        added: list[Stroke] = []
        changed = False
        for plane, inside in region.planes():
            taken = confirmed[inside] if isinstance(confirmed, np.ndarray) else confirmed
            found = self._strokes.paint(plane, region.box[-DIMS:], kinds[inside], taken)
            added += found or []
            changed |= found is not None
        if changed:
            self._course.changed(added)
        return changed

    def learn(self, seconds: float = math.inf, *, steps: int | None = None) -> Iterator[Published]:
        """Learn for ``seconds`` of computing, or exactly ``steps``, or until nothing is gained.

        Yields at least every 20 steps; the preview changes where ``.new``. Ends at once where two
        classes are not painted yet or learning has settled; painting wakes it.
        """
        start, course = time.thread_time(), self._course
        if not course.ready:
            self.prepare()
        before = start
        while course.ready and not course.over:
            left, looks = seconds - (before - start), course.looks
            # an exam that would end too late waits for the next slice, and comes first in it
            if steps == 0 or left <= 0 or (looks and before > start and left < self._look):
                return
            with one_thread():
                told = course.step()
            now = time.thread_time()
            self._look, before = now - before if looks else self._look, now
            steps = None if steps is None else steps - 1
            if told is not None:
                yield told

    def prepare(self) -> None:
        """Do once what would make the first strokes wait: measure the image, warm up."""
        if not self._prepared:
            self._prepared = True
            warm_up(self._picture, self._new_pupil(SIZES[0]), self._filters)

    def predict(self, box: AnyBox) -> tuple[np.ndarray, np.ndarray]:
        """Return labels (0 background, 1…) and scores (classes first) of ``box``."""
        region = self._region(box)
        labels, scores = self._view.predict(self._shelf.look(), region.box)
        return region.asked(labels), region.asked(scores)

    def tiles(self, box: AnyBox, cursor: Sequence[float] | None = None) -> Iterator[PreviewTile]:
        """Yield the preview of ``box`` tile by tile: the last stroke, around the cursor, the rest.

        What is painted shows as painted. Drop tiles whose epoch is no longer the Teacher's.
        """
        return self._view.tiles(self._shelf.look(), self._region(box), self._shelf.epoch, cursor)

    def undo_learning(self) -> Published:
        """Go back to what was published before; painting makes it learn on from there."""
        if len(self._shelf) < 2:
            raise ValueError("there is no earlier state of learning to go back to")
        return self._course.go_back()

    def _name(self, kind: int) -> str:
        return str(self._course.pupil.network.about["classes"][kind]["name"])

    def _region(self, box: AnyBox) -> Region:
        return Region.of(box, self._picture.shape, self._picture.view.order)

    def _new_pupil(self, size: str) -> Pupil:
        settings = settings_of(size, self._seed)
        rehearsal = Rehearsal(self._picture, self._strokes, settings)
        network = new_network(settings, self._picture.channels, self.classes)
        return Pupil(size, settings, rehearsal, network)
