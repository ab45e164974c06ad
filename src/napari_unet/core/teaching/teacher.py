"""Teacher: live teaching without a window: paint, learn, predict, go back.

Changed regions of an annotation go in; networks that were taught by them come out, with previews of
any box. It is to be used from one thread at a time. Codes are those of an annotation layer (0
unlabelled, 1 background, 2…), classes those of a network (0 background, 1…).
"""

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from napari_unet.core.annotation.annotation import UNLABELLED
from napari_unet.core.arrays.boxes import Box, Pixels
from napari_unet.core.network.unet import UNet
from napari_unet.core.normalisation import Normalisation
from napari_unet.core.teaching import preview_history, saved_teaching
from napari_unet.core.teaching.blended_scores import ClassifierPart, predict
from napari_unet.core.teaching.blind_check import BlindCheck, RightBeforeLearning
from napari_unet.core.teaching.image_view import DIMS, AnnotationBox, AnyBox, ImageView
from napari_unet.core.teaching.learning_loop import LearningLoop
from napari_unet.core.teaching.live_network import (
    SIZES,
    LiveNetwork,
    new_network,
    one_thread,
    settings_of,
    warm_up,
)
from napari_unet.core.teaching.pixel_classifier import FilterBank, PixelClassifierTrainer
from napari_unet.core.teaching.preview_history import PreviewHistory, Published
from napari_unet.core.teaching.stability import ReferencePixels
from napari_unet.core.teaching.stroke_agreement import AgreementTest
from napari_unet.core.teaching.stroke_batches import StrokeBatches
from napari_unet.core.teaching.strokes import Stroke, Strokes
from napari_unet.core.teaching.suggestions import Suggestion, SuggestionSearch
from napari_unet.core.teaching.working_size import FACTORS, WorkingSize, suggested, widths_of


def kinds_of(codes: np.ndarray, classes: int) -> np.ndarray:
    """Return the class of each code, uint8, 255 where nothing is painted."""
    if codes.dtype.kind not in "ui":
        raise TypeError(f"labels of {codes.dtype} are no codes: give whole numbers")
    if codes.size and not 0 <= int(codes.min()) <= int(codes.max()) <= classes:
        raise ValueError(
            f"the labels hold {int(codes.min())} to {int(codes.max())}: with {classes} classes "
            f"codes go from 0 (unlabelled) to {classes}"
        )
    return np.where(codes == 0, UNLABELLED, codes.astype(np.int64) - 1).astype(np.uint8)


def codes_of(kinds: np.ndarray) -> np.ndarray:
    """Return the codes of classes that a network gave, uint8."""
    return kinds + np.uint8(1)


