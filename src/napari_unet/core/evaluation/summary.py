"""Summary: many images scored, the worst first, and each figure over all with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_unet.core.evaluation.comparison import Comparison
from napari_unet.core.evaluation.confidence import Interval, mean_interval, pooled_interval
from napari_unet.core.evaluation.detection import (
    THRESHOLDS,
    average_precision_measure,
    f1_measure,
    panoptic_quality_measure,
    precision_measure,
    recall_measure,
    seg_measure,
)
from napari_unet.core.evaluation.measure import Measure, sum_of
from napari_unet.core.evaluation.partition import (
    rand_error_measure,
    v_info_measure,
    v_rand_measure,
)
from napari_unet.core.evaluation.pixels import dice_measure, iou_measure, pixel_error_measure
from napari_unet.core.evaluation.warping import warping_error_measure


@dataclass(frozen=True, eq=False)
class Scored:
    """One image: its figures, and the counts they were made of."""

    name: str
    figures: dict[str, float]
    counts: dict[str, np.ndarray]


@dataclass(frozen=True)
class Figure:
    """One measure over all images: all pooled into one, and the mean of each image's figure."""

    measure: str
    pooled: float
    pooled_interval: Interval | None
    mean: float
    mean_interval: Interval | None


def object_measures(iou: float = 0.5, *, warping: bool = False) -> tuple[Measure, ...]:
    """Return what is measured of objects; the first tells which image is worst."""
    return (
        average_precision_measure(iou),
        average_precision_measure(*THRESHOLDS),
        f1_measure(iou),
        precision_measure(iou),
        recall_measure(iou),
        panoptic_quality_measure(iou),
        seg_measure(),
        v_rand_measure(),
        v_info_measure(),
        rand_error_measure(),
        *_pixel_measures(),
        *_warping_measures(warping),
    )


def class_measures(classes: Sequence[int], *, warping: bool = False) -> tuple[Measure, ...]:
    """Return what is measured of classes; the first, the mean IoU, tells which image is worst."""
    each = [(c, make(c)) for make in (iou_measure, dice_measure) for c in classes]
    return (
        replace(iou_measure(classes), name="mean_iou"),
        replace(dice_measure(classes), name="mean_dice"),
        pixel_error_measure(classes),
        *(replace(measure, name=f"{measure.name} of {c}") for c, measure in each),
        *_warping_measures(warping),
    )


def score(name: str, comparison: Comparison, measures: Sequence[Measure]) -> Scored:
    """Score one image."""
    counts = {measure.name: measure.count(comparison) for measure in measures}
    figures = {m.name: float(m.figure(counts[m.name].sum(0))) for m in measures}
    return Scored(name, figures, counts)


def worst_first(scored: Sequence[Scored], measure: Measure) -> list[Scored]:
    """Return the images in the order of ``measure``; images of one figure keep their order."""
    sign = 1 if measure.best else -1
    return sorted(scored, key=lambda image: sign * image.figures[measure.name])


def summarise(scored: Sequence[Scored], measure: Measure, seed: int = 0) -> Figure:
    """Return the figure of ``measure`` over all images, with its intervals."""
    counts = [image.counts[measure.name] for image in scored]
    figures = np.array([image.figures[measure.name] for image in scored])
    return Figure(
        measure.name,
        float(measure.figure(sum_of(counts))),
        pooled_interval(measure, counts, seed),
        float(figures.mean()),
        mean_interval(figures, seed),
    )


def _pixel_measures() -> tuple[Measure, ...]:
    """Of foreground against background."""
    return iou_measure(), dice_measure(), pixel_error_measure()


def _warping_measures(wanted: bool) -> tuple[Measure, ...]:
    return (warping_error_measure("pixels"), warping_error_measure("events")) if wanted else ()
