"""Panels: colours that can be told apart, lines where the grid runs, and one PNG of them all."""

import colorsys
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from napari_unet.cli.panels import (
    BACKGROUND,
    GAP,
    HEAT,
    TITLE,
    draw_panels,
    enlarged,
    errors_title,
    framed,
    gray,
    heat,
    ruled,
    tinted,
    with_errors,
)
from napari_unet.core.evaluation import error_layer

BLACK = np.zeros((40, 50, 3), np.uint8)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_up_to_two_channels_are_gray_and_more_are_colour(channels):
    image = np.random.default_rng(0).uniform(-0.2, 1.2, (channels, 9, 11)).astype(np.float32)
    picture = gray(image)
    assert (picture.shape, picture.dtype) == ((9, 11, 3), np.uint8)
    for colour in range(3):
        expected = np.clip(image[colour if channels > 2 else 0], 0, 1) * 255
        np.testing.assert_allclose(picture[..., colour], expected, atol=1)


def test_ids_have_bright_colours_that_differ_and_the_background_stays():
    labels = np.arange(12).reshape(3, 4)
    picture = tinted(np.full((3, 4, 3), 90, np.uint8), labels, strength=1.0)
    assert picture[0, 0].tolist() == [90, 90, 90]
    shades = picture.reshape(-1, 3)[1:] / 255
    hues, saturations, values = zip(*(colorsys.rgb_to_hsv(*one) for one in shades), strict=True)
    assert min(saturations) > 0.98
    assert min(values) > 0.98
    assert all(0.1 < abs(a - b) < 0.9 for a, b in pairwise(hues))


def test_heat_rises_from_dark_to_bright_and_ends_at_the_top():
    colours = heat(np.array([-1.0, 0.0, 1.0, 2.0, 4.0, 9.0]), top=4.0)
    np.testing.assert_array_equal(colours[0], colours[1])
    np.testing.assert_array_equal(colours[4], colours[5])
    np.testing.assert_array_equal(colours[[1, 2, 3, 4]], HEAT[[0, 1, 2, 4]])
    brightness = heat(np.linspace(0, 1, 50), 1.0) @ (0.299, 0.587, 0.114)
    assert (np.diff(brightness) > -1).all()


def test_the_grid_is_drawn_where_coordinates_cross_its_lines():
    rows, columns = np.mgrid[:40, :50].astype(float)
    lines = ruled(BLACK, np.stack([rows - 3, columns + 5]), spacing=16.0)
    drawn = lines.any(-1)
    assert np.flatnonzero(drawn.all(1)).tolist() == [2, 18, 34]  # the last before 0, 16, 32
    assert np.flatnonzero(drawn.all(0)).tolist() == [10, 26, 42]
    assert not BLACK.any(), "the picture given is not drawn on"


def test_the_frame_lies_inside_by_the_border():
    drawn = framed(BLACK, 6).any(-1)
    expected = np.zeros((40, 50), bool)
    expected[6:-6, 6:-6] = True
    expected[8:-8, 8:-8] = False
    np.testing.assert_array_equal(drawn, expected)


def test_errors_are_laid_over_and_counted_in_words():
    truth = np.zeros((40, 50), np.int32)
    truth[5:15, 5:15], truth[25:35, 25:35] = 1, 2
    errors = error_layer(truth, np.where(truth == 1, 1, 0))
    picture = with_errors(BLACK, errors, strength=1.0)
    np.testing.assert_array_equal(picture.any(-1), truth == 2)
    assert errors_title(errors) == "errors: 1 missed"
    assert errors_title(error_layer(truth, truth)) == "errors: none"


@pytest.mark.parametrize(("width", "times"), [(50, 10), (300, 2), (2000, 1)])
def test_small_pictures_are_enlarged_by_whole_pixels(width, times):
    picture = np.random.default_rng(0).integers(0, 255, (3, width, 3), np.uint8)
    np.testing.assert_array_equal(enlarged(picture), np.kron(picture, np.ones((times, times, 1))))


def test_every_panel_is_in_the_file_at_its_place(tmp_path):
    shades = [np.full((20 + n, 30, 3), 50 * (n + 1), np.uint8) for n in range(4)]
    draw_panels(tmp_path / "a.png", [(f"panel {n}", shade) for n, shade in enumerate(shades)])
    with Image.open(tmp_path / "a.png") as file:
        sheet = np.asarray(file)
    assert sheet.shape == (GAP + 22 + TITLE + GAP + 23 + TITLE + GAP, 3 * (30 + GAP) + GAP, 3)
    for number, shade in enumerate(shades):
        top = GAP + TITLE + (22 + TITLE + GAP) * (number // 3)
        left = GAP + (30 + GAP) * (number % 3)
        height = shade.shape[0]
        np.testing.assert_array_equal(sheet[top : top + height, left : left + 30], shade)
    assert (sheet[:GAP] == BACKGROUND).all()
    assert (sheet[GAP : GAP + TITLE] != BACKGROUND).any(), "a title is written"
