"""Rows of up-convolutions, first and last layers are those of torch in float64."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from napari_unet.core.fast_conv import pointwise
from napari_unet.core.fast_conv.buffers import plane_of
from napari_unet.core.fast_conv.pointwise import FEWEST, Image
from napari_unet.core.fast_conv.weights import panels_of_entry, panels_of_head, panels_of_rise

WIDTHS = [FEWEST, FEWEST + 1, 2 * FEWEST - 1, 2 * FEWEST, 29]


def some(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def double(array):
    return torch.from_numpy(array).double()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("inputs", "outputs"), [(16, 16), (32, 48), (64, 32)])
@pytest.mark.parametrize("rectified", [False, True])
def test_a_row_rises_to_two(width, inputs, outputs, rectified):
    weight, bias, low = some(inputs, outputs, 2, 2), some(outputs, seed=1), some(width, inputs)
    upper = np.full((2, 2 * width, outputs), np.nan, np.float32)
    panels = panels_of_rise(weight, bias, rectified)
    pointwise.up_convolve(plane_of(low[None]), 0, panels, plane_of(upper), 0)
    given = double(low).T[None, :, None]
    exact = F.conv_transpose2d(given, double(weight), double(bias), stride=2)[0].permute(1, 2, 0)
    exact = exact.relu() if rectified else exact
    assert np.abs(upper - exact.numpy()).max() < 2e-5


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("channels", "outputs"), [(1, 32), (3, 16), (5, 24)])
def test_an_image_enters(width, channels, outputs):
    weight, bias = some(outputs, channels, 3, 3), some(outputs, seed=1)
    image = some(channels, 5, width + 2)
    panels = panels_of_entry(weight, bias)
    made = np.full((3, width, len(panels.bias)), np.nan, np.float32)
    given = Image(image.ctypes.data, *image.strides[:2], channels)
    patches = np.empty((width, 9 * channels), np.float32)
    pointwise.first_layer(given, 1, panels, patches.ctypes.data, plane_of(made), 2)
    row = made[2]
    assert np.isnan(made[:2]).all()
    exact = F.conv2d(double(image[:, 1:4])[None], double(weight), double(bias)).relu()
    assert np.abs(row[:, :outputs] - exact[0, :, 0].T.numpy()).max() < 2e-5
    assert not row[:, outputs:].any()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("classes", [2, 16, 19])
def test_a_row_is_judged(width, classes):
    weight, bias, row = some(classes, 32, 1, 1), some(classes, seed=1), some(width, 32)
    panels = panels_of_head(weight, bias)
    scores = np.full((width, classes), np.nan, np.float32)
    found = np.empty((width, len(panels.bias)), np.float32)
    pointwise.class_scores(
        plane_of(row[None]), 0, panels, found.ctypes.data, plane_of(scores[None]), 0
    )
    exact = double(row) @ double(weight)[:, :, 0, 0].T + double(bias)
    assert np.abs(scores - exact.numpy()).max() < 2e-5
