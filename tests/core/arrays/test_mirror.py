"""Mirrored context equals numpy's reflect padding and reads only the pixels it needs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.core.arrays.boxes import mirror_indices, read_mirrored

steady = settings(deadline=None, derandomize=True)


@steady
@given(st.integers(1, 30), st.integers(-200, 200), st.integers(1, 150))
def test_indices_are_those_of_numpy_reflect(length, start, count):
    padded = np.pad(np.arange(length), 400, mode="reflect" if length > 1 else "edge")
    expected = padded[400 + start : 400 + start + count]
    assert np.array_equal(mirror_indices(start, start + count, length), expected)


@steady
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4)),
    st.tuples(st.integers(-20, 20), st.integers(-20, 20)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_a_box_of_pixels_is_that_of_the_padded_image(shape, start, count):
    image = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    padded = image
    for axis in range(2):
        width = [(0, 0)] * 3
        width[axis] = (60, 60)
        padded = np.pad(padded, width, mode="reflect" if shape[axis] > 1 else "edge")
    places = [slice(s, s + n) for s, n in zip(start, count, strict=True)]
    inside = tuple(slice(p.start + 60, p.stop + 60) for p in places)
    found = read_mirrored(image, (*places, slice(0, shape[2])))
    assert found.dtype == image.dtype
    assert np.array_equal(found, padded[inside])


class Watched:
    """An image of 100 000 x 100 000 pixels that notes what is asked of it."""

    shape = (100_000, 100_000)

    def __init__(self):
        self.asked = []

    def __getitem__(self, box):
        self.asked.append(box)
        rows, columns = (np.arange(place.start, place.stop) for place in box)
        return rows[:, None] * self.shape[1] + columns


def test_of_a_large_image_only_the_pixels_needed_are_read():
    image = Watched()
    corner = read_mirrored(image, (slice(-92, 480), slice(99_700, 100_272)))
    assert image.asked == [(slice(0, 480), slice(99_700, 100_000))]
    assert corner.shape == (572, 572)
    assert corner[0, 0] == 92 * 100_000 + 99_700
    assert corner[92, 300] == 99_998  # the edge pixel is not repeated


def test_far_outside_less_than_half_the_box_is_read():
    image = Watched()
    read_mirrored(image, (slice(-92, -50), slice(0, 10)))
    assert image.asked == [(slice(51, 93), slice(0, 10))]


@pytest.mark.parametrize(("places", "words"), [((slice(0, 1),), "1 slices .* 2 axes")])
def test_slices_that_do_not_fit_are_refused(places, words):
    with pytest.raises(ValueError, match=words):
        read_mirrored(np.zeros((2, 2)), places)


def test_an_axis_without_pixels_is_refused():
    with pytest.raises(ValueError, match="0 pixels cannot be mirrored"):
        mirror_indices(0, 4, 0)
