"""Score annotations that are never trained on, without deformation, and keep the best weights."""

import copy
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import ceil
from typing import Any

import numpy as np
import torch

from napari_unet.core import evaluation
from napari_unet.core.annotation.annotation import UNLABELLED, Annotation
from napari_unet.core.arrays.axes import canonical, canonical_labels
from napari_unet.core.arrays.boxes import mirror_indices, read_mirrored
from napari_unet.core.network.legal_sizes import border, input_size
from napari_unet.core.network.unet import UNet
from napari_unet.core.normalisation import Normalisation
from napari_unet.core.objects.label_objects import label_objects
from napari_unet.core.segmentation.precision import faster_copy
from napari_unet.core.segmentation.tiling import Tile, Tiling
from napari_unet.core.training.job import TrainingJob
from napari_unet.core.training.learner import Learner
from napari_unet.core.training.settings import TrainSettings
from napari_unet.core.training.snapshot import copy_of_weights
from napari_unet.core.training.step import TrainingProgress

STEP_COST = 3  # a step computes a tile forwards and, twice as long, backwards
WORTH = 2**18  # pixels of a validation from which on a faster copy is worth making
MARGIN = 1.5  # scoring takes time beside the network


@dataclass(frozen=True, eq=False)
class LabelledBox:
    """The labelled box of one plane (or volume) of an annotation, and the tiles that cover it."""

    annotation: Annotation
    plane: tuple[int, ...]  # index along the leading axes
    box: tuple[slice, ...]  # along the axes that the network sees
    tiles: tuple[Tile, ...]

    def truth(self, labels: np.ndarray) -> np.ndarray:
        """Return the box of ``labels`` of the whole annotation."""
        place: tuple[int | slice, ...] = (*self.plane, *self.box)
        return canonical_labels(labels, self.annotation.axes)[place]


@dataclass
class ScoreSums:
    """Sums over the fields scored so far."""

    classes: int
    shared: np.ndarray = field(init=False)  # pixels of each class in both
    either: np.ndarray = field(init=False)  # pixels of each class in one or both
    precisions: list[float] = field(default_factory=list)  # AP at IoU 0.5 of each field

    def __post_init__(self) -> None:
        self.shared, self.either = np.zeros((2, self.classes), int)

    def add(self, field: LabelledBox, scores: np.ndarray) -> None:
        """Take in the ``scores`` (classes, *box) of ``field``."""
        truth = field.truth(field.annotation.classes)
        labelled = truth != UNLABELLED
        pairs = truth[labelled].astype(int) * self.classes + scores.argmax(0)[labelled]
        both = np.bincount(pairs, minlength=self.classes**2).reshape(self.classes, self.classes)
        self.shared += np.diag(both)
        self.either += both.sum(0) + both.sum(1) - np.diag(both)
        if field.annotation.ids == "objects":
            objects, result = field.truth(field.annotation.objects), label_objects(scores)
            self.precisions.append(
                evaluation.average_precision(objects, result, unlabelled=~labelled, iou=0.5)
            )

    def scores(self) -> dict[str, Any]:
        """Return IoU per class and its mean, AP at 0.5 for objects, and the score they make."""
        areas = zip(self.shared.tolist(), self.either.tolist(), strict=True)
        iou = [shared / either if either else None for shared, either in areas]
        mean = float(np.mean([value for value in iou if value is not None]))
        figures: dict[str, Any] = {"score": mean, "iou": mean, "iou_per_class": iou}
        if self.precisions:
            figures["ap"] = float(np.mean(self.precisions))
            figures["score"] = (mean + figures["ap"]) / 2
        return figures


def _quicker(network: UNet, dtype: torch.dtype) -> UNet:
    """Return what scores fastest; what is made of its weights is kept no longer than the copy."""
    if network.head.weight.device.type != "cpu":
        return network
    return faster_copy(copy.deepcopy(network), dtype) or network


