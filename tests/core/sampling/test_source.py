"""A labelled pixel is drawn as often as stated, from any number of axes."""

import numpy as np
import pytest

from napari_unet.core.sampling.source import RARE, LabelledPixels


def test_every_labelled_pixel_of_a_class_comes_up_as_often():
    rng = np.random.default_rng(3)
    classes = np.full((3, 4, 5), 255, np.uint8)
    classes[0, 1, 2], classes[1, :, 3], classes[2, 3] = 0, 1, 1
    drawn = np.zeros(classes.shape, int)
    places = LabelledPixels(classes)
    draws = 20_000
    for _ in range(draws):
        drawn[places.draw(rng)] += 1
    assert not drawn[classes == 255].any()
    zeros, ones = (classes == 0).sum(), (classes == 1).sum()
    for label, count in ((0, zeros), (1, ones)):
        share = RARE / 2 + (1 - RARE) * count / (zeros + ones)
        expected = draws * share / count
        assert np.abs(drawn[classes == label] - expected).max() < 5 * expected**0.5


def test_a_rare_class_is_in_a_quarter_of_the_draws():
    classes = np.zeros((200, 200), np.uint8)
    classes[7, 11] = 4
    places, rng = LabelledPixels(classes), np.random.default_rng(0)
    share = np.mean([places.draw(rng) == (7, 11) for _ in range(4000)])
    assert share == pytest.approx(0.25, abs=0.03)


def test_nothing_labelled_is_said():
    with pytest.raises(ValueError, match="nothing is labelled"):
        LabelledPixels(np.full((4, 4), 255, np.uint8)).draw(np.random.default_rng(0))