class StrokeTeaching:
    """Strokes on one image, and the network that learns from them."""

    def __init__(
        self, image: Pixels | ArrayLike, axes: str | None, classes: int, seed: int
    ) -> None:
        if classes < 2:
            raise ValueError(f"{classes} classes cannot be told apart: the least is 2")
        self._seed = seed
        self._classes = classes
        self._picture = ImageView(image, axes)
        settings = settings_of(SIZES[0], seed)
        self._normalisation = Normalisation(settings.low, settings.high, settings.flatten)
        self._picture.normalise(self._normalisation)
        self._strokes = Strokes((self._picture.shape[-2], self._picture.shape[-1]))
        self._history = PreviewHistory()
        test = AgreementTest(self._picture, self._strokes)
        self._filters = FilterBank(self._picture)
        trainer = PixelClassifierTrainer(self._filters, self._strokes, settings)
        references = ReferencePixels(self._picture, self._strokes, test, self._filters, seed)
        self._course = LearningLoop(
            self._new_live_network, self._strokes, test, self._history, trainer, references
        )
        self._prepared = False
        self._test_seconds = 0.0  # s of computing that the last test took

    @property
    def classes(self) -> int:
        """How many classes there are, the background counts."""
        return self._classes

    @property
    def epoch(self) -> int:
        """The number of what is shown, 0 before anything is; answers of older ones are late."""
        return self._history.epoch

    @property
    def shown(self) -> Published | None:
        """What is shown; None before the first preview."""
        return self._history.last.shown if self._history.last else None

    @property
    def settled(self) -> bool:
        """Whether there is nothing to learn until somebody paints."""
        return not self._course.ready or self._course.over

    @property
    def strokes(self) -> tuple[Stroke, ...]:
        """What is painted, in the order of painting."""
        return tuple(self._strokes)

    @property
    def foreseen(self) -> RightBeforeLearning:
        """How much of each new stroke was right before it was learned."""
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
            new = self._strokes.paint(plane, region.box[-DIMS:], kinds[inside], taken)
            added += new or []
            changed |= new is not None
        if changed:
            self._course.changed(added)
        return changed

    def learn(self, seconds: float = math.inf, *, steps: int | None = None) -> Iterator[Published]:
        """Learn for ``seconds`` of computing, or exactly ``steps``, or until nothing is gained.

        Yields at least every 20 steps; the preview changes where ``.new``. Ends at once where two
        classes are not painted yet or learning has settled; painting starts it again.
        """
        start, course = time.thread_time(), self._course
        if not course.ready:
            self.prepare()
        before = start
        while course.ready and not course.over:
            left, looks = seconds - (before - start), course.looks
            # a test that would end too late waits for the next slice, and comes first in it
            if steps == 0 or left <= 0 or (looks and before > start and left < self._test_seconds):
                return
            with one_thread():
                published = course.step()
            now = time.thread_time()
            self._test_seconds, before = now - before if looks else self._test_seconds, now
            steps = None if steps is None else steps - 1
            if published is not None:
                yield published

    def prepare(self) -> None:
        """Do once what would make the first strokes wait: measure the image, warm up."""
        if not self._prepared:
            self._prepared = True
            warm_up(self._picture, self._new_live_network(SIZES[0]), self._filters)

    def predict(self, box: AnyBox) -> tuple[np.ndarray, np.ndarray]:
        """Return labels (0 background, 1…) and scores (classes first) of ``box``."""
        region = self._region(box)
        labels, scores = predict(self._picture, self._history.view(), region.box)
        return region.asked(labels), region.asked(scores)

    def undo_learning(self) -> Published:
        """Go back to what was published before; painting makes it learn on from there."""
        if len(self._history) < 2:
            raise ValueError("there is no earlier state of learning to go back to")
        return self._course.go_back()

    def _name(self, kind: int) -> str:
        return str(self._course.live.network.about["classes"][kind]["name"])

    def _region(self, box: AnyBox) -> AnnotationBox:
        return AnnotationBox.of(box, self._picture.shape, self._picture.view.order)

    def _new_live_network(self, size: str) -> LiveNetwork:
        settings = settings_of(size, self._seed)
        rehearsal = StrokeBatches(self._picture, self._strokes, settings)
        network = new_network(settings, self._picture.channels, self.classes)
        return LiveNetwork(size, settings, rehearsal, network)


MINDS = 3  # published states compared to find where the network changed its mind