class Validator:
    """Scores a network on ``annotations``; a tile at a time."""

    def __init__(self, annotations: Sequence[Annotation], settings: TrainSettings) -> None:
        self._settings = settings
        normalisation = Normalisation(settings.low, settings.high, settings.flatten)
        self._contrast = {a: normalisation.measure(a.image, a.axes) for a in annotations}
        self._fields = [field for a in annotations for field in fields_of(a, settings)]

    def interval(self) -> int:
        """Return the steps between validations that keep their share of the time.

        By the pixels that are computed, not by the clock: so the same training is validated at
        the same steps on every machine.
        """
        share = self._settings.validation_time
        return max(ceil(self.steps_worth() / share), 1) if share else self._settings.steps

    def steps_worth(self) -> float:
        """Return how many steps of training one validation takes as long as."""
        step = STEP_COST * self._settings.batch * self._settings.tile**self._settings.dims
        return MARGIN * sum(_pixels(tile) for f in self._fields for tile in f.tiles) / step

    def run(self, network: UNet, dtype: torch.dtype) -> Iterator[float | dict[str, Any]]:
        """Yield the share done after each tile, and the scores at the end."""
        tally = ScoreSums(network.classes)
        if sum(_pixels(tile) for f in self._fields for tile in f.tiles) >= WORTH:
            network = _quicker(network, dtype)
        total, done = sum(len(field.tiles) for field in self._fields), 0
        for place in self._fields:
            shape = tuple(part.stop - part.start for part in place.box)
            scores = np.empty((network.classes, *shape), np.float32)
            for tile in place.tiles:
                self._score(network, dtype, place, tile, scores)
                done += 1
                yield done / (total + 1)
            tally.add(place, scores)
        yield tally.scores()

    def _score(
        self, network: UNet, dtype: torch.dtype, field: LabelledBox, tile: Tile, scores: np.ndarray
    ) -> None:
        """Write the part of ``tile`` that lies in the box of ``field`` into its ``scores``."""
        pixels = self._pixels_of(field, tile)
        weight = network.head.weight
        with torch.autocast(weight.device.type, dtype, enabled=dtype != weight.dtype):
            scored = network.score(pixels)
        inside = [
            slice(max(part.start, whole.start), min(part.stop, whole.stop))
            for part, whole in zip(tile.write, field.box, strict=True)
        ]
        source = (
            slice(i.start - part.start, i.stop - part.start)
            for i, part in zip(inside, tile.write, strict=True)
        )
        target = (
            slice(i.start - whole.start, i.stop - whole.start)
            for i, whole in zip(inside, field.box, strict=True)
        )
        scores[(slice(None), *target)] = scored[(slice(None), *source)]

    def _pixels_of(self, field: LabelledBox, tile: Tile) -> np.ndarray:
        """Return the normalised input (C, *input) of ``tile``."""
        image = canonical(field.annotation.image, field.annotation.axes)
        planes = [slice(index, index + 1) for index in field.plane]
        places = [slice(0, image.shape[0]), *planes, *tile.read]
        pixels = read_mirrored(image, places)
        indices = tuple(
            mirror_indices(place.start, place.stop, length)
            for place, length in zip(places[1:], image.shape[1:], strict=True)
        )
        normalised = self._contrast[field.annotation].apply(pixels, indices)
        normalised = normalised.reshape(normalised.shape[0], *normalised.shape[1 + len(planes) :])
        return np.nan_to_num(normalised, copy=False, nan=0.0, posinf=1.0, neginf=0.0)


def fields_of(annotation: Annotation, settings: TrainSettings) -> Iterator[LabelledBox]:
    """Yield a field for each plane, or volume, of ``annotation`` with labels."""
    labelled = canonical_labels(annotation.classes, annotation.axes) != UNLABELLED
    dims, depth = settings.dims, settings.depth
    inside = max(settings.tile - 2 * border(depth), 2**depth)
    if dims == 2:
        inside = max(inside, 2 * border(depth))  # else most of a tile would be border
    tiling = Tiling(depth, (input_size(depth, inside),) * dims)
    for plane in product(*(range(n) for n in labelled.shape[:-dims])):
        box = _box(labelled[plane])
        if box:
            yield LabelledBox(
                annotation, plane, box, tuple(tiling.tiles(labelled.shape[-dims:], box))
            )


def _box(labelled: np.ndarray) -> tuple[slice, ...]:
    """Return the smallest box around all that is labelled; empty where nothing is."""
    if not labelled.any():
        return ()
    axes = range(labelled.ndim)
    box = []
    for axis in axes:
        places = np.flatnonzero(labelled.any(axis=tuple(a for a in axes if a != axis)))
        box.append(slice(int(places[0]), int(places[-1]) + 1))
    return tuple(box)


def _pixels(tile: Tile) -> int:
    return int(np.prod([part.stop - part.start for part in tile.read]))


class ValidationSchedule:
    """Validates what ``learner`` shows: its averaged weights where it has some."""

    def __init__(
        self, job: TrainingJob, learner: Learner, best: Mapping[str, torch.Tensor]
    ) -> None:
        self._job = job
        self._learner = learner
        self._validator = Validator(job.validation, job.settings) if job.validation else None
        self._interval = self._validator.interval() if self._validator else 0
        self.best = best
        self._seconds = 0.0  # that the last validation took

    def due(self, progress: TrainingProgress, last: bool = False) -> bool:
        """Tell whether to validate now: at steps that the clock has no say in, and at the end.

        Only where the budget is in minutes, one that would exceed its share of the time waits.
        """
        settings = self._job.settings
        if self._validator is None or progress.validated == progress.number:
            return False
        if last:
            return True
        if not settings.validation_time or progress.number % self._interval:
            return False
        spent = progress.validating + self._seconds
        return not settings.minutes or spent <= settings.validation_time * progress.seconds

    def on_grid(self, number: int) -> bool:
        """Tell whether a validation may follow step ``number``."""
        return bool(self._interval) and number % self._interval == 0

    def seconds(self, per_step: float) -> float:
        """Return the time a validation takes: as long as the last one, or by its pixels."""
        if self._validator is None:
            return 0.0
        return self._seconds or self._validator.steps_worth() * per_step

    def run(self, progress: TrainingProgress) -> Iterator[float]:
        """Validate; yield the share done. The scores are the last of ``progress.validations``."""
        assert self._validator is not None
        start, network = time.perf_counter(), self._learner.network
        parts = self._validator.run(network, self._learner.dtype)
        network.eval()
        try:
            while True:
                with self._learner.shown():
                    part = next(parts)
                    if isinstance(part, dict):
                        self._take(progress, part)
                        break
                yield part
        finally:
            network.train()
            self._seconds = time.perf_counter() - start
            progress.validating += self._seconds

    def _take(self, progress: TrainingProgress, scores: dict[str, Any]) -> None:
        """Note the ``scores``, and keep the weights that the network shows now if they are best."""
        (score,) = self._job.agreed([scores["score"]])
        progress.validations.append({**scores, "score": score, "step": progress.number})
        progress.validated = progress.number
        progress.stale += 1
        if score > progress.best or not math.isfinite(progress.best):
            progress.best, progress.stale = score, 0
            self.best = copy_of_weights(self._learner)
