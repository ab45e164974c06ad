"""Weights in the order in which they are read: channels in sixteens, and zeros where none are."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from napari_unet.core.fast_conv.weights import (
    Layers,
    in_sixteens,
    kernels_of,
    panels_of_entry,
    panels_of_head,
    panels_of_rise,
)


def some(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


@pytest.mark.parametrize(("channels", "computed"), [(1, 16), (16, 16), (17, 32), (48, 48)])
def test_channels_come_in_sixteens(channels, computed):
    assert in_sixteens(channels) == computed


def matrices(panels):
    """Return (places, inputs, outputs) of panels, as they are multiplied."""
    places, blocks, inputs, columns = panels.weights.shape
    return panels.weights.transpose(0, 2, 1, 3).reshape(places, inputs, blocks * columns)


def test_each_part_of_the_inputs_is_filled_up_by_itself():
    weight, bias = some(20, 12 + 17, 3, 3), some(20, seed=1)
    made = kernels_of(weight, bias, [12, 17])
    assert made.values.shape == (36, 2, 16 + 32, 16)
    where = [*range(12), *range(16, 16 + 17)]
    missing = sorted(set(range(48)) - set(where))
    assert not made.values[:, :, missing].any()
    assert not made.values[:, 1, :, 4:].any(), "outputs that are missing"
    np.testing.assert_array_equal(made.bias, np.pad(bias, (0, 12)))
    plain = kernels_of(np.ascontiguousarray(weight[:16, :12]), bias[:16], [12])
    np.testing.assert_array_equal(made.values[:, 0, :12], plain.values[:, 0, :12])


def test_the_values_of_a_kernel_give_the_sums_of_its_taps():
    """So those of two kernels added are added; outputs stay in their order."""
    weight = some(16, 16, 3, 3)
    values = kernels_of(weight, np.zeros(16, np.float32), [16]).values
    double = kernels_of(2 * weight, np.zeros(16, np.float32), [16]).values
    np.testing.assert_allclose(double, 2 * values, rtol=1e-6)
    other = some(16, 16, 3, 3, seed=1)
    both = kernels_of(weight + other, np.zeros(16, np.float32), [16]).values
    alone = kernels_of(other, np.zeros(16, np.float32), [16]).values
    np.testing.assert_allclose(both, values + alone, atol=1e-5)
    moved = kernels_of(weight[::-1].copy(), np.zeros(16, np.float32), [16]).values
    np.testing.assert_array_equal(moved, values[..., ::-1])


def test_four_places_of_a_rise_are_those_of_torch():
    weight, bias, pixel = some(12, 20, 2, 2), some(20, seed=1), some(12, seed=2)
    panels = panels_of_rise(weight, bias, True)
    assert panels.rectified
    found = np.pad(pixel, (0, 4)) @ matrices(panels) + panels.bias
    given = torch.from_numpy(pixel)[None, :, None, None]
    exact = F.conv_transpose2d(given, *map(torch.from_numpy, (weight, bias)), stride=2)[0]
    np.testing.assert_allclose(found[:, :20].reshape(2, 2, 20), exact.permute(1, 2, 0), atol=1e-5)
    assert not found[:, 20:].any()


def test_an_entry_multiplies_patches_and_a_head_pixels():
    weight, bias, patch = some(20, 2, 3, 3), some(20, seed=1), some(2, 3, 3, seed=2)
    panels = panels_of_entry(weight, bias)
    found = (patch.reshape(1, -1) @ matrices(panels)[0] + panels.bias)[0]
    exact = np.tensordot(weight, patch, 3) + bias
    np.testing.assert_allclose(found[:20], exact, atol=1e-5)
    assert panels.rectified
    weight, bias, pixel = some(3, 20, 1, 1), some(3, seed=1), some(20, seed=2)
    panels = panels_of_head(weight, bias)
    found = np.pad(pixel, (0, 12)) @ matrices(panels)[0] + panels.bias
    np.testing.assert_allclose(found[:3], weight[:, :, 0, 0] @ pixel + bias, atol=1e-5)
    assert not panels.rectified


def test_the_bytes_are_those_of_the_values_of_every_kernel():
    one = kernels_of(some(16, 16, 3, 3), np.zeros(16, np.float32), [16])
    wide = kernels_of(some(32, 16, 3, 3), np.zeros(32, np.float32), [16])
    head = panels_of_head(some(2, 16, 1, 1), np.zeros(2, np.float32))
    layers = Layers(head, [(None, one)], (one, wide), [head], [(wide, one)], head, 2, True)
    assert [kernel.values.nbytes for kernel in layers.kernels] == [
        kernel.values.nbytes for kernel in (one, one, wide, wide, one)
    ]
    assert layers.nbytes == 36 * 16 * 4 * (3 * 16 + 2 * 32)