class Teacher(StrokeTeaching):
    """Teaches a network from strokes on ``image``; ``classes`` counts the background.

    Boxes are slices along the axes of the annotation (the image's, channels left out), an index in
    the place of a slice for planes. With ``project``, a folder, what ``save`` wrote there is taken
    up: the network, and the strokes if they were painted on this image.
    """

    def __init__(
        self,
        image: Pixels | ArrayLike,
        *,
        axes: str | None = None,
        classes: int = 2,
        seed: int = 0,
        project: Path | str | None = None,
    ) -> None:
        super().__init__(image, axes, classes, seed)
        self._scout = SuggestionSearch(self._picture, self._strokes, self._name)
        self.check = BlindCheck(seed)  # windows drawn at random, judged by the person
        self._project = None if project is None else Path(project)
        if self._project is not None:
            self._take_up(self._project)

    def confirm(self, box: AnyBox) -> np.ndarray:
        """Return the codes the network would paint in ``box``, for pixels that are right already.

        The caller writes those that were brushed and paints them with ``confirmed=True``.
        """
        return codes_of(self.predict(box)[0])

    def remove_confirmed(self) -> list[Box]:
        """Forget all confirmed pixels; return the boxes in which the annotation has to be read."""
        gone = [stroke for stroke in self._strokes if stroke.confirmed]
        self._strokes.remove(gone)
        if gone:
            self._course.changed()
        return [(*(slice(i, i + 1) for i in s.plane), *s.box) for s in gone]

    def suggest(self, n: int = 5) -> list[Suggestion]:
        """Return up to ``n`` places where a stroke would teach most, with the reason in words."""
        scorers = [state.scorer() for state in self._history.states[-MINDS:]]
        return self._scout.suggest(scorers, n)

    def add_class(self) -> int:
        """Add a class while all else stays as it is; return its code in the annotation."""
        self._regroup([*range(self.classes), None])
        return self.classes

    def remove_class(self, code: int) -> None:
        """Remove the class with this code and its strokes; codes above it become one less."""
        if not 2 <= code <= self.classes or self.classes == 2:
            raise ValueError(
                f"class {code} cannot be removed: of {self.classes} classes the background and "
                "one other stay"
            )
        kind = code - 1
        self._strokes.remove([stroke for stroke in self._strokes if stroke.kind == kind])
        self._strokes.renumber_kinds({k: k - 1 for k in range(kind + 1, self.classes)})
        self._regroup([k for k in range(self.classes) if k != kind])

    @property
    def working_size(self) -> int:
        """How many pixels of the image are one of the network, along each axis."""
        return self._picture.factor

    def suggest_working_size(self) -> WorkingSize | None:
        """Return the working size that fits the painted objects, or None where it does."""
        shown = self._history.scorer() if self._history.last else None
        return suggested(widths_of(self._strokes, self._picture, shown), self.working_size)

    def work_at(self, factor: int) -> None:
        """Train and predict at a working size of 1, 2 or 4; results stay on the image's grid."""
        if factor not in FACTORS:
            raise ValueError(f"the working size is {factor}: choose one of {FACTORS}")
        self._picture.resize(factor)
        self._strokes.resize(factor)
        self._course.forget_agreements()

    def network(self, pixel_size: dict[str, float] | None = None) -> UNet:
        """Return a copy of the network, to segment or train on; ``pixel_size`` is the image's.

        A preview also uses a pixel classifier (``pixel_classifier.py``), which is not part of it.
        """
        return preview_history.network(
            self._history, self._normalisation, self.working_size, pixel_size
        )

    def adopt(self, network: UNet, beside: ClassifierPart | None = None) -> None:
        """Go on from a network that was taught elsewhere, for example on another image."""
        state = replace(
            preview_history.state(network, self._picture.channels, self._seed), beside=beside
        )
        self._classes = network.classes
        self._course.adopt(state)

    def save(self) -> None:
        """Write network, strokes and working size into the project's folder."""
        if self._project is None:
            raise ValueError("nowhere to save to: make the Teacher with project=, a folder")
        last = self._history.last
        saved_teaching.save(
            self._project, self.network() if last else None, self._picture, self._strokes
        )
        saved_teaching.save_beside(self._project, last.beside if last else None)

    def _take_up(self, folder: Path) -> None:
        facts = saved_teaching.load_facts(folder)
        if not facts:
            return
        self.work_at(int(facts["factor"]))
        network = saved_teaching.load_taught(folder)
        if network is not None:
            self.adopt(network, saved_teaching.load_beside(folder, self._filters, network))
        saved_teaching.load_strokes(folder, self._picture, self._strokes)

    def _regroup(self, kept: list[int | None]) -> None:
        self._classes = len(kept)
        self._course.regroup(kept)
