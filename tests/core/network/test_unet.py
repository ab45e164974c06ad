"""UNet against the paper's numbers and against a naive network written here in NumPy."""

import copy
import inspect
import math
from itertools import product

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch.func import functional_call

from napari_unet.core.network.legal_sizes import input_size, output_size
from napari_unet.core.network.unet import UNet

OPTIONS = [
    {"dims": dims, "norm": norm, "skips": skips, "release": release}
    for dims, norm, skips, release in product(
        (2, 3), ("none", "weight"), (True, False), (False, True)
    )
]


def named(options):
    return "-".join(f"{key}={value}" for key, value in options.items())


def drawn(seed=0, **options):
    """Return a small float64 network none of whose weights is zero or one."""
    torch.manual_seed(seed)
    network = UNet(**{"channels": 2, "classes": 3, "base": 2, "depth": 2} | options).double()
    with torch.no_grad():
        for weight in network.parameters():
            if weight.ndim == 1:
                weight.normal_(0.3, 0.5)
    return network.eval()


def naive(network, image):
    """Compute the scores of ``image`` (C, *n) by the paper's text, one layer after the other."""
    weights = {name: w.detach().numpy() for name, w in network.state_dict().items()}
    dims, axes = image.ndim - 1, tuple(range(1, image.ndim))

    def convolve(x, name):
        kernel, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        if f"{name}.gain" in weights:
            fan = kernel[0].size
            rows = kernel.reshape(len(kernel), fan)
            rows = rows - rows.mean(1, keepdims=True)
            rows = rows / np.sqrt((rows**2).mean(1, keepdims=True) * fan)  # unit fan-in variance
            rows = rows * 1.7128585504496627 * weights[f"{name}.gain"][:, None]
            kernel = rows.reshape(kernel.shape)
        windows = sliding_window_view(x, kernel.shape[2:], axis=axes)
        found = np.tensordot(
            kernel, windows, (range(1, dims + 2), (0, *range(dims + 1, 2 * dims + 1)))
        )
        return found + bias.reshape(-1, *(1,) * dims)

    def pair(x, name):
        for which in ("first", "second"):
            x = np.maximum(convolve(x, f"{name}.{which}"), 0)
        return x

    def pool(x):
        for axis in axes:
            even, odd = (
                x.take(range(0, x.shape[axis], 2), axis),
                x.take(range(1, x.shape[axis], 2), axis),
            )
            x = np.maximum(even, odd)
        return x

    def up(x, name):
        kernel, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        found = np.empty((kernel.shape[1], *(2 * n for n in x.shape[1:])))
        for tap in product((0, 1), repeat=dims):
            at = (slice(None), *(slice(t, None, 2) for t in tap))
            found[at] = np.tensordot(kernel[(..., *tap)], x, (0, 0))
        found += bias.reshape(-1, *(1,) * dims)
        return np.maximum(found, 0) if network.release else found

    def crop(x, shape):
        cut = [(have - want) // 2 for have, want in zip(x.shape[1:], shape, strict=True)]
        return x[(slice(None), *(slice(c, c + n) for c, n in zip(cut, shape, strict=True)))]

    copies = []
    x = image
    for level in range(network.depth):
        x = pair(x, f"contract.{level}")
        copies.append(x)
        x = pool(x)
    x = pair(x, "bottom")
    for level in range(network.depth):
        x = up(x, f"up.{level}")
        if network.skips:
            x = np.concatenate((x, crop(copies.pop(), x.shape[1:])))
        x = pair(x, f"expand.{level}")
    values = convolve(x, "head")
    powers = np.exp(values - values.max(0))
    return values, powers / powers.sum(0)


@pytest.mark.parametrize("options", OPTIONS, ids=named)
def test_every_option_equals_the_naive_network(options):
    network = drawn(**options)
    image = np.random.default_rng(1).normal(size=(2, *(44, 48, 52)[: options["dims"]]))
    values, scores = naive(network, image)
    found = network(torch.from_numpy(image)[None])[0].detach().numpy()
    np.testing.assert_allclose(found, values, atol=1e-10, rtol=1e-10)
    np.testing.assert_allclose(network.score(image), scores, atol=1e-10, rtol=0)
    assert np.abs(values).max() > 0.1  # not all dead


@pytest.mark.parametrize("norm", ["none", "weight"])
def test_gradients_are_those_of_the_function(norm):
    network = drawn(channels=1, classes=2, base=1, depth=1, norm=norm)
    weights = {name: w.detach().requires_grad_() for name, w in network.named_parameters()}
    image = torch.randn(1, 1, 18, 20, dtype=torch.float64)

    def values(*tensors):
        return functional_call(network, dict(zip(weights, tensors, strict=True)), (image,))

    assert torch.autograd.gradcheck(values, tuple(weights.values()))


def count(**options):
    with torch.device("meta"):
        return sum(weight.numel() for weight in UNet(**options).parameters())


def test_parameter_counts():
    assert count() == 31_030_658
    assert count(release=True) == 31_100_354
    gains = 2 * sum((64, 128, 256, 512, 1024, 512, 256, 128, 64))  # one for each kernel's output
    assert count(norm="weight") - count() == gains
    # without copies, the first kernel of each expanding pair sees half the channels
    assert count() - count(skips=False) == sum(9 * c * c for c in (512, 256, 128, 64))
    # in 3-D, kernels are three and two times as large; biases are not
    biases = sum(w.ndim == 1 and w.numel() for w in UNet(base=4).parameters())
    flat, ups = count(base=4), 4 * sum(2 * c * c for c in (4, 8, 16, 32))
    assert count(base=4, dims=3) == 3 * (flat - biases - ups - 8) + 2 * ups + 8 + biases


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_sizes_are_those_of_the_sizes_module(depth):
    with torch.device("meta"):
        network = UNet(base=1, depth=depth)
        for n in (input_size(depth, 1), input_size(depth, 100)):
            out = network(torch.empty(1, 1, n, n + 2**depth)).shape[2:]
            assert tuple(out) == (output_size(depth, n), output_size(depth, n + 2**depth))
    assert network.border == {1: 8, 2: 20, 3: 44, 4: 92, 5: 188}[depth]


def test_the_paper_s_figure():
    """Channels and sizes of every level, as drawn in figure 1."""
    seen = []
    with torch.device("meta"):
        network = UNet()
        for layer in (*network.contract, network.bottom, *network.expand):
            layer.register_forward_hook(
                lambda _, given, out: seen.append((*given[0].shape[1:3], *out.shape[1:3]))
            )
        network(torch.empty(1, 1, 572, 572))
    assert seen == [
        (1, 572, 64, 568), (64, 284, 128, 280), (128, 140, 256, 136), (256, 68, 512, 64),
        (512, 32, 1024, 28),
        (1024, 56, 512, 52), (512, 104, 256, 100), (256, 200, 128, 196), (128, 392, 64, 388),
    ]  # fmt: skip
    assert (network.border, network.output_size(572), network.input_size(388)) == (92, 388, 572)


@pytest.mark.parametrize(
    "options", [{}, {"dims": 3, "base": 24}, {"norm": "weight"}, {"release": True}]
)
def test_weights_start_as_the_paper_draws_them(options):
    torch.manual_seed(0)
    network = UNet(**{"depth": 3} | options)
    for name, weight in network.named_parameters():
        if weight.ndim == 1:
            expected = 1.0 if name.endswith("gain") else 0.0
            assert torch.all(weight == expected), name
            continue
        incoming = weight.shape[0] if name.startswith("up.") else weight[0].numel()
        sd, n = math.sqrt(2 / incoming), weight.numel()
        assert weight.std().item() == pytest.approx(sd, rel=5 / math.sqrt(2 * n)), name
        assert abs(weight.mean().item()) < 5 * sd / math.sqrt(n), name


def test_dropout_is_at_the_end_of_the_contracting_path_only():
    """With positive weights nothing is 0 unless dropped."""
    network = UNet(base=8, depth=2, dropout=0.4)
    with torch.no_grad():
        for weight in network.parameters():
            weight.fill_(0.01)
    seen = {}
    for name, layer in network.named_modules():
        layer.register_forward_hook(lambda _, given, __, name=name: seen.update({name: given[0]}))
    network(torch.ones(1, 1, 92, 92))

    def dropped(x):
        return (x == 0).double().mean().item()

    assert dropped(seen["up.0"]) == pytest.approx(0.4, abs=0.02)  # the bottom
    up, copied = seen["expand.0"].chunk(2, 1)
    assert dropped(up) == 0
    assert dropped(copied) == pytest.approx(0.4, abs=0.02)  # the level before, copy included
    assert dropped(seen["bottom"]) == pytest.approx(0.4**4, abs=0.02)  # the greatest of four
    assert dropped(seen["expand.1"]) == dropped(seen["contract.1"]) == dropped(seen["head"]) == 0
    network.eval()(torch.ones(1, 1, 92, 92))
    assert dropped(seen["up.0"]) == dropped(seen["expand.0"]) == 0


@pytest.mark.parametrize("training", [True, False])
def test_score_leaves_the_network_as_it_was(training):
    network = drawn().train(training)
    tile = np.random.default_rng(0).normal(size=(2, 44, 44))
    first = network.score(tile)
    assert network.training == network.bottom.training == training
    np.testing.assert_array_equal(network.score(tile), first)  # dropout is off
    with pytest.raises(ValueError, match="channels"):
        network.score(tile[:1])
    assert network.training == training


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [(torch.float64, np.float64), (torch.float32, np.float32), (torch.bfloat16, np.float32)],
)
def test_scores_are_in_the_network_s_dtype_and_sum_to_one(dtype, kind):
    network = drawn(norm="weight").to(dtype)
    tile = np.random.default_rng(0).integers(0, 9, (2, 44, 48), dtype=np.uint16)[..., ::-1]
    scores = network.score(tile)
    assert scores.dtype == kind
    assert scores.shape == (3, 4, 8)
    np.testing.assert_allclose(scores.sum(0), 1, atol=1e-6)
    exact = drawn(norm="weight").score(tile)
    np.testing.assert_allclose(scores, exact, atol=0.1 if dtype == torch.bfloat16 else 1e-5)


