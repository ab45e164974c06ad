"""Boxes: cut, grown, joined, and shared among threads without a gap or an overlap."""

import threading

import numpy as np
import pytest

from napari_unet.core.arrays.boxes import (
    box_in,
    grow,
    inside,
    join,
    pieces,
    shape_of,
    share,
    split,
    whole,
)


def box(*ends):
    return tuple(slice(a, b) for a, b in ends)


def test_a_box_grows_up_to_the_edge():
    assert grow(box((2, 3), (0, 9)), 4, (5, 20)) == box((0, 5), (0, 13))


def test_a_box_in_a_box():
    outer, inner = box((2, 9), (3, 8)), box((4, 6), (3, 4))
    array = np.arange(100).reshape(10, 10)
    np.testing.assert_array_equal(array[outer][inside(outer, inner)], array[inner])
    assert join(inner, box((0, 5), (7, 9))) == box((0, 6), (3, 9))


def test_open_and_negative_ends_are_filled_in():
    found = box_in((10, 20), (slice(None, -2), slice(15, 99)))
    assert found == box((0, 8), (15, 20))
    assert shape_of(found) == (8, 5)
    assert shape_of(box_in((10,), (slice(7, 3),))) == (0,)


def test_a_box_is_split_into_parts_in_the_order_of_memory():
    assert list(split(box((2, 7), (10, 13)), (3, 2))) == [
        box((2, 5), (10, 12)),
        box((2, 5), (12, 13)),
        box((5, 7), (10, 12)),
        box((5, 7), (12, 13)),
    ]
    assert list(split(box((4, 4), (0, 9)), (2, 2))) == []
    assert list(split((), ())) == [()], "an array without axes is one pixel"


@pytest.mark.parametrize(
    ("shape", "pixels", "edges"),
    [
        ((3, 10, 100), 3000, (3, 10, 100)),
        ((3, 10, 100), 2999, (2, 10, 100)),
        ((3, 10, 100), 999, (1, 9, 100)),
        ((3, 10, 100), 99, (1, 1, 99)),
        ((3, 10, 100), 0, (1, 1, 1)),
        ((5, 0, 4), 100, (5, 1, 4)),
    ],
)
def test_pieces_have_at_most_so_many_pixels_and_whole_last_axes(shape, pixels, edges):
    assert list(pieces(shape, pixels)) == list(split(whole(shape), edges))


@pytest.mark.parametrize("edges", [(4, 7), (1, 100), (100, 100)])
def test_parts_cover_every_pixel_once(edges):
    counts, lock = np.zeros((13, 29), int), threading.Lock()

    def work(part):
        with lock:
            counts[part] += 1

    share(work, whole(counts.shape), edges)
    assert (counts == 1).all()


def test_an_error_in_a_thread_is_not_lost():
    with pytest.raises(ZeroDivisionError):
        share(lambda part: 1 / part[0].start, box((0, 10)), (1,))
