"""Synthetic cells: as many as asked for, each in one piece, brighter than what is around them."""

import numpy as np
import pytest
from scipy import ndimage

from napari_unet.core.sampling.synthetic_cells import draw_cells


@pytest.mark.parametrize(("shape", "count"), [((96, 128), 12), ((60, 60), 1), ((24, 40, 44), 9)])
def test_every_cell_is_there_in_one_piece(shape, count):
    image, labels = draw_cells(np.random.default_rng(3), shape, count)
    assert image.shape == labels.shape == shape
    assert (image.dtype, labels.dtype) == (np.uint16, np.int32)
    assert np.unique(labels).tolist() == list(range(count + 1))
    assert all(ndimage.label(labels == number)[1] == 1 for number in range(1, count + 1))


def test_a_seed_gives_the_same_cells_and_another_one_others():
    first, again, other = (
        draw_cells(np.random.default_rng(seed), (64, 64), 5) for seed in (0, 0, 1)
    )
    for one, two, three in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, two)
        assert not np.array_equal(one, three)


def test_cells_are_brighter_and_many_of_them_touch():
    image, labels = draw_cells(np.random.default_rng(1), (200, 200), 40)
    inside, outside = image[labels > 0], image[labels == 0]
    assert np.median(inside) > 1.5 * np.median(outside)
    assert 0.15 < (labels > 0).mean() < 0.45
    pieces = ndimage.label(labels > 0, np.ones((3, 3)))[1]
    assert pieces < 0.85 * 40


@pytest.mark.parametrize(
    ("shape", "count", "words"),
    [
        ((50,), 1, "cannot be drawn"),
        ((9, 9, 9, 9), 1, "cannot be drawn"),
        ((0, 50), 1, "cannot be drawn"),
        ((50, 50), 0, "at least 1 cell"),
        ((40, 40), 100, "has room for 15"),
        ((8, 400), 3, "has room for 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(shape, count, words):
    with pytest.raises(ValueError, match=words):
        draw_cells(np.random.default_rng(0), shape, count)


def test_as_many_as_there_is_room_for_can_be_drawn():
    _, labels = draw_cells(np.random.default_rng(0), (40, 40), 15)
    assert labels.max() == 15
