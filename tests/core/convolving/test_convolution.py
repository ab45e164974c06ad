"""Winograd's convolution is the convolution: against float64 sums of nine shifted products."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from napari_unet.core.convolving.block import SQUARES
from napari_unet.core.convolving.convolution import FEW, WinogradConvolution

LAST = torch.channels_last
CLOSE = 2e-5  # where pixels have a standard deviation of 1


@pytest.fixture
def _keep_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def layer(inputs, outputs, seed=0):
    random = np.random.default_rng(seed)
    kernels = random.normal(0, (2 / (9 * inputs)) ** 0.5, (outputs, inputs, 3, 3))
    bias = random.normal(0, 0.3, outputs)
    kernels = torch.from_numpy(kernels.astype(np.float32)).contiguous(memory_format=LAST)
    return WinogradConvolution(kernels, torch.from_numpy(bias.astype(np.float32)))


def some_pixels(*shape, seed=1):
    random = np.random.default_rng(seed)
    return torch.from_numpy(random.normal(0, 1, shape).astype(np.float32)).contiguous(
        memory_format=LAST
    )


def expected(x, made):
    """Nine shifted products in float64, the bias, and nothing below 0."""
    x, kernels = x.double().numpy(), made.weight.double().numpy()
    height, width = (n - 2 for n in x.shape[2:])
    found = np.zeros((len(x), len(kernels), height, width))
    for i in range(3):
        for j in range(3):
            part = x[:, :, i : i + height, j : j + width]
            found += np.einsum("bcyx,oc->boyx", part, kernels[:, :, i, j])
    return np.maximum(found + made.bias.double().numpy()[:, None, None], 0)


@pytest.mark.parametrize("inputs", [16, 32, 48, 128])
@pytest.mark.parametrize("outputs", [16, 48, 64])
def test_channels(inputs, outputs):
    made = layer(inputs, outputs)
    x = some_pixels(1, inputs, 35, 30)
    found = made(x)
    assert found.shape == (1, outputs, 33, 28)
    assert found.is_contiguous(memory_format=LAST)
    assert np.abs(found.numpy() - expected(x, made)).max() < CLOSE


@pytest.mark.parametrize("height", [1, 2, 3, 4, 5, 17, 18, 19, 20])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 13, 64, 65, 66, 67])
def test_sizes(height, width):
    made = layer(16, 16)
    x = some_pixels(2, 16, height + 2, width + 2)
    found = made(x)
    assert found.shape == (2, 16, height, width)
    assert np.abs(found.numpy() - expected(x, made)).max() < CLOSE


@pytest.mark.parametrize("width", [1, 3, 5, 7])
def test_narrow_images_of_many_squares(width):
    """Fewer columns than a square reads, and enough squares not to be torch's."""
    made = layer(16, 16)
    x = some_pixels(1, 16, 4 * FEW + 3, width + 2)
    assert np.abs(made(x).numpy() - expected(x, made)).max() < CLOSE


def test_a_window_and_a_copy_are_convolved_as_if_joined():
    made = layer(48, 32)
    first, second = some_pixels(1, 32, 41, 38), some_pixels(1, 16, 60, 50, seed=2)
    window = second[:, :, 7:48, 5:43]
    found = made(first, window)
    assert np.abs(found.numpy() - expected(torch.cat((first, window), 1), made)).max() < CLOSE
    plain = first.contiguous(memory_format=torch.contiguous_format)
    assert torch.equal(made(plain, window.contiguous()), found)
    small = made(first[:, :, :9, :9], window[:, :, :9, :9])
    assert torch.allclose(small, found[:, :, :7, :7], rtol=0, atol=CLOSE)


def test_the_error_is_about_twice_that_of_torch():
    made = layer(256, 64)
    x = some_pixels(1, 256, 50, 50)
    exact = expected(x, made)
    torchs = torch.nn.functional.conv2d(x, made.weight, made.bias).relu().numpy()
    ours = made(x).numpy()
    assert np.sqrt(np.mean((ours - exact) ** 2)) < 3 * np.sqrt(np.mean((torchs - exact) ** 2))


@pytest.mark.usefixtures("_keep_threads")
def test_no_bit_depends_on_the_number_of_threads():
    made, x = layer(32, 32), some_pixels(1, 32, 90, 101)
    assert 5 * SQUARES < 22 * 25
    torch.set_num_threads(1)
    alone = made(x)
    for threads in (2, 3, 7):
        torch.set_num_threads(threads)
        assert torch.equal(made(x), alone)


def test_nothing_is_shared_between_callers():
    made = layer(32, 32)
    given = [some_pixels(1, 32, 50 + n, 70, seed=n) for n in range(8)]
    alone = [made(x) for x in given]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(made, given))
    assert all(map(torch.equal, alone, together))


def test_a_square_does_not_depend_on_the_image_around_it():
    """A shift by whole squares changes no bit, wherever blocks begin."""
    made, x = layer(32, 16), some_pixels(1, 32, 60, 200)
    assert torch.equal(made(x[:, :, 4:, 12:]), made(x)[:, :, 4:, 12:])


def test_numbers_that_are_none_are_not_hidden():
    made, x = layer(16, 16), some_pixels(1, 16, 30, 30)
    x[0, 3, 10, 11] = float("nan")
    assert made(x).isnan().any()


@pytest.mark.parametrize(
    ("shape", "dtype", "right"),
    [
        ((16, 16, 3, 3), torch.float32, True),
        ((16, 1, 3, 3), torch.float32, False),
        ((16, 24, 3, 3), torch.float32, False),
        ((8, 16, 3, 3), torch.float32, False),
        ((16, 16, 1, 1), torch.float32, False),
        ((16, 16, 3, 3, 3), torch.float32, False),
        ((16, 16, 3, 3), torch.float64, False),
    ],
)
def test_what_it_takes(shape, dtype, right):
    assert WinogradConvolution.takes(torch.zeros(shape, dtype=dtype)) == right


def test_copies_are_the_same_and_pickles_small():
    made, x = layer(64, 64), some_pixels(1, 64, 30, 30)
    sent = pickle.dumps(made)
    assert len(sent) < 1.2 * made.weight.nbytes + 10_000 < made.kept_bytes
    for other in (copy.deepcopy(made), pickle.loads(sent)):
        assert torch.equal(other(x), made(x))
