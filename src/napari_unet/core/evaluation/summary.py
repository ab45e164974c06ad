"""Summary: the scores of many images, the worst first, and each figure over all with its interval.

An interval says how far a figure would move with other images, or other objects. The bootstrap
draws as many units as there are, with replacement, and takes the middle 95 % of the figures. Units
are the images; of a single image they are its objects, parts or planes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from napari_unet.core.evaluation import objects, partitions, pixels
from napari_unet.core.evaluation.comparison import Comparison, Measure, sum_of
from napari_unet.core.evaluation.warping import warping_error_measure

DRAWS = 2000
LEVEL = 0.95
MOST_COMPARED = 64  # values; labels with more hold objects, not classes
DRAWN_AT_ONCE = 1 << 22  # units, to bound memory


class Interval(NamedTuple):
    """The middle 95 % of a figure over bootstrap draws of ``number`` of ``units``."""

    low: float
    high: float
    units: str
    number: int


def pooled_interval(measure: Measure, counted: list[np.ndarray], seed: int = 0) -> Interval | None:
    """Return the interval of the figure of all images pooled; None where there is one unit only.

    ``counted`` holds what ``measure.count`` gave for each image.
    """
    several = len(counted) > 1
    units = np.stack([rows.sum(0) for rows in counted]) if several else counted[0]
    return _interval(measure.figure, units, "images" if several else measure.units, seed)


def mean_interval(figures: np.ndarray, seed: int = 0) -> Interval | None:
    """Return the interval of the mean of the figures of each image."""
    units = np.stack([figures, np.ones(len(figures))], 1)
    return _interval(lambda counts: counts[..., 0] / counts[..., 1], units, "images", seed)


def _interval(
    figure: Callable[[np.ndarray], np.ndarray], units: np.ndarray, name: str, seed: int
) -> Interval | None:
    number = len(units)
    if number < 2:
        return None
    rng = np.random.default_rng(seed)
    at_once = max(1, min(DRAWS, DRAWN_AT_ONCE // number))
    sums = [
        _drawn_sums(rng, units, min(at_once, DRAWS - start)) for start in range(0, DRAWS, at_once)
    ]
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    low, high = np.quantile(figure(np.concatenate(sums)), tails)
    return Interval(float(low), float(high), name, number)


def _drawn_sums(rng: np.random.Generator, units: np.ndarray, draws: int) -> np.ndarray:
    """Return (draws, counts): the units of each draw added up."""
    number = len(units)
    drawn = rng.integers(number, size=(draws, number)) + number * np.arange(draws)[:, None]
    times = np.bincount(drawn.ravel(), minlength=draws * number).reshape(draws, number)
    return times @ units


@dataclass(frozen=True, eq=False)
class ScoredImage:
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
        objects.average_precision.measure(iou),
        objects.average_precision.measure(*objects.THRESHOLDS),
        objects.f1.measure(iou),
        objects.precision.measure(iou),
        objects.recall.measure(iou),
        objects.panoptic_quality.measure(iou),
        objects.seg_measure(),
        partitions.v_rand_measure(),
        partitions.v_info_measure(),
        partitions.rand_error_measure(),
        *_pixel_measures(),
        *_warping_measures(warping),
    )


def class_measures(classes: Sequence[int], *, warping: bool = False) -> tuple[Measure, ...]:
    """Return what is measured of classes; the first, the mean IoU, tells which image is worst."""
    each = [(c, make(c)) for make in (pixels.iou.measure, pixels.dice.measure) for c in classes]
    return (
        replace(pixels.iou.measure(classes), name="mean_iou"),
        replace(pixels.dice.measure(classes), name="mean_dice"),
        pixels.pixel_error.measure(classes),
        *(replace(measure, name=f"{measure.name} of {c}") for c, measure in each),
        *_warping_measures(warping),
    )


def measures_of_classes(
    comparisons: Iterable[Comparison], *, warping: bool = False
) -> tuple[Measure, ...]:
    """Return what is measured of the classes that truth or results hold."""
    values = sorted({value for one in comparisons for value in pixels.class_values([one])})
    if len(values) > MOST_COMPARED:
        raise ValueError(
            f"the labels hold {len(values)} values, too many to be classes: compare objects"
        )
    return class_measures(values, warping=warping)


def score(name: str, comparison: Comparison, measures: Sequence[Measure]) -> ScoredImage:
    """Score one image."""
    counts = {measure.name: measure.count(comparison) for measure in measures}
    return scored_image(name, counts, measures)


def scored_image(
    name: str, counts: Mapping[str, np.ndarray], measures: Sequence[Measure]
) -> ScoredImage:
    """Return an image with its figures, from what each measure has counted."""
    figures = {m.name: float(m.figure(counts[m.name].sum(0))) for m in measures}
    return ScoredImage(name, figures, dict(counts))


def worst_first(scored: Sequence[ScoredImage], measure: Measure) -> list[ScoredImage]:
    """Return the images in the order of ``measure``; images of one figure keep their order."""
    sign = 1 if measure.best else -1
    return sorted(scored, key=lambda image: sign * image.figures[measure.name])


def summarise(scored: Sequence[ScoredImage], measure: Measure, seed: int = 0) -> Figure:
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
    return pixels.iou.measure(), pixels.dice.measure(), pixels.pixel_error.measure()


def _warping_measures(wanted: bool) -> tuple[Measure, ...]:
    return (warping_error_measure("pixels"), warping_error_measure("events")) if wanted else ()
