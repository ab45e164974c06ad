"""The ridge against one dilation an object, and what it promises in words."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation

from napari_unet.core.weights.touching_ridge import Ridge, open_ridge

COMPILED = settings(deadline=None, derandomize=True, max_examples=60)


@st.composite
def crowded(draw):
    """Boxes painted over each other: touching, enclosed, thin, cut by the edge, in pieces."""
    dims = draw(st.sampled_from([2, 2, 3]))
    edge = 30 if dims == 2 else 9
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = np.zeros(rng.integers(1, edge, dims), np.int32)
    for _ in range(draw(st.integers(0, 25))):
        start = rng.integers(-3, edge, dims)
        stop = start + rng.integers(1, 9, dims)
        box = tuple(slice(max(0, a), max(0, b)) for a, b in zip(start, stop, strict=True))
        labels[box] = rng.integers(0, 9)
    return labels


def one_dilation_an_object(labels):
    """Take every pixel another object touches, unless the object would vanish."""
    opened = labels.copy()
    for i in set(np.unique(labels).tolist()) - {0}:
        others = (labels != 0) & (labels != i)
        touched = (labels == i) & binary_dilation(others, np.ones((3,) * labels.ndim))
        if touched.sum() < (labels == i).sum():
            opened[touched] = 0
    return opened


@COMPILED
@given(crowded())
def test_ridge_is_what_dilations_say(labels):
    np.testing.assert_array_equal(open_ridge(labels), one_dilation_an_object(labels))


@COMPILED
@given(crowded(), st.data())
def test_ridge_follows_the_brush(labels, data):
    ridge = Ridge(labels.copy())
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    for _ in range(8):
        start = rng.integers(0, labels.shape)
        box = tuple(
            slice(a, b) for a, b in zip(start, start + rng.integers(1, 6, labels.ndim), strict=True)
        )
        stroke = np.full_like(labels[box], rng.integers(0, 12))
        before = ridge.open.copy()
        changed = ridge.update(
            tuple(slice(*s.indices(n)[:2]) for s, n in zip(box, labels.shape, strict=True)), stroke
        )
        labels[box] = stroke
        np.testing.assert_array_equal(ridge.open, Ridge(labels.copy()).open)
        before[changed] = ridge.open[changed]
        np.testing.assert_array_equal(before, ridge.open)  # nothing outside of `changed` did


@COMPILED
@given(crowded(), st.integers(0, 2**32 - 1))
def test_ridge_favours_nobody(labels, seed):
    opened = open_ridge(labels) != 0
    for axis in range(labels.ndim):
        np.testing.assert_array_equal(open_ridge(np.flip(labels, axis)) != 0, np.flip(opened, axis))
    np.testing.assert_array_equal(open_ridge(labels.T) != 0, opened.T)
    names = np.random.default_rng(seed).permutation(np.array([*range(1, 9)]) * 10**9)
    renamed = np.concatenate([[0], names])[labels]
    np.testing.assert_array_equal(open_ridge(renamed), np.where(opened, renamed, 0))


def test_a_pixel_from_each_side():
    labels = np.array([[1] * 4 + [2] * 4] * 3, np.uint16)
    opened = open_ridge(labels)
    assert opened.dtype == np.uint16
    assert opened.tolist() == [[1, 1, 1, 0, 0, 2, 2, 2]] * 3
    assert labels.tolist() == [[1] * 4 + [2] * 4] * 3  # the input is not changed


def test_corners_touch_too():
    labels = np.kron(np.diag([1, 2]), np.ones((2, 2), int))
    assert open_ridge(labels).tolist() == [[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 2], [0, 0, 2, 2]]


def test_thin_objects_do_not_vanish():
    """A line between two cells stays whole and the cells yield; two lines go on touching."""
    cells = np.array([[1, 1, 1, 2, 3, 3, 3]] * 3)
    assert open_ridge(cells).tolist() == [[1, 1, 0, 2, 0, 3, 3]] * 3
    lines = np.array([[1] * 5, [2] * 5])
    assert open_ridge(lines).tolist() == lines.tolist()


def test_planes_of_a_stack_do_not_touch_each_other():
    stack = np.zeros((2, 5, 8), int)
    stack[0, :, :4], stack[1, :, 4:] = 1, 2
    assert np.array_equal(open_ridge(stack, dims=2), stack)
    assert not np.array_equal(open_ridge(stack), stack)


def test_a_stroke_can_end_the_thinness_of_a_distant_object():
    labels = np.zeros((40, 7), np.int32)
    labels[:, :3], labels[:, 3], labels[:, 4:] = 1, 2, 3  # a line of 40 px between two cells
    ridge = Ridge(labels)
    assert not ridge.open[:, 3].any()
    ridge.update((slice(0, 4), slice(0, 7)), np.full((4, 7), 2, np.int32))
    assert ridge.open[5:, 3].all()


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (1, 1), (0, 3, 3)])
def test_nothing_to_open(shape):
    assert open_ridge(np.ones(shape, int)).shape == shape
