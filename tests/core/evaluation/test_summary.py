import numpy as np
import pytest

from napari_unet.core.evaluation import (
    Comparison,
    object_measures,
    score,
    summarise,
    worst_first,
)
from napari_unet.core.evaluation.comparison import Measure, share
from napari_unet.core.evaluation.objects import average_precision, f1
from napari_unet.core.evaluation.summary import DRAWN_AT_ONCE, DRAWS, mean_interval, pooled_interval


def ratio(counts):
    return share(counts[..., 0], counts[..., 1])


COINS = Measure("heads", lambda comparison: comparison.truth, ratio, "objects")


def test_interval_is_that_of_the_binomial():
    """40 heads of 100 throws: the bootstrap draws from Binomial(100, 0.4) / 100."""
    throws = np.stack([np.arange(100) < 40, np.ones(100)], 1).astype(float)
    interval = pooled_interval(COINS, [throws])
    spread = 1.96 * np.sqrt(0.4 * 0.6 / 100)
    assert interval.low == pytest.approx(0.4 - spread, abs=0.015)
    assert interval.high == pytest.approx(0.4 + spread, abs=0.015)
    assert (interval.units, interval.number) == ("objects", 100)


def test_several_images_are_drawn_as_images():
    """An image that is all heads and one that is all tails, however many throws: 0, ½ or 1."""
    counts = [np.tile([1.0, 1.0], (500, 1)), np.tile([0.0, 1.0], (500, 1))]
    interval = pooled_interval(COINS, counts)
    assert interval == (0.0, 1.0, "images", 2)


def test_a_single_unit_has_no_interval():
    assert pooled_interval(COINS, [np.array([[1.0, 2.0]])]) is None
    assert mean_interval(np.array([0.5])) is None


def test_the_same_seed_draws_the_same():
    rng = np.random.default_rng(0)
    counts = [rng.uniform(size=(50, 2))]
    assert pooled_interval(COINS, counts, 3) == pooled_interval(COINS, counts, 3)
    assert pooled_interval(COINS, counts, 3) != pooled_interval(COINS, counts, 4)


def test_draws_of_many_units_are_those_of_the_binomial_too():
    """So many units are drawn in pieces, to bound memory."""
    number = 5000
    assert DRAWS * number > DRAWN_AT_ONCE
    throws = np.stack([np.arange(number) < 0.4 * number, np.ones(number)], 1).astype(float)
    interval = pooled_interval(COINS, [throws])
    spread = 1.96 * np.sqrt(0.4 * 0.6 / number)
    assert interval.low == pytest.approx(0.4 - spread, abs=0.002)
    assert interval.high == pytest.approx(0.4 + spread, abs=0.002)


def test_coverage_is_about_95_percent():
    """Of images drawn from a known world, the interval of the mean holds the true mean."""
    held = 0
    for seed in range(200):
        figures = np.random.default_rng(seed).beta(6, 2, size=30)
        low, high, _, _ = mean_interval(figures, seed)
        held += low <= 6 / 8 <= high
    assert 180 <= held <= 198


def scenes():
    """Three images of 16 objects: 0, 4 and 8 of them missed."""
    truth = np.kron(np.arange(1, 17).reshape(4, 4), np.ones((3, 3), int))
    return [Comparison(truth, np.where(truth <= missed, 0, truth)) for missed in (0, 4, 8)]


def test_a_summary_says_pooled_and_mean():
    measure = f1.measure()
    scored = [score(str(i), image, [measure]) for i, image in enumerate(scenes())]
    figure = summarise(scored, measure)
    assert figure.pooled == pytest.approx(2 * 36 / (2 * 36 + 12))
    assert figure.mean == pytest.approx(np.mean([1, 24 / 28, 16 / 24]))
    assert figure.pooled_interval.low < figure.pooled < figure.pooled_interval.high
    assert figure.mean_interval.units == "images"


def test_objects_are_the_units_of_one_image():
    measure = average_precision.measure(0.5)
    figure = summarise([score("a", scenes()[1], [measure])], measure)
    assert figure.pooled == figure.mean == 12 / 16
    assert figure.pooled_interval[2:] == ("objects", 16)
    assert figure.mean_interval is None


def test_the_worst_image_comes_first():
    measures = object_measures()
    scored = [score(name, image, measures) for name, image in zip("abc", scenes(), strict=True)]
    by_name = {measure.name: measure for measure in measures}
    assert [i.name for i in worst_first(scored, by_name["f1"])] == ["c", "b", "a"]
    assert [i.name for i in worst_first(scored, by_name["pixel_error"])] == ["c", "b", "a"]


def test_every_unit_counts_in_the_figure():
    """Counts of units add up to the figure of the image, for every measure."""
    rng = np.random.default_rng(0)
    truth, result = rng.integers(0, 5, (2, 24, 24))
    comparison = Comparison(truth, result, rng.random((24, 24)) < 0.2)
    for measure in object_measures(0.1, warping=True):
        scored = score("a", comparison, [measure])
        assert scored.figures[measure.name] == pytest.approx(measure.of(comparison))
        assert len(scored.counts[measure.name]) >= (measure.units != "planes")
