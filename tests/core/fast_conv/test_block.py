"""Winograd's convolution is the convolution: against float64 sums of nine shifted products."""

import numpy as np
import pytest

from napari_unet.core.fast_conv.block import NARROW, SQUARES, BlockBuffers, convolve, room_sizes
from napari_unet.core.fast_conv.buffers import NOTHING, plane_of
from napari_unet.core.fast_conv.weights import kernels_of

CLOSE = 2e-5  # where pixels have a standard deviation of 1


def weights(inputs, outputs, seed=0):
    random = np.random.default_rng(seed)
    kernels = random.normal(0, (2 / (9 * inputs)) ** 0.5, (outputs, inputs, 3, 3))
    return kernels.astype(np.float32), random.normal(0, 0.3, outputs).astype(np.float32)


def some_pixels(*shape, seed=1):
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def convolved(parts, kernels, bias, size=None):
    """Convolve parts (height, width, channels) to the ``size`` of the result."""
    layer = kernels_of(kernels, bias, [part.shape[2] for part in parts])
    out = np.full((*(size or [n - 2 for n in parts[0].shape[:2]]), len(layer.bias)), np.nan, "f4")
    convolve_into(plane_of(out), parts, layer)
    return out


def convolve_into(out, parts, layer):
    sizes = room_sizes(layer.values.shape[2], len(layer.bias))
    room = [np.zeros(n, np.float32) for n in sizes]
    planes = (*map(plane_of, parts), NOTHING)[:2]
    convolve(planes, layer, out, BlockBuffers(*(array.ctypes.data for array in room)))


def expected(x, kernels, bias):
    """Nine shifted products in float64, the bias, and nothing below 0."""
    height, width = (n - 2 for n in x.shape[:2])
    found = np.zeros((height, width, len(kernels)))
    for i in range(3):
        for j in range(3):
            part = x[i : i + height, j : j + width].astype(np.float64)
            found += part @ kernels[:, :, i, j].T.astype(np.float64)
    return np.maximum(found + bias, 0)


@pytest.mark.parametrize("inputs", [16, 32, 48, 128])
@pytest.mark.parametrize("outputs", [16, 48, 64])
def test_channels(inputs, outputs):
    made, x = weights(inputs, outputs), some_pixels(35, 30, inputs)
    assert np.abs(convolved([x], *made) - expected(x, *made)).max() < CLOSE


@pytest.mark.parametrize("inputs", [12, 17])
def test_missing_channels_are_zeros(inputs):
    kernels, bias = weights(inputs, 20)
    x = some_pixels(22, 15, inputs)
    filled = np.zeros((22, 15, 16 * -(-inputs // 16)), np.float32)
    filled[..., :inputs] = x
    out = np.full((20, 13, 32), np.nan, np.float32)
    convolve_into(plane_of(out), [filled], kernels_of(kernels, bias, [inputs]))
    assert np.abs(out[..., :20] - expected(x, kernels, bias)).max() < CLOSE
    assert not out[..., 20:].any()


@pytest.mark.parametrize("height", [1, 2, 3, 4, 5, 17, 18, 19, 20])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 13, 64, 65, 66, 67])
def test_sizes(height, width):
    made, x = weights(16, 16), some_pixels(height + 2, width + 2, 16)
    assert np.abs(convolved([x], *made) - expected(x, *made)).max() < CLOSE


def test_two_parts_are_convolved_as_if_joined():
    made = weights(48, 32)
    first, second = some_pixels(41, 38, 32), some_pixels(41, 38, 16, seed=2)
    joined = np.concatenate((first, second), 2)
    assert np.array_equal(convolved([first, second], *made), convolved([joined], *made))


def test_windows_are_read_and_written_as_arrays_are():
    """Rows and columns beyond what is needed do not matter, and none is written."""
    made, x = weights(16, 16), some_pixels(30, 37, 16)
    window, around = x[3:, 5:33], np.zeros((40, 40, 16), np.float32)
    convolve_into(plane_of(around[8:28, 4:30]), [window], kernels_of(*made, [16]))
    asked = convolved([np.ascontiguousarray(window)], *made)[:20]
    assert np.array_equal(around[8:28, 4:30], asked)
    around[8:28, 4:30] = 0
    assert not around.any()


def test_the_error_is_about_twice_that_of_a_sum_term_by_term():
    kernels, bias = weights(256, 64)
    x = some_pixels(50, 50, 256)
    exact = expected(x, kernels, bias)
    summed = np.zeros(exact.shape, np.float32)
    for i in range(3):
        for j in range(3):
            for channel in range(256):
                summed += x[i : i + 48, j : j + 48, channel, None] * kernels[:, channel, i, j]
    summed = np.maximum(summed + bias, 0)
    ours = convolved([x], kernels, bias)
    assert np.sqrt(np.mean((ours - exact) ** 2)) < 2.5 * np.sqrt(np.mean((summed - exact) ** 2))


@pytest.mark.parametrize("channels", [16, NARROW])
def test_a_square_does_not_depend_on_the_image_around_it(channels):
    """A shift by whole squares changes no bit, wherever blocks begin."""
    made, x = weights(channels, 16), some_pixels(62, 202, channels)
    assert 3 * SQUARES < 15 * 50
    whole = convolved([x], *made)
    assert np.array_equal(convolved([x[4:, 12:].copy()], *made), whole[4:, 12:])


def test_numbers_that_are_none_are_not_hidden():
    made, x = weights(16, 16), some_pixels(30, 30, 16)
    x[10, 11, 3] = np.nan
    assert np.isnan(convolved([x], *made)).any()
