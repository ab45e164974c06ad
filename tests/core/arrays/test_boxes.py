"""Boxes: cut, grown, joined, and shared among threads without a gap or an overlap."""

import threading

import numpy as np
import pytest

from napari_unet.core.arrays.boxes import box_in, grow, inside, join, shape_of, share, whole


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