@pytest.mark.parametrize(
    ("tile", "said"),
    [
        (np.zeros((44, 44)), r"shape \(44, 44\) has 2 axes: this network takes 3, channels first"),
        (np.zeros((1, 44, 44)), "the tile has 1 channels and the network takes 2"),
        (np.zeros((2, 44, 46)), "a side of 46 px .* depth 2: .* are 44 and 48 px"),
        (np.full((2, 44, 44), np.nan), "3872 values of the tile are NaN or infinite"),
    ],
)
def test_a_tile_that_does_not_fit_is_refused(tile, said):
    with pytest.raises(ValueError, match=said):
        drawn().score(tile)


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"channels": 0}, ValueError, "channels is 0: it must lie between 1 and 4096"),
        ({"classes": 1}, ValueError, "classes is 1: it must lie between 2 and 255"),
        ({"dims": 4}, ValueError, "dims is 4: it must lie between 2 and 3"),
        ({"depth": 0}, ValueError, "depth is 0"),
        ({"dropout": 1.0}, ValueError, "dropout is 1"),
        ({"dropout": math.nan}, ValueError, "dropout is nan"),
        ({"norm": "batch"}, ValueError, "norm is 'batch': choose one of none, weight"),
        ({"base": 512, "depth": 7}, ValueError, "gives 65536 channels at the bottom: choose"),
        ({"base": 6.0}, TypeError, "base must be of type int, not 6.0"),
        ({"depth": True}, TypeError, "depth must be of type int, not True"),
        ({"skips": 1}, TypeError, "skips must be of type bool, not 1"),
        ({"padding": 1}, TypeError, "padding"),
    ],
)
def test_a_network_that_cannot_be_is_refused(options, kind, said):
    with pytest.raises(kind, match=said):
        UNet(**options)


