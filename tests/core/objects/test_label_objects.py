"""Objects equal a plain computation on the whole image, however it is cut into boxes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_unet.core.objects.label_objects import (
    ObjectSettings,
    best_class,
    foreground,
    label_objects,
    label_objects_tiled,
)


def scores_of(rng, shape, classes, smooth=1.2):
    """Return scores that look like those of a network: smooth, summing to one."""
    values = np.stack(
        [ndimage.gaussian_filter(rng.normal(size=shape), smooth) for _ in range(classes)]
    )
    raised = np.exp(6 * values)
    return (raised / raised.sum(0)).astype(np.float32)


def scores_from(labels):
    """Return certain scores of two classes: 1 where there is an object."""
    found = (labels > 0).astype(np.float32)
    return np.stack([1 - found, found])


def by_hand(scores, threshold, min_area, holes):
    """Label with scipy on the whole image, class by class, and number by the first pixel."""
    share = scores[1:].max(0) / (scores[1:].max(0) + scores[0])
    kind = np.where(share > threshold, 1 + scores[1:].argmax(0), 0)
    objects = []
    for one in range(1, len(scores)):
        numbers, count = ndimage.label(kind == one)
        objects += [numbers == n for n in range(1, count + 1)]
    objects = [one for one in objects if one.sum() >= min_area]
    objects.sort(key=lambda one: one.ravel().argmax())
    found = np.zeros(kind.shape, np.int32)
    for number, one in enumerate(objects, start=1):
        found[one] = number
    around, count = ndimage.label(found == 0, np.ones((3,) * kind.ndim))
    for n in range(1, count + 1):
        hole = around == n
        edge = any(np.take(hole, [0, -1], axis).any() for axis in range(hole.ndim))
        next_to = set(np.unique(found[ndimage.binary_dilation(hole) & ~hole]))
        if not edge and len(next_to) == 1 and hole.sum() <= holes:
            found[hole] = next_to.pop()
    return found


@st.composite
def cases(draw):
    """Draw scores, settings, and boxes to cut the image into."""
    dims = draw(st.sampled_from([2, 3]))
    shape = tuple(
        draw(st.lists(st.integers(1, 34 if dims == 2 else 14), min_size=dims, max_size=dims))
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = scores_of(rng, shape, draw(st.integers(2, 4)), draw(st.sampled_from([0.3, 1.2])))
    chosen = ObjectSettings(
        threshold=draw(st.sampled_from([0.3, 0.5, 0.7])),
        min_area=draw(st.integers(0, 9)),
        holes=draw(st.sampled_from([0, 5, 100])),
        split=draw(st.sampled_from([0.0, 0.5, 1.0])),
        give_back=draw(st.booleans()),
    )
    return scores, chosen, tuple(draw(st.integers(1, size)) for size in shape)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(cases())
def test_any_boxes_give_the_same_numbers_as_the_whole_image(case):
    scores, chosen, edges = case
    whole = label_objects(scores, settings=chosen)
    out, work = np.full((2, *whole.shape), -7, np.int32)  # what was in them does not matter
    kinds = label_objects_tiled(scores, out, chosen, work=work, edges=edges)
    np.testing.assert_array_equal(out, whole)
    assert len(kinds) == whole.max() + 1
    assert kinds[0] == 0


@settings(deadline=None, derandomize=True, max_examples=80)
@given(cases())
def test_objects_are_those_found_by_hand(case):
    scores, chosen, _ = case
    found = label_objects(scores, settings=chosen, split=0.0, give_back=False)
    expected = by_hand(scores, chosen.threshold, chosen.min_area, chosen.holes)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.int32


@settings(deadline=None, derandomize=True, max_examples=60)
@given(cases())
def test_objects_are_numbered_and_connected_and_of_one_class(case):
    scores, chosen, _ = case
    found = label_objects(scores, settings=chosen, holes=0)
    numbers, first = np.unique(found, return_index=True)
    numbers, first = numbers[numbers > 0], first[numbers > 0]
    assert list(numbers) == list(range(1, len(numbers) + 1))
    for number in numbers:
        one = found == number
        assert ndimage.label(one)[1] == 1
        assert one.sum() >= chosen.min_area
        assert len(np.unique(best_class(scores)[one])) == 1


def test_half_is_the_class_of_the_highest_score():
    scores = scores_of(np.random.default_rng(0), (60, 60), 4)
    np.testing.assert_array_equal(foreground(scores, 0.5), scores.argmax(0))
    two = scores_of(np.random.default_rng(0), (60, 60), 2)
    np.testing.assert_array_equal(foreground(two, 0.3), two[1] > 0.3)
    assert not foreground(np.full((2, 4, 4), 0.5), 0.5).any(), "a tie is background"


def test_touching_corners_do_not_connect():
    labels = np.zeros((6, 6), int)
    labels[:3, :3] = labels[3:, 3:] = 1
    assert label_objects(scores_from(labels)).max() == 2


def test_planes_are_looked_at_alone():
    rng = np.random.default_rng(5)
    scores = scores_of(rng, (3, 40, 50), 3)
    found = label_objects(scores, dims=2, min_area=4)
    before = 0
    for plane in range(3):
        alone = label_objects(scores[:, plane], min_area=4)
        np.testing.assert_array_equal(found[plane], np.where(alone > 0, alone + before, 0))
        before += alone.max()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"threshold": 1.5}, "threshold is 1.5: it must lie between 0 and 1"),
        ({"threshold": float("nan")}, "threshold is nan"),
        ({"min_area": -1}, "min_area is -1"),
        ({"dims": 4}, "2 or 3 axes, not 4"),
        ({"dims": 3}, "say dims=2 or dims=3"),
    ],
)
def test_wrong_settings_are_told(changes, reason):
    with pytest.raises(ValueError, match=reason):
        label_objects(np.zeros((2, 5, 5)), **changes)


def test_labels_are_no_scores():
    with pytest.raises(ValueError, match=r"shape \(5, 5\) are no scores"):
        label_objects(np.zeros((5, 5)))
