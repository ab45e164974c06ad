"""The weight map against its formula, written out with one distance transform an object."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from napari_unet.core.weights import weight_map as room
from napari_unet.core.weights.formulas import Falk, Paper
from napari_unet.core.weights.touching_ridge import open_ridge
from napari_unet.core.weights.weight_map import WeightMap, weight_map

COMPILED = settings(deadline=None, derandomize=True, max_examples=50)
SEEDS = st.integers(0, 2**32 - 1)


def paint(rng, shape, objects=20, kinds=9):
    """Boxes and rings painted over each other: touching, enclosed, cut by the edge, in pieces."""
    labels = np.zeros(shape, np.int64)
    for _ in range(objects):
        start = rng.integers(-4, shape)
        size = rng.integers(1, 10, len(shape))
        box = tuple(slice(max(0, a), max(0, a + n)) for a, n in zip(start, size, strict=True))
        labels[box] = rng.integers(0, kinds)
        if rng.random() < 0.2:  # a hole
            labels[tuple(slice(b.start + 2, max(0, b.stop - 2)) for b in box)] = 0
    return labels


@st.composite
def painted(draw):
    dims = draw(st.sampled_from([2, 2, 3]))
    shape = [draw(st.integers(1, 45 if dims == 2 else 12)) for _ in range(dims)]
    return paint(np.random.default_rng(draw(SEEDS)), shape, draw(st.integers(0, 30)))


def two_distances(labels):
    """Distance to the nearest and the second nearest object, float64."""
    first, second = np.full((2, *labels.shape), np.inf)
    for i in set(np.unique(labels).tolist()) - {0}:
        away = distance_transform_edt(labels != i)
        second = np.minimum(second, np.maximum(first, away))
        first = np.minimum(first, away)
    return first, second


def by_the_paper(labels, w0, sigma):
    first, second = two_distances(open_ridge(labels))
    term = w0 * np.exp(-((first + second) ** 2) / (2 * sigma**2))
    return np.where(open_ridge(labels) == 0, term, 0)


@COMPILED
@given(painted(), st.floats(0, 50), st.floats(0.1, 12))
def test_separation_is_the_formula_of_the_paper(labels, w0, sigma):
    found = weight_map(labels, w0=w0, sigma=sigma, balance=False)
    assert found.dtype == np.float32
    assert np.abs(found - 1 - by_the_paper(labels, w0, sigma)).max() <= 1e-4 * max(w0, 0.01)


@COMPILED
@given(painted(), st.floats(0.05, 1), st.floats(0.5, 12), st.floats(0, 60), st.floats(0.5, 8))
def test_falk_is_the_formula_of_falk(labels, v, sigma1, factor, sigma2):
    found = WeightMap(labels, Falk(v, sigma1, factor, sigma2)).weights()
    opened = open_ridge(labels)
    first, second = two_distances(opened)
    truth = v + (1 - v) * np.exp(-(first**2) / (2 * sigma1**2))
    truth += factor * np.exp(-((first + second) ** 2) / (2 * sigma2**2))
    truth[opened != 0] = 1
    assert np.abs(found - truth).max() <= 1e-4 * max(factor, 1)


def test_falk_sums_over_classes():
    rng = np.random.default_rng(3)
    labels = paint(rng, (60, 50), 40, 30)
    classes = np.where(labels > 0, 1 + labels % 2, 0).astype(np.uint8)
    found = WeightMap(labels, Falk(), classes=classes).weights()
    opened = open_ridge(labels)
    truth = np.full(labels.shape, 0.1)
    for kind in (1, 2):
        first, second = two_distances(np.where(classes == kind, opened, 0))
        truth += 0.9 * np.exp(-(first**2) / 200) + 50 * np.exp(-((first + second) ** 2) / 72)
    truth[opened != 0] = 1
    assert np.abs(found - truth).max() <= 1e-4 * 50


@pytest.mark.parametrize("high", [2**31 - 1, 2**40])
def test_high_ids_change_nothing(high):
    labels = paint(np.random.default_rng(1), (60, 60), 40)
    np.testing.assert_array_equal(
        weight_map(np.where(labels, high - labels, 0)), weight_map(labels.astype(np.uint8))
    )


@pytest.mark.parametrize("shape", [(280, 600), (40, 20, 140)])
def test_many_boxes_and_threads_give_what_one_does(shape):
    edges = room._EDGES[len(shape)]
    assert sum(size > edge for size, edge in zip(shape, edges, strict=True)) == 2  # four boxes
    labels = paint(np.random.default_rng(2), shape, 400, 60)
    assert np.abs(WeightMap(labels).separation - by_the_paper(labels, 10, 5)).max() <= 1e-3


def test_one_object_or_none_has_no_separation():
    labels = np.zeros((30, 30), np.int32)
    assert (weight_map(labels) == 1).all()  # one class, and nothing to separate
    labels[5:9, 5:9] = labels[20:24, 5:9] = 7  # two pieces of one object
    assert not WeightMap(labels).separation.any()


def test_touching_objects_get_a_heavy_ridge():
    labels = np.repeat([[1] * 5 + [2] * 5], 4, 0)
    weights = WeightMap(labels)
    assert weights.classes[0].tolist() == [1] * 4 + [0] * 2 + [1] * 4
    # two pixels of ridge: the nearest object is 1 px away, the other 2 px
    np.testing.assert_allclose(weights.separation[:, 4:6], 10 * np.exp(-9 / 50), rtol=1e-5)


def test_classes_are_balanced_over_labelled_pixels_only():
    rng = np.random.default_rng(4)
    labels = np.zeros((40, 50), np.int32)
    labels[4:9, 4:12], labels[20:30, 20:35] = 1, 2
    classes = np.where(labels > 0, labels, 0).astype(np.uint8)
    unlabelled = rng.random(labels.shape) < 0.4
    found = weight_map(labels, w0=0, unlabelled=unlabelled, classes=classes)
    assert not found[unlabelled].any()
    assert (found[~unlabelled] > 0).all()
    assert found[~unlabelled].mean(dtype=float) == pytest.approx(1, abs=1e-6)
    shares = [found[~unlabelled & (classes == c)].sum(dtype=float) for c in range(3)]
    assert shares == pytest.approx([shares[0]] * 3)
    hidden = np.where(unlabelled, 255, classes)
    np.testing.assert_array_equal(weight_map(labels, w0=0, classes=hidden), found)


def test_a_class_without_objects_has_no_separation():
    labels = np.zeros((9, 9), np.int32)
    labels[:, :3], labels[:, 6:] = 1, 2
    classes = np.where(labels > 0, 1, 0)
    classes[:4, 3:6] = 2
    weights = WeightMap(labels, classes=classes)
    assert not weights.separation[:4].any()
    assert weights.separation[4:, 3:6].min() > 5


def test_ridge_counts_as_background():
    labels = np.repeat([[1] * 5 + [2] * 5], 4, 0)
    found = weight_map(labels, w0=0)
    assert found[0].tolist() == pytest.approx([40 / 2 / 32] * 4 + [40 / 2 / 8] * 2 + [0.625] * 4)


def test_separation_of_unlabelled_background_is_0():
    labels = np.repeat([[1] * 5 + [2] * 5], 4, 0)
    unlabelled = np.zeros(labels.shape, bool)
    unlabelled[2:] = True
    found = weight_map(labels, unlabelled=unlabelled)
    assert not found[2:].any()
    assert found[:2, 4:6].min() > 8


def test_falk_weighs_0_where_unlabelled_and_1_on_objects():
    labels = paint(np.random.default_rng(5), (50, 50))
    unlabelled = np.arange(2500).reshape(50, 50) % 3 == 0
    found = WeightMap(labels, Falk(), unlabelled=unlabelled).weights()
    assert not found[unlabelled].any()
    assert (found[~unlabelled & (open_ridge(labels) > 0)] == 1).all()


def test_planes_of_a_stack_are_separate_but_balanced_together():
    stack = paint(np.random.default_rng(6), (4, 40, 40), 60, 30)
    stack[2] = 0
    weights = WeightMap(stack, dims=2)
    for plane, separation in zip(stack, weights.separation, strict=True):
        np.testing.assert_array_equal(separation, WeightMap(plane).separation)
    found = weight_map(stack, dims=2, w0=0)
    assert found.mean(dtype=float) == pytest.approx(1, abs=1e-6)
    assert len(np.unique(found)) == 2
    assert np.array_equal(weights.weights((slice(1, 3), slice(5, 9), slice(0, 40))),
                          weight_map(stack, dims=2)[1:3, 5:9])  # fmt: skip


def strokes(rng, shape, count):
    """Random boxes with new labels, from one pixel to large, now and then erasing."""
    for _ in range(count):
        start = rng.integers(0, shape)
        stop = np.minimum(start + rng.integers(1, 14, len(shape)), shape)
        box = tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
        edges = stop - start
        yield (
            box,
            rng.choice([0, 1, 1])
            * (paint(rng, edges, 3) if rng.random() < 0.5 else np.full(edges, rng.integers(0, 30))),
        )


@COMPILED
@given(painted(), SEEDS, st.sampled_from([Paper(), Paper(3.0, 1.5), Paper(0.0), Falk()]))
def test_update_gives_the_bits_of_a_new_map(labels, seed, formula):
    dims = 2 if seed % 2 else labels.ndim
    weights = WeightMap(labels, formula, dims=dims)
    for box, stroke in strokes(np.random.default_rng(seed), labels.shape, 6):
        labels[box] = stroke
        before = weights.separation.copy()
        changed = weights.update(box, stroke)
        new = WeightMap(labels, formula, dims=dims)
        np.testing.assert_array_equal(weights.weights(), new.weights())
        np.testing.assert_array_equal(weights.classes, new.classes)
        before[changed] = weights.separation[changed]
        np.testing.assert_array_equal(before, weights.separation)


@pytest.mark.parametrize("formula", [Paper(), Falk(sigma1=4)])
def test_update_with_classes_and_unlabelled(formula):
    rng = np.random.default_rng(8)
    labels = paint(rng, (3, 60, 60), 80, 30)
    hidden = rng.random(labels.shape) < 0.1
    classes = np.where(labels > 0, 1 + labels % 3, 0)
    weights = WeightMap(labels, formula, unlabelled=hidden, classes=classes, dims=2)
    for box, stroke in strokes(rng, labels.shape, 30):
        labels[box], hidden[box] = stroke, rng.random(stroke.shape) < 0.5
        classes[box] = np.where(stroke > 0, 1 + stroke % 3, 4 * (rng.random() < 0.2))
        weights.update(box, stroke, unlabelled=hidden[box], classes=classes[box])
    new = WeightMap(labels, formula, unlabelled=hidden, classes=classes, dims=2)
    np.testing.assert_array_equal(weights.weights(), new.weights())
    np.testing.assert_array_equal(weights.classes, new.classes)


def test_update_stays_near_the_box():
    labels = np.zeros((400, 400), np.int32)
    labels[::20, ::20] = np.arange(400).reshape(20, 20) + 1
    weights = WeightMap(labels)
    changed = weights.update((slice(200, 210), slice(200, 210)), np.full((10, 10), 500))
    assert changed == (slice(176, 234), slice(176, 234))  # the box, 1 px, and 4.5 sigma


def test_update_takes_ids_above_32_bits():
    labels = paint(np.random.default_rng(9), (50, 50))
    weights = WeightMap(labels.astype(np.int32))
    stroke = np.full((9, 9), 2**35)
    weights.update((slice(0, 9), slice(40, 49)), stroke)
    labels[:9, 40:49] = stroke
    np.testing.assert_array_equal(weights.weights(), weight_map(labels))


def test_update_of_nothing_changes_nothing():
    labels = paint(np.random.default_rng(9), (30, 30))
    weights = WeightMap(labels)
    weights.update((slice(5, 5), slice(0, 30)), np.zeros((0, 30), int))
    np.testing.assert_array_equal(weights.weights(), weight_map(labels))


def test_the_callers_arrays_are_left_alone():
    labels = paint(np.random.default_rng(9), (30, 30)).astype(np.int32)
    unlabelled, classes = np.zeros(labels.shape, bool), np.where(labels > 0, 1, 255)
    before = labels.copy()
    weights = WeightMap(labels, unlabelled=unlabelled, classes=classes)
    weights.update((slice(0, 9), slice(0, 9)), np.ones((9, 9), int), classes=np.ones((9, 9), int))
    np.testing.assert_array_equal(labels, before)
    assert not unlabelled.any()


@pytest.mark.parametrize("shape", [(0, 7), (7, 0), (1, 1), (0, 2, 2)])
def test_the_smallest_images(shape):
    assert weight_map(np.ones(shape, int)).shape == shape


SQUARE = np.zeros((4, 4), int)
BAD = {
    "labels are of type float64": lambda: weight_map(SQUARE / 1),
    "which cannot tell touching objects apart": lambda: weight_map(SQUARE > 0),
    "16 pixels have a negative id, the lowest is -1": lambda: weight_map(SQUARE - 1),
    "labels have 1 axes": lambda: weight_map(SQUARE[0]),
    "labels have 4 axes": lambda: weight_map(SQUARE[None, None]),
    "dims is 4": lambda: weight_map(SQUARE, dims=4),
    "dims is 3 and the labels have 2 axes only": lambda: weight_map(SQUARE, dims=3),
    "sigma is 0": lambda: weight_map(SQUARE, sigma=0),
    "sigma is -1": lambda: weight_map(SQUARE, sigma=-1),
    "sigma is nan": lambda: weight_map(SQUARE, sigma=float("nan")),
    "sigma is inf": lambda: weight_map(SQUARE, sigma=float("inf")),
    "w0 is -1": lambda: weight_map(SQUARE, w0=-1),
    "w0 is nan": lambda: weight_map(SQUARE, w0=float("nan")),
    "w0 must be a number, not 'ten'": lambda: weight_map(SQUARE, w0="ten"),
    "balance must be True or False, not 1": lambda: weight_map(SQUARE, balance=1),
    "v is 0: ": lambda: WeightMap(SQUARE, Falk(v=0)).weights(),
    "sigma2 is 0": lambda: WeightMap(SQUARE, Falk(sigma2=0)).weights(),
    "factor is -1": lambda: WeightMap(SQUARE, Falk(factor=-1)).weights(),
    r"unlabelled has shape \(4,\)": lambda: weight_map(SQUARE, unlabelled=SQUARE[0] > 0),
    "unlabelled is of type int64": lambda: weight_map(SQUARE, unlabelled=SQUARE),
    r"classes has shape \(4,\)": lambda: weight_map(SQUARE, classes=SQUARE[0]),
    "classes are of type float64": lambda: weight_map(SQUARE, classes=SQUARE / 1),
    "classes lie between 256 and 256": lambda: weight_map(SQUARE, classes=SQUARE + 256),
    "16 pixels belong to an object": lambda: weight_map(SQUARE + 1, classes=SQUARE),
    "the box has 1 slices": lambda: WeightMap(SQUARE).update((slice(0, 4),), SQUARE),
    "skips pixels": lambda: WeightMap(SQUARE).weights((slice(0, 4, 2), slice(0, 4))),
    r"the box has shape \(2, 2\) and the labels have \(4, 4\)": lambda: WeightMap(SQUARE).update(
        (slice(0, 2),) * 2, SQUARE
    ),
    "give those of the box": lambda: WeightMap(SQUARE, classes=SQUARE).update(
        (slice(0, 4),) * 2, SQUARE
    ),
}


@pytest.mark.parametrize("sentence", BAD)
def test_bad_input_is_named_in_one_sentence(sentence):
    with pytest.raises((ValueError, TypeError), match=sentence) as caught:
        BAD[sentence]()
    assert "\n" not in str(caught.value)
