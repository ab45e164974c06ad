"""Teacher: the live loop without a window.

Changed regions of an annotation go in; networks that were taught by them come out, with previews
of any box. One thread at a time.
"""

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from napari_unet.core.annotation import UNLABELLED
from napari_unet.core.boxes import Box, box_in, shape_of
from napari_unet.core.normalisation import Normalisation
from napari_unet.core.settings import TrainSettings
from napari_unet.core.teaching.course import Course
from napari_unet.core.teaching.exam import Exam
from napari_unet.core.teaching.picture import DIMS, Picture
from napari_unet.core.teaching.published import Published, Shelf
from napari_unet.core.teaching.pupil import Pupil
from napari_unet.core.teaching.rehearsal import Rehearsal
from napari_unet.core.teaching.sizes import settings_of
from napari_unet.core.teaching.strokes import Strokes
from napari_unet.core.teaching.view import PreviewTile, View

AnyBox = Sequence[slice | int]


class Teacher:
    """Teaches a network from strokes on ``image``; ``classes`` counts the background."""

    def __init__(
        self, image: Any, *, axes: str | None = None, classes: int = 2, seed: int = 0,
        project: Any = None,
    ) -> None:  # fmt: skip
        self.picture = Picture(image, axes)
        self.strokes = Strokes(self.picture.shape[-DIMS:])  # type: ignore[arg-type]
        settings = settings_of("nano", seed)
        self.picture.normalise(Normalisation(settings.low, settings.high, settings.flatten))
        self.shelf = Shelf()
        self._view = View(self.picture, self.strokes)
        self._course = self._new_course(settings, classes)

    def paint(self, box: AnyBox, labels: np.ndarray, *, confirmed: bool = False) -> bool:
        """Take in what ``box`` of the annotation holds now: 0 unlabelled, 1 background, 2…

        Painting, erasing and undoing arrive alike. Tell whether anything is new. ``confirmed``
        pixels took over the network's own answer and weigh half.
        """
        region, _ = self._region(box)
        codes = np.asarray(labels).reshape(shape_of(region))
        kinds = _kinds(codes, self._course.pupil.network.classes)
        added, changed = [], False
        for plane in np.ndindex(shape_of(region)[:-DIMS]):
            place = tuple(part.start + i for part, i in zip(region, plane, strict=False))
            found = self.strokes.paint(place, region[-DIMS:], kinds[plane], confirmed)
            added += found or []
            changed |= found is not None
        if changed:
            self._course.changed(added)
        return changed

    def learn(self, seconds: float = math.inf, *, steps: int | None = None) -> Iterator[Published]:
        """Learn for ``seconds`` of computing, or exactly ``steps``, or until nothing is gained.

        Yields after each exam: what is shown is new where ``.new``. Ends at once where two classes
        are not painted yet or learning has settled; painting wakes it.
        """
        start, course = time.thread_time(), self._course
        while course.ready and not course.settled:
            if steps == 0 or time.thread_time() - start >= seconds:
                return
            course.step()
            steps = None if steps is None else steps - 1
            if course.exam_due:
                yield course.sit_exam()

    def predict(self, box: AnyBox) -> tuple[np.ndarray, np.ndarray]:
        """Return labels (0 background, 1…) and scores (classes first) of ``box``."""
        region, kept = self._region(box)
        labels, scores = self._view.predict(self.shelf.screen(), region)
        return labels.reshape(kept), scores.reshape(len(scores), *kept)

    def tiles(self, box: AnyBox, cursor: Sequence[float] | None = None) -> Iterator[PreviewTile]:
        """Yield the preview of ``box`` tile by tile, the most wanted first."""
        region, _ = self._region(box)
        return self._view.tiles(self.shelf.screen(), region, self.shelf.epoch, cursor)

    def undo_learning(self) -> Published:
        """Go back to what was published before; painting makes it learn on from there."""
        if len(self.shelf) < 2:
            raise ValueError("there is no earlier state to go back to")
        return self._course.go_back()

    def _region(self, box: AnyBox) -> tuple[Box, tuple[int, ...]]:
        """Return ``box`` with every axis a slice, and the shape without axes given by an index."""
        full = tuple(part if isinstance(part, slice) else slice(part, part + 1) for part in box)
        region = box_in(self.picture.shape, full)
        kept = tuple(
            n for n, part in zip(shape_of(region), box, strict=True) if isinstance(part, slice)
        )
        return region, kept

    def _new_course(self, settings: TrainSettings, classes: int) -> Course:
        pupil = Pupil.new("nano", settings, self.picture.channels, classes)
        rehearsal = Rehearsal(self.picture, self.strokes, settings)
        return Course(pupil, self.strokes, rehearsal, Exam(self.picture, self.strokes), self.shelf)


def _kinds(codes: np.ndarray, classes: int) -> np.ndarray:
    """Return classes (0 background, 255 unlabelled) of annotation codes."""
    if codes.dtype.kind not in "ui":
        raise TypeError(f"labels of {codes.dtype} are no codes: give whole numbers")
    if codes.size and not 0 <= int(codes.min()) <= int(codes.max()) <= classes:
        raise ValueError(
            f"the labels hold {int(codes.min())} to {int(codes.max())}: with {classes} classes "
            f"codes go from 0 (unlabelled) to {classes}"
        )
    return np.where(codes == 0, UNLABELLED, codes - 1).astype(np.uint8)
