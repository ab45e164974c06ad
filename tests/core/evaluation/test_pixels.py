from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unet.core.evaluation import (
    dice,
    dice_by_class,
    iou,
    iou_by_class,
    pixel_error,
    score,
)
from napari_unet.core.evaluation.comparison import Comparison
from napari_unet.core.evaluation.summary import class_measures

CASES = settings(max_examples=200, deadline=None, derandomize=True)


@st.composite
def scenes(draw):
    """A truth, a result (often the truth with a few pixels changed) and where it is unlabelled."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=5))
    labels = hnp.arrays(
        draw(st.sampled_from([np.uint8, np.int64])), shape, elements=st.integers(0, 3)
    )
    truth, other = draw(labels), draw(labels)
    kept = draw(hnp.arrays(bool, shape))
    result = np.where(kept, truth, other) if draw(st.booleans()) else other
    unlabelled = draw(st.none() | hnp.arrays(bool, shape))
    return truth, result, unlabelled


def pixels(truth, result, unlabelled):
    """The labelled pixels, one by one."""
    for place in np.ndindex(truth.shape):
        if unlabelled is None or not unlabelled[place]:
            yield int(truth[place]), int(result[place])


def count(scene, is_in):
    """Intersection, |T| and |R| by asking every pixel."""
    both = true = found = 0
    for t, r in pixels(*scene):
        true += is_in(t)
        found += is_in(r)
        both += is_in(t) and is_in(r)
    return both, true, found


def brute_iou(scene, is_in):
    both, true, found = count(scene, is_in)
    union = true + found - both
    return Fraction(both, union) if union else Fraction(1)


def brute_dice(scene, is_in):
    both, true, found = count(scene, is_in)
    return Fraction(2 * both, true + found) if true + found else Fraction(1)


MEASURES = [(iou, brute_iou), (dice, brute_dice)]


@pytest.mark.parametrize(("measure", "brute"), MEASURES, ids=["iou", "dice"])
@CASES
@given(scenes())
def test_iou_and_dice_are_their_definitions(measure, brute, scene):
    truth, result, unlabelled = scene

    def own(**choice):
        return measure(truth, result, unlabelled=unlabelled, **choice)

    assert own() == pytest.approx(float(brute(scene, lambda v: v > 0)), abs=1e-12)
    each = [float(brute(scene, lambda v, c=c: v == c)) for c in range(5)]
    for c in range(5):
        assert own(classes=c) == pytest.approx(each[c], abs=1e-12)
    assert own(classes=[3, 0, 1]) == pytest.approx((each[3] + each[0] + each[1]) / 3, abs=1e-12)


@CASES
@given(scenes())
def test_the_figures_of_each_class_are_of_the_classes_there_are(scene):
    truth, result, unlabelled = scene
    there = {v for pair in pixels(*scene) for v in pair}
    for by_class, brute in ((iou_by_class, brute_iou), (dice_by_class, brute_dice)):
        found = by_class(truth, result, unlabelled=unlabelled)
        assert set(found) == there
        for c, figure in found.items():
            assert figure == pytest.approx(float(brute(scene, lambda v, c=c: v == c)), abs=1e-12)


@CASES
@given(scenes())
def test_pixel_error_is_its_definition(scene):
    truth, result, unlabelled = scene
    known = list(pixels(*scene))
    for choice, read in (
        (None, lambda v: v > 0),
        (2, lambda v: v == 2),
        ((0, 1, 2, 3), lambda v: v),
        ((1, 2), lambda v: v if v in (1, 2) else None),
    ):
        wrong = sum(read(t) != read(r) for t, r in known)
        own = pixel_error(truth, result, unlabelled=unlabelled, classes=choice)
        assert own == pytest.approx(wrong / len(known) if known else 0.0, abs=1e-12)


def test_several_images_are_pooled_or_each_counts_alike():
    truth = [np.array([1, 1, 1, 0]), np.array([1, 0])]
    result = [np.array([1, 1, 0, 0]), np.array([0, 1])]
    assert iou(truth, result) == pytest.approx(2 / 5)
    assert iou(truth, result, per_image=True) == pytest.approx((2 / 3 + 0) / 2)
    assert pixel_error(truth, result) == pytest.approx(3 / 6)
    assert pixel_error(truth, result, per_image=True) == pytest.approx((1 / 4 + 1) / 2)


def test_nothing_against_nothing_is_perfect():
    nothing = np.zeros((3, 3), int)
    hidden = np.ones((3, 3), bool)
    assert iou(nothing, nothing) == dice(nothing, nothing) == 1
    assert pixel_error(nothing, nothing) == 0
    assert iou(nothing, nothing + 1, unlabelled=hidden) == 1
    assert pixel_error(nothing, nothing + 1, unlabelled=hidden) == 0


def test_a_value_of_the_truth_can_mean_unlabelled():
    truth, result = np.array([0, 1, 255, 255]), np.array([0, 1, 0, 1])
    assert pixel_error(truth, result, unlabelled=255) == 0
    assert iou(truth, result, unlabelled=255, classes=[0, 1]) == 1
    assert set(iou_by_class(truth, result, unlabelled=255)) == {0, 1}


def test_classes_of_any_size_and_order():
    """ISBI labels are 0 and 255; a class asked for that is nowhere is 1, not an error."""
    truth, result = np.array([0, 255, 255, 2**31]), np.array([0, 255, 0, 2**31])
    assert iou(truth, result, classes=255) == pytest.approx(1 / 2)
    assert iou(truth, result, classes=2**31) == 1
    assert iou(truth, result, classes=7) == 1
    assert iou(truth, result, classes=[255, 0, 255]) == pytest.approx((1 / 2 + 1 / 2) / 2)


def test_no_class_is_no_question():
    with pytest.raises(ValueError, match="name at least one class"):
        iou(np.ones(3, int), np.ones(3, int), classes=[])


def test_class_measures_name_each_class():
    truth, result = np.array([[0, 1], [2, 2]]), np.array([[0, 1], [2, 1]])
    figures = score("a", Comparison(truth, result), class_measures([0, 1, 2])).figures
    assert figures["iou of 2"] == pytest.approx(1 / 2)
    assert figures["dice of 1"] == pytest.approx(2 / 3)
    assert figures["mean_iou"] == pytest.approx((1 + 1 / 2 + 1 / 2) / 3)
    assert figures["pixel_error"] == pytest.approx(1 / 4)
