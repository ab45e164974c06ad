"""The bell and the class weights, by numbers worked out by hand."""

import numpy as np
import pytest

from napari_unet import TrainSettings
from napari_unet.core.weights.formulas import CUT, Falk, Paper, _bell


def test_bell_follows_exp_down_to_the_cut():
    first, second = np.meshgrid(np.arange(0, 20_000, 7), np.arange(0, 40_000, 31))
    distance = np.sqrt(first) + np.sqrt(second)  # up to 340 px, at 70 px a standard deviation
    found = _bell(first.astype(np.int32), second.astype(np.int32), 70.0, 10.0) / 10
    error = np.abs(found - np.exp(-(distance**2) / 2 / 70**2))
    assert error[distance < CUT * 70].max() < 4e-7
    assert error.max() < 5e-5
    assert (found[distance > CUT * 70 + 0.1] == 0).all()


def test_a_gap_of_10_px_between_two_objects():
    """10 · exp(-10² / 50) = 1.353; the sum of squares would give 3.68, without square 8.19."""
    squares = np.full(1, 25, np.int32)
    assert Paper(10.0, 5.0).nearness(squares, squares)[0] == pytest.approx(1.35335, abs=1e-5)


def test_class_weights():
    counts = np.zeros(256, int)
    counts[[0, 1, 255]] = 60, 20, 999
    paper = Paper().class_weights(counts)
    assert paper[[0, 1, 255]].tolist() == pytest.approx([80 / 120, 80 / 40, 0])
    assert Paper(balance=False).class_weights(counts)[[0, 1, 255]].tolist() == [1, 1, 0]
    assert Falk().class_weights(counts)[[0, 1, 2, 255]].tolist() == pytest.approx([0.1, 1, 1, 0])


def test_falk_near_one_object():
    one, none = np.full(1, 100, np.int32), np.full(1, 1 << 29, np.int32)
    assert Falk().nearness(one, none)[0] == pytest.approx(0.9 * np.exp(-0.5), abs=1e-5)


def test_the_defaults_of_falk_are_written_alike():
    assert (TrainSettings().v, TrainSettings().sigma1) == (Falk.v, Falk.sigma1)
    settings = TrainSettings(weighting="falk", v=0.25, sigma1=3.0)
    assert TrainSettings.from_json(settings.to_json()) == settings
    with pytest.raises(ValueError, match=r"v is 0\.0"):
        TrainSettings(v=0.0)
