"""Scores in half precision, and averages over mirrored and turned tiles."""

import numpy as np
import pytest
import torch

from napari_unet import UNet, segment
from napari_unet.core.segmentation.scorer import in_half, versions


def test_half_precision_scores_nearly_the_same():
    net = UNet(base=4, depth=2)
    image = np.random.default_rng(0).integers(0, 99, (60, 70), np.uint8)
    exact = segment(image, net, precision="float32", scores=True).scores
    half = segment(image, net, precision="bfloat16", scores=True).scores
    assert half.dtype == np.float32
    assert 0 < np.abs(exact - half).max() < 0.1


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("norm", ["none", "weight"])
def test_the_image_and_the_first_kernels_keep_sixteen_bits(norm, dims):
    """Beside what a plain cast to bfloat16 makes of the first layer."""
    torch.manual_seed(0)
    net = UNet(channels=2, base=8, depth=1, dims=dims, norm=norm)
    x = 10 + torch.rand(1, 2, *(20,) * dims)  # a small contrast on a high background
    with torch.no_grad():
        exact = net.contract[0].first(x)
        found = in_half(net).contract[0].first(x).float()
        plain = net.to(torch.bfloat16).contract[0].first(x.bfloat16()).float()
    least = (exact.bfloat16() - exact).abs().mean()  # rounded at the end alone
    assert (found - exact).abs().mean() < 1.2 * least
    assert (plain - exact).abs().mean() > 1.8 * least


def test_half_precision_leaves_the_network_alone():
    net = UNet(base=2, depth=2, norm="weight").train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    half = in_half(net)
    assert net.training
    assert not half.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert {p.dtype for p in half.parameters()} == {torch.bfloat16}


def network(**shape):
    torch.manual_seed(2)
    return UNet(**({"base": 2, "depth": 1, "classes": 3} | shape))


@pytest.mark.parametrize("average", ["mirror", "rotate"])
@pytest.mark.parametrize("dims", [2, 3])
def test_averaging_changes_nothing_where_the_network_is_symmetric(average, dims):
    """A network whose kernels are means of their mirrored and turned versions turns along."""
    net = network(depth=2 if dims == 2 else 1, dims=dims).double()
    with torch.no_grad():
        for weight in net.parameters():
            if weight.ndim == dims + 2:
                ways = versions("rotate", dims)
                weight.copy_(torch.stack([way.turn(weight) for way in ways]).mean(0))
    shape = (61, 75) if dims == 2 else (9, 14, 17)
    image = np.random.default_rng(1).integers(0, 200, shape, np.uint8)
    axes, tile = "ZYX"[-dims:], net.input_size(16)
    plain = segment(image, net, axes=axes, scores=True, tile=tile)
    found = segment(
        image, net, axes=axes, scores=True, tile=tile, average=average, uncertainty="spread"
    )
    assert np.abs(found.scores - plain.scores).max() <= 1e-10
    assert found.uncertainty.max() <= 1e-7
    unlike = segment(image, network(dims=dims), axes=axes, average=average, uncertainty="spread")
    assert unlike.uncertainty.max() > 1e-3


@pytest.mark.parametrize("average", ["mirror", "rotate"])
@pytest.mark.parametrize("dims", [2, 3])
def test_versions_differ_and_are_undone_exactly(average, dims):
    tile = torch.arange(4 * 5 * 6.0).reshape(1, 1, 4, 5, 6)[..., :5, :5]
    ways = versions(average, dims)
    assert len({str(way.turn(tile)) for way in ways}) == len(ways)
    assert all(torch.equal(way.turn_back(way.turn(tile)), tile) for way in ways)
