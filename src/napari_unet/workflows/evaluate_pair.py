"""Evaluate a result against the truth: figures and errors; computed in the compute thread only.

It is a generator that yields between two measures, so that a newer request need not wait.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.annotation.label_codes import UNLABELLED, LabelCode, LabelTable
from napari_unet.core.text import number

if TYPE_CHECKING:
    from napari_unet.core.evaluation import Comparison, ErrorItem, ErrorLayer, Figure, Measure


@dataclass(frozen=True, eq=False)
class EvaluationRequest:
    """Truth and result, what their values mean, and what to measure."""

    truth: Any  # a copy, or lazily sliceable pixels that nobody paints
    result: Any
    truth_code: LabelCode
    result_code: LabelCode
    classes: bool  # compare classes instead of objects
    times: bool  # the first axis is time: each time point is an image of its own
    iou: float = 0.5  # that makes a match
    warping: bool = False


@dataclass(frozen=True, eq=False)
class PairResult:
    """All that the dock shows; arrays are read-only."""

    request: EvaluationRequest
    figures: "tuple[Figure, ...]"
    errors: np.ndarray  # uint8: 0 none, else 1 + place of the kind
    items: "tuple[ErrorItem, ...]"  # worst first, in coordinates of the layers
    labelled: float  # share of the truth that says something
    objects: tuple[int, int]  # of the truth, of the result


@dataclass(frozen=True, eq=False)
class _Plain:
    """Labels with the code taken out."""

    classes: np.ndarray  # uint8, UNLABELLED where nothing was said
    objects: np.ndarray


@dataclass(frozen=True, eq=False)
class _Pair:
    before: _Plain  # of the truth
    after: _Plain
    unlabelled: np.ndarray

    def compared(self, classes: bool) -> "Comparison":
        """Compare classes, or objects."""
        from napari_unet.core.evaluation import Comparison

        if not classes:
            return Comparison(self.before.objects, self.after.objects, self.unlabelled)
        truth = np.where(self.unlabelled, 0, self.before.classes)
        result = np.where(self.after.classes == UNLABELLED, 0, self.after.classes)
        return Comparison(truth, result, self.unlabelled)


def evaluate_pair(request: EvaluationRequest) -> Generator[None, None, PairResult]:
    """Measure, find the errors, and return both."""
    pairs = yield from _pairs(request)
    measures = _measures(request, pairs)
    figures = yield from _figures(request, pairs, measures)
    layers, counted = yield from _errors(pairs)
    labels, items = _joined(layers, request.times)
    labelled = 1.0 - float(np.mean([pair.unlabelled.mean() for pair in pairs]))
    return PairResult(request, figures, labels, items, labelled, counted)


def _pairs(request: EvaluationRequest) -> "Generator[None, None, list[_Pair]]":
    pairs = []
    for truth, result in zip(_images(request, "truth"), _images(request, "result"), strict=True):
        before = _plain(truth, request.truth_code)
        yield
        after = _plain(result, request.result_code)
        yield
        pairs.append(_Pair(before, after, before.classes == UNLABELLED))
    return pairs


def _figures(
    request: EvaluationRequest, pairs: "list[_Pair]", measures: "tuple[Measure, ...]"
) -> "Generator[None, None, tuple[Figure, ...]]":
    from napari_unet.core.evaluation import scored_image, summarise

    scored, figures = [], []
    for place, pair in enumerate(pairs):
        compared = pair.compared(request.classes)
        counts: dict[str, np.ndarray] = {}
        for measure in measures:
            counts[measure.name] = measure.count(compared)
            yield
        scored.append(scored_image(str(place), counts, measures))
    for measure in measures:
        figures.append(summarise(scored, measure))
        yield
    return tuple(figures)


def _errors(
    pairs: "list[_Pair]",
) -> "Generator[None, None, tuple[list[ErrorLayer], tuple[int, int]]]":
    from napari_unet.core.evaluation import error_layer

    layers, counted = [], [0, 0]
    for pair in pairs:
        overlap = pair.compared(classes=False).overlap
        counted[0] += len(overlap.truth_ids)
        counted[1] += len(overlap.result_ids)
        yield
        truth, result = pair.before.objects, pair.after.objects
        layers.append(error_layer(truth, result, unlabelled=pair.unlabelled))
        yield
    return layers, (counted[0], counted[1])


def _images(request: EvaluationRequest, whose: str) -> list[np.ndarray]:
    pixels = getattr(request, whose)
    whole = np.asarray(pixels[...] if not isinstance(pixels, np.ndarray) else pixels)
    return list(whole) if request.times else [whole]


def _plain(labels: np.ndarray, code: LabelCode) -> _Plain:
    from napari_unet.core.evaluation import regions

    palette = LabelTable.of(labels)
    classes = code.classes(palette.values)[palette.indices]
    if code.instances:
        return _Plain(classes, code.objects(palette.values)[palette.indices])
    return _Plain(classes, regions((classes > 0) & (classes != UNLABELLED)))


def _measures(request: EvaluationRequest, pairs: "list[_Pair]") -> "tuple[Measure, ...]":
    from napari_unet.core.evaluation import measures_of_classes, object_measures

    if not request.classes:
        return object_measures(request.iou, warping=request.warping)
    return measures_of_classes((pair.compared(True) for pair in pairs), warping=request.warping)


def _joined(layers: "list[ErrorLayer]", times: bool) -> "tuple[np.ndarray, tuple[ErrorItem, ...]]":
    """Put the time points together again."""
    if not times:
        return layers[0].labels, layers[0].items
    items = sorted(_timed(layers), key=lambda item: -item.area)
    return np.stack([one.labels for one in layers]), tuple(items)


def _timed(layers: "list[ErrorLayer]") -> "Iterator[ErrorItem]":
    for time, errors in enumerate(layers):
        for item in errors.items:
            box = ((time, time + 1), *item.box)
            yield replace(item, centre=(float(time), *item.centre), box=box)


def summary_text(result: PairResult) -> str:
    """Return what was compared, in sentences."""
    true_count, result_count = result.objects
    text = f"{number(true_count)} true objects, {number(result_count)} in the result."
    if result.labelled < 1:
        percent = np.floor(result.labelled * 100)
        text += f" {percent:.0f} % of the truth is labelled; the rest is left out."
    return text
