"""Cutting tensors: the same tile as in memory, on every device that torch has here."""

import dataclasses

import numpy as np
import pytest
import torch

from napari_unet.core.deformation.deformation import Deformation
from napari_unet.core.deformation.on_gpu import change_gray_tensor, cut_label_tensor, cut_tensor

DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=[
            pytest.mark.gpu,
            pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
        ],
    ),
]
TILES = [((61, 70), (200, 300)), ((9, 22, 31), (30, 40, 66)), ((60, 60), (20, 1))]


def drawn(shape, seed=0):
    return Deformation.draw(np.random.default_rng(seed), shape, gray=0.8, noise=0.1)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("shape", "big"), TILES)
@pytest.mark.parametrize("order", [1, 3])
def test_an_image(device, shape, big, order):
    tile, image = drawn(shape), np.random.default_rng(1).random((2, *big)).astype(np.float32)
    for centre in ([n * 0.4 for n in big], [-5.0] * len(big)):
        found = cut_tensor(tile, torch.from_numpy(image).to(device), centre, order)
        assert found.device.type == device
        expected = tile.cut(image, centre, order)
        np.testing.assert_allclose(found.cpu(), expected, rtol=0, atol=2e-4)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("shape", "big"), TILES)
def test_labels(device, shape, big):
    tile, labels = drawn(shape, 2), np.random.default_rng(2).integers(0, 2**40, (2, *big))
    centre = [n * 0.4 for n in big]
    for outside in (None, -1):
        found = cut_label_tensor(tile, torch.from_numpy(labels).to(device), centre, outside)
        np.testing.assert_array_equal(found.cpu(), tile.cut_labels(labels, centre, outside))


@pytest.mark.parametrize("device", DEVICES)
def test_gray_values(device):
    tile = np.random.default_rng(3).normal(0.5, 1.0, (2, 40, 50)).astype(np.float32)
    tile[0, 0, :3] = np.nan, 0.0, 1.0
    change = drawn((40, 50), 3)
    found = change_gray_tensor(change, torch.from_numpy(tile).to(device))
    np.testing.assert_allclose(found.cpu(), change.change_gray(tile), atol=2e-6)
    quiet = dataclasses.replace(Deformation.identity((40, 50)))
    np.testing.assert_array_equal(change_gray_tensor(quiet, torch.from_numpy(tile)), tile)


def test_bytes_on_the_device_stay_bytes_until_they_are_cut():
    image = np.random.default_rng(4).integers(0, 255, (90, 95), dtype=np.uint8)
    tile, tensor = drawn((40, 41)), torch.from_numpy(image)
    np.testing.assert_allclose(
        cut_tensor(tile, tensor, (45, 40)), tile.cut(image, (45, 40)), rtol=0, atol=0.05
    )
    found = cut_label_tensor(tile, tensor, (0, 40), 255)
    assert found.dtype == torch.uint8
    np.testing.assert_array_equal(found, tile.cut_labels(image, (0, 40), 255))


def test_bad_input_is_refused_in_a_sentence():
    tile, image = drawn((40, 40)), torch.zeros(60, 60)
    with pytest.raises(ValueError, match="order is 0: choose 1"):
        cut_tensor(tile, image, (0, 0), 0)
    with pytest.raises(TypeError, match="complex64 cannot be interpolated"):
        cut_tensor(tile, image.to(torch.complex64), (0, 0))
    with pytest.raises(TypeError, match="float32 are not whole numbers"):
        cut_label_tensor(tile, image, (0, 0))
    with pytest.raises(ValueError, match="outside is 300"):
        cut_label_tensor(tile, image.byte(), (0, 0), 300)
