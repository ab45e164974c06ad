"""One pass gives what pooling, cropping and autograd give in several."""

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from napari_unet.core.network.layers import GAIN, StandardisedConvolution, pool_and_copy
from napari_unet.core.network.unet import UNet

POOL = {2: F.max_pool2d, 3: F.max_pool3d}


def plainly(x, size):
    cut = [(have - want) // 2 for have, want in zip(x.shape[2:], size, strict=True)]
    return POOL[len(size)](x, 2), x[
        (..., *(slice(c, c + n) for c, n in zip(cut, size, strict=True)))
    ]


@pytest.mark.parametrize("size", [(4, 6), (2, 4, 8)])
@pytest.mark.parametrize("used", [(0, 1), (0,), (1,)])
def test_values_and_gradients_equal_those_of_plain_operations(size, used):
    torch.manual_seed(0)
    shape = (2, 3, *(n + 4 for n in size))
    x = torch.randn(shape, dtype=torch.float64).relu().requires_grad_()  # zeros are ties
    found, expected = pool_and_copy(x, size), plainly(x, size)
    weights = [torch.randn_like(part) for part in expected]
    gradients = []
    for parts in (found, expected):
        loss = sum((parts[i].square() * weights[i]).sum() for i in used)
        gradients.append(torch.autograd.grad(loss, x)[0])
    for ours, theirs in (*zip(found, expected, strict=True), gradients):
        assert torch.equal(ours, theirs)


def test_the_copy_takes_no_memory():
    x = torch.randn(1, 2, 8, 8)
    middle = pool_and_copy(x, (4, 4))[1]
    assert middle.data_ptr() == x[..., 2:, 2:].data_ptr()


TILE = np.random.default_rng(0).normal(size=(1, 44, 44))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return UNet(base=4, depth=2, norm="weight").double().eval()


def uncached(network):
    """Score as a network would that has kept nothing."""
    fresh = UNet(base=4, depth=2, norm="weight").to(network.head.weight).eval()
    fresh.load_state_dict(network.state_dict())
    return fresh.score(TILE)


def halve_in_place(network):
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(0.5).add_(0.01)


def step_of_an_optimiser(network):
    optimiser = torch.optim.Adam(network.parameters(), 0.01)
    network.train()(torch.from_numpy(TILE)[None]).sum().backward()
    optimiser.step()
    network.eval()


def step_without_leaving_eval(network):
    optimiser = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, foreach=True)
    network(torch.from_numpy(TILE)[None]).sum().backward()
    optimiser.step()


def load(network):
    torch.manual_seed(1)
    network.load_state_dict(UNet(base=4, depth=2, norm="weight").double().state_dict())


def load_by_assignment(network):
    torch.manual_seed(1)
    other = UNet(base=4, depth=2, norm="weight").double()
    network.load_state_dict(other.state_dict(), assign=True)


def exchange_the_data(network):
    for weight in network.parameters():
        weight.data = weight.data * 0.5 + 0.01


def gains_alone(network):
    with torch.no_grad():
        network.bottom.first.gain[0] = 3.0


def write_behind_torch_s_back(network):
    for weight in network.parameters():
        weight.data.mul_(0.5).add_(0.01)
    network.eval()  # as the docstring asks


@pytest.mark.parametrize(
    "change",
    [
        halve_in_place, step_of_an_optimiser, step_without_leaving_eval, load, load_by_assignment,
        exchange_the_data, gains_alone, write_behind_torch_s_back,
    ],
)  # fmt: skip
def test_any_change_is_seen(network, change):
    before = network.score(TILE)
    change(network)
    after = network.score(TILE)
    assert np.abs(after - before).max() > 1e-6
    np.testing.assert_array_equal(after, uncached(network))


def test_kernels_are_kept_from_tile_to_tile(network):
    layer = network.bottom.first
    network.score(TILE)
    kept = layer._kept
    network.score(TILE)
    assert layer._kept is kept is not None
    assert copy.deepcopy(network).bottom.first._kept is None
    assert "_kept" not in "".join(network.state_dict())
    network.float().score(TILE)
    assert layer._kept[1].dtype == torch.float32


def test_nothing_is_kept_where_gradients_are_wanted(network):
    network.score(TILE)
    network(torch.from_numpy(TILE)[None]).sum().backward()
    assert all(weight.grad is not None for weight in network.parameters())


def test_networks_made_for_inference_score_too():
    with torch.inference_mode():
        network = UNet(base=4, depth=2, norm="weight").double().eval()
        first = network.score(TILE)
        network.bottom.first.weight.mul_(torch.randn(32 // 2, 1, 1, 1))
        assert np.abs(network.score(TILE) - first).max() > 0


def test_kernels_have_no_mean_and_the_variance_asked_for():
    torch.manual_seed(0)
    layer = StandardisedConvolution(5, 7, 3).double()
    with torch.no_grad():
        layer.weight.normal_(3.0, 2.0)
        layer.gain.uniform_(0.5, 2.0)
    rows = layer.standardised().flatten(1)
    torch.testing.assert_close(rows.mean(1), torch.zeros(7).double(), atol=1e-12, rtol=0)
    torch.testing.assert_close(rows.var(1, correction=0) * 5 * 27, (GAIN * layer.gain) ** 2)


def test_a_constant_kernel_gives_zero_and_no_nan():
    layer = StandardisedConvolution(2, 1, 2)
    with torch.no_grad():
        layer.weight.fill_(0.7)
    assert torch.count_nonzero(layer.standardised()) == 0


def test_the_gain_restores_the_variance_that_a_relu_takes():
    assert pytest.approx(math.sqrt(2 / (1 - 1 / math.pi))) == GAIN
    x = torch.randn(10**6, generator=torch.Generator().manual_seed(0))
    assert (GAIN * x.relu()).var().item() == pytest.approx(1, rel=0.01)