def test_the_signature_is_the_contract():
    parameters = inspect.signature(UNet).parameters
    assert {name: p.default for name, p in parameters.items()} == {
        "channels": 1, "classes": 2, "base": 64, "depth": 4, "dims": 2, "dropout": 0.5,
        "norm": "none", "skips": True, "release": False,
    }  # fmt: skip
    network = UNet(2, 3, 4, 1, 3, 0.1, "weight", False, True)
    assert all(getattr(network, n) == getattr(network.architecture, n) for n in parameters)
    assert (network.base, network.dims, network.release) == (4, 3, True)


def test_features_follow_the_layout_of_the_weights():
    network = UNet(base=4, depth=1)
    kernels = [w for w in network.parameters() if w.ndim == 4]
    assert all(w.is_contiguous(memory_format=torch.channels_last) for w in kernels)
    assert network(torch.rand(1, 1, 18, 18)).is_contiguous(memory_format=torch.channels_last)


def test_a_copy_shares_nothing():
    network = drawn(norm="weight")
    tile = np.random.default_rng(0).normal(size=(2, 44, 44))
    before = network.score(tile)
    other = copy.deepcopy(network)
    with torch.no_grad():
        for weight in other.parameters():
            weight.mul_(0.5)
    other.about["classes"][0]["name"] = "nothing"
    np.testing.assert_array_equal(network.score(tile), before)
    assert np.abs(other.score(tile) - before).max() > 1e-3
    assert network.about["classes"][0]["name"] == "background"
