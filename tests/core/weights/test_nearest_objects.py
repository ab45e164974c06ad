"""The two nearest objects against one distance transform an object."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from napari_unet.core.arrays.boxes import grow, inside, whole
from napari_unet.core.weights.nearest_objects import FAR, NearestTwo, nearest_two

COMPILED = settings(deadline=None, derandomize=True, max_examples=60)


def one_transform_an_object(labels):
    first, second = np.full((2, *labels.shape), np.inf)
    for i in set(np.unique(labels).tolist()) - {0}:
        away = distance_transform_edt(labels != i)
        second = np.minimum(second, np.maximum(first, away))
        first = np.minimum(first, away)
    return first, second


@st.composite
def sprinkled(draw):
    """Labels from a few pixels to a crowd, in two or three dimensions."""
    dims = draw(st.sampled_from([2, 2, 3]))
    shape = tuple(draw(st.integers(1, 40 if dims == 2 else 12)) for _ in range(dims))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    ids = rng.integers(1, 1 + draw(st.integers(1, 9)), shape)
    return np.where(rng.random(shape) < draw(st.floats(0, 0.4)), ids, 0).astype(np.int32)


@COMPILED
@given(sprinkled(), st.floats(0, 20), st.floats(0, 30))
def test_squares_within_reach_are_exact(labels, first, both):
    truth1, truth2 = one_transform_an_object(labels)
    one, two = nearest_two(labels, whole(labels.shape), NearestTwo(first, both))
    outside = labels == 0
    near = outside & (truth1 <= first)
    np.testing.assert_array_equal(one[near], np.rint(truth1[near] ** 2))
    pair = outside & (truth1 + truth2 <= both)
    np.testing.assert_array_equal(one[pair], np.rint(truth1[pair] ** 2))
    np.testing.assert_array_equal(two[pair], np.rint(truth2[pair] ** 2))
    assert not one[~outside].any()


@COMPILED
@given(sprinkled(), st.floats(0, 30))
def test_beyond_the_reach_nothing_is_too_near(labels, both):
    truth1, truth2 = one_transform_an_object(labels)
    one, two = nearest_two(labels, whole(labels.shape), NearestTwo(both / 2, both))
    outside = labels == 0
    for found, truth in ((one, truth1), (two, truth2)):
        assert np.all((found >= truth**2 - 1e-6) | (found == FAR), where=outside)


@COMPILED
@given(sprinkled(), st.data())
def test_a_box_within_its_reach_knows_all_it_needs(labels, data):
    box = []
    for edge in labels.shape:
        start = data.draw(st.integers(0, edge - 1))
        box.append(slice(start, data.draw(st.integers(start + 1, edge))))
    box, reach = tuple(box), NearestTwo(4.0, 7.5)
    around = grow(box, reach.pixels, labels.shape)
    part = nearest_two(np.ascontiguousarray(labels[around]), inside(around, box), reach)
    everything = nearest_two(labels, whole(labels.shape), reach)
    roots = [np.sqrt(np.stack(found)) for found in (part, [f[box] for f in everything])]
    near, pair = (labels[box] == 0) & (roots[1][0] <= 4.0), roots[1].sum(0) <= 7.5
    np.testing.assert_array_equal(roots[0][0][near], roots[1][0][near])
    np.testing.assert_array_equal(roots[0][:, pair], roots[1][:, pair])
    assert np.all(roots[0].sum(0)[~pair] > 7.5)


def test_ids_beyond_32_bits():
    labels = np.zeros((1, 9), np.int64)
    labels[0, [0, 2, 8]] = 1, 1 + 2**32, 2**40
    one, two = nearest_two(labels, whole(labels.shape), NearestTwo(10.0, 20.0))
    assert one.tolist() == [[0, 1, 0, 1, 4, 9, 4, 1, 0]]
    assert two[0, [1, 3, 4, 5, 6, 7]].tolist() == [1, 9, 16, 9, 16, 25]


def test_long_distances_do_not_overflow():
    labels = np.zeros((2, 9001), np.int32)
    labels[0, 0], labels[0, 9000] = 1, 2
    one, two = nearest_two(labels, whole(labels.shape), NearestTwo(9000.0, 9500.0))
    assert (one[0, 4500], two[0, 4500]) == (4500**2, 4500**2)
    assert (one[0, 1], two[0, 1]) == (1, 8999**2)
