from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unet.core.evaluation import (
    THRESHOLDS,
    average_precision,
    f1,
    mean_average_precision,
    panoptic_quality,
    precision,
    recall,
    seg,
)

CASES = settings(max_examples=200, deadline=None, derandomize=True)


@st.composite
def scenes(draw):
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=3, max_side=5))
    labels = hnp.arrays(np.int64, shape, elements=st.integers(0, 4))
    truth, other = draw(labels), draw(labels)
    kept = draw(hnp.arrays(bool, shape))
    result = np.where(kept, truth, other) if draw(st.booleans()) else other
    return truth, result, draw(st.none() | hnp.arrays(bool, shape))


def objects(labels, unlabelled):
    """Every object as the set of its labelled pixels; those without any are none."""
    found = {}
    for place in np.ndindex(labels.shape):
        if labels[place] and (unlabelled is None or not unlabelled[place]):
            found.setdefault(int(labels[place]), set()).add(place)
    return list(found.values())


def brute_match(true, found, threshold):
    """The best of all one-to-one matchings: its number of pairs and the sum of their IoUs."""
    short, long = sorted((true, found), key=len)
    best = (0, 0.0)
    for chosen in permutations(long, len(short)):
        ious = [len(a & b) / len(a | b) for a, b in zip(short, chosen, strict=True)]
        good = [iou for iou in ious if iou >= threshold]
        best = max(best, (len(good), sum(good)))
    return best


@CASES
@given(scenes(), st.sampled_from([0.05, 0.2, 1 / 3, 0.4, 0.5, 0.6, 0.75, 0.9, 1.0]))
def test_matched_measures_are_their_definitions(scene, threshold):
    truth, result, unlabelled = scene
    true, found = objects(truth, unlabelled), objects(result, unlabelled)
    tp, total = brute_match(true, found, threshold)
    fp, fn = len(found) - tp, len(true) - tp
    nothing = not true and not found

    def own(measure):
        return measure(truth, result, unlabelled=unlabelled, iou=threshold)

    def part(whole, of=tp):
        return 1.0 if nothing else of / whole if whole else 0.0

    assert own(precision) == pytest.approx(part(tp + fp), abs=1e-12)
    assert own(recall) == pytest.approx(part(tp + fn), abs=1e-12)
    assert own(f1) == pytest.approx(part(2 * tp + fp + fn, 2 * tp), abs=1e-12)
    assert own(average_precision) == pytest.approx(part(tp + fp + fn), abs=1e-12)
    assert own(panoptic_quality) == pytest.approx(part(2 * tp + fp + fn, 2 * total), abs=1e-12)


@CASES
@given(scenes())
def test_mean_average_precision_is_the_mean_over_ten_thresholds(scene):
    truth, result, unlabelled = scene
    true, found = objects(truth, unlabelled), objects(result, unlabelled)
    expected = []
    for threshold in (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95):
        tp, _ = brute_match(true, found, threshold)
        whole = len(true) + len(found) - tp
        expected.append(tp / whole if whole else 1.0)
    own = mean_average_precision(truth, result, unlabelled=unlabelled)
    assert own == pytest.approx(np.mean(expected), abs=1e-12)


@CASES
@given(scenes())
def test_seg_is_its_definition(scene):
    truth, result, unlabelled = scene
    true, found = objects(truth, unlabelled), objects(result, unlabelled)
    jaccard = [sum(len(r & s) / len(r | s) for s in found if 2 * len(r & s) > len(r)) for r in true]
    own = seg(truth, result, unlabelled=unlabelled)
    assert own == pytest.approx(np.mean(jaccard) if true else 1.0, abs=1e-12)


IDS = [3, 70_000, 2**31 - 1, 2**31, 2**40]


@CASES
@given(scenes(), st.permutations(IDS), st.permutations(IDS))
def test_ids_do_not_matter(scene, true_ids, found_ids):
    """Other ids, up to 2³¹ and beyond, in another order: every figure stays."""
    truth, result, unlabelled = scene
    renamed = np.array([0, *true_ids])[truth], np.array([0, *found_ids])[result]
    for measure in (f1, panoptic_quality, seg, mean_average_precision):
        same = measure(truth, result, unlabelled=unlabelled)
        assert measure(*renamed, unlabelled=unlabelled) == pytest.approx(same, abs=1e-12)


def test_two_halves_at_an_iou_of_exactly_a_half():
    """Both halves reach 0.5 and one alone can be the match."""
    truth, result = np.array([[1, 1, 1, 1]]), np.array([[1, 1, 2, 2]])
    assert precision(truth, result) == 0.5
    assert recall(truth, result) == 1
    assert f1(truth, result) == pytest.approx(2 / 3)
    assert panoptic_quality(truth, result) == pytest.approx(0.5 / 1.5)
    assert seg(truth, result) == 0  # strictly more than half of the object


def test_a_pair_more_goes_before_a_better_pair():
    """1 with 1 has IoU 0.6, but then 2 and 2 stay alone; crosswise both pairs have 0.25."""
    truth, result = np.array([1, 1, 1, 1, 2]), np.array([2, 1, 1, 1, 1])
    assert f1(truth, result, iou=0.2) == 1
    assert panoptic_quality(truth, result, iou=0.2) == pytest.approx(0.25)
    assert panoptic_quality(truth, result, iou=0.3) == pytest.approx(0.6 / 2)


def test_pooled_objects_or_mean_of_images():
    truth = [np.array([1, 2, 3, 0]), np.array([1, 0])]
    result = [np.array([1, 2, 0, 0]), np.array([0, 1])]
    assert average_precision(truth, result) == pytest.approx(2 / 5)
    assert average_precision(truth, result, per_image=True) == pytest.approx((2 / 3 + 0) / 2)
    assert seg(truth, result) == pytest.approx(2 / 4)
    assert seg(truth, result, per_image=True) == pytest.approx((2 / 3 + 0) / 2)


def test_no_objects():
    nothing, one = np.zeros((2, 2), int), np.eye(2, dtype=int)
    for measure in (precision, recall, f1, average_precision, panoptic_quality, seg):
        assert measure(nothing, nothing) == 1
    for measure in (precision, recall, f1, average_precision, panoptic_quality, seg):
        assert measure(one, nothing) == 0
    for measure in (precision, recall, f1, average_precision, panoptic_quality):
        assert measure(nothing, one) == 0
    assert seg(nothing, one) == 1  # SEG looks at true objects only


@pytest.mark.parametrize("iou", [0, -0.1, 1.1, float("nan")])
def test_a_threshold_that_means_nothing_is_refused(iou):
    with pytest.raises(ValueError, match="above 0 and up to 1"):
        f1(np.eye(2, dtype=int), np.eye(2, dtype=int), iou=iou)


def test_thresholds_are_the_fields():
    assert THRESHOLDS == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
