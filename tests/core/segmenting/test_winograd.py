"""Networks whose convolutions are Winograd's have the scores they had, in tiles of any size."""

import copy

import numpy as np
import pytest
import torch

from napari_unet import UNet, score_tiles, segment
from napari_unet.core.convolving import gain
from napari_unet.core.convolving.convolution import WinogradConvolution
from napari_unet.core.segmenting import cost, precision, winograd
from napari_unet.core.segmenting.scorer import Scorer
from napari_unet.core.segmenting.winograd import in_winograd, kept_bytes, room_bytes

SHAPES = [
    {"base": 16, "depth": 3},
    {"base": 16, "depth": 2, "norm": "weight", "classes": 3, "channels": 2},
    {"base": 8, "depth": 3, "skips": False},
    {"base": 24, "depth": 2},
    {"base": 16, "depth": 1, "release": True},
    {"base": 32, "depth": 4},
]


@pytest.fixture
def _pays(monkeypatch):
    monkeypatch.setattr(winograd, "winograd_pays", lambda beaten=torch.float32: True)


def network(**shape):
    torch.manual_seed(5)
    net = UNet(**shape).eval()
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if name.endswith("bias"):
                weight.normal_(0, 0.1)
    return net


def counted(net):
    return sum(isinstance(layer, WinogradConvolution) for layer in net.modules())


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_scores_are_those_of_double_precision(shape):
    net = network(**shape)
    quick = in_winograd(net)
    assert counted(quick) >= 2 * net.depth - (net.base < 16)
    size = [net.input_size(n) for n in (37, 70)]
    tile = np.random.default_rng(0).random((net.channels, *size), np.float32)
    exact = copy.deepcopy(net).double().score(tile.astype(np.float64))
    ours, torchs = quick.score(tile) - exact, net.score(tile) - exact
    assert np.abs(ours).max() < 1e-5
    assert np.sqrt(np.mean(ours**2)) < 2 * np.sqrt(np.mean(torchs**2))


@pytest.mark.usefixtures("_pays")
@pytest.mark.parametrize("tile", [60, 76, (92, 60), 140])
def test_tiles_put_together_are_the_whole(tile):
    net = network(base=16, depth=2, norm="weight")
    image = np.random.default_rng(1).integers(0, 200, (131, 90), np.uint8)
    exact = segment(image, copy.deepcopy(net).double(), scores=True).scores
    found = np.full(exact.shape, np.nan)
    for part, scores in score_tiles(image, net, tile=tile, precision="float32"):
        found[:, *part.write] = scores
    assert np.abs(found - exact).max() <= 1e-5
    whole = segment(image, net, precision="float32", scores=True).scores
    assert np.abs(found - whole).max() <= 1e-5


@pytest.mark.usefixtures("_pays")
@pytest.mark.parametrize(
    ("shape", "dtype", "used"),
    [
        ({"base": 16}, torch.float32, True),
        ({"base": 16}, torch.float64, False),
        ({"base": 16}, torch.bfloat16, False),
        ({"base": 12}, torch.float32, False),
        ({"base": 16, "dims": 3}, torch.float32, False),
    ],
)
def test_where_it_is_used(shape, dtype, used):
    net = network(depth=1, **shape)
    assert bool(counted(Scorer(net, dtype).network)) == used
    assert not counted(net)


def test_not_where_it_is_no_faster(monkeypatch):
    monkeypatch.setattr(winograd, "winograd_pays", lambda beaten=torch.float32: False)
    assert not counted(Scorer(network(base=16, depth=1), torch.float32).network)


@pytest.mark.parametrize(("times", "pays"), [(2.5, True), (1.1, False), (0.3, False)])
def test_it_pays_where_it_is_clearly_faster(times, pays, monkeypatch):
    monkeypatch.setattr(gain, "_gain", lambda beaten: times)
    assert gain.winograd_pays.__wrapped__() == pays


@pytest.mark.parametrize("beats_half", [True, False])
def test_half_precision_stays_where_it_is_faster_still(beats_half, monkeypatch):
    monkeypatch.setattr(precision, "fast_dtype", lambda device: torch.bfloat16)
    monkeypatch.setattr(precision, "winograd_pays", lambda beaten: beats_half)
    monkeypatch.setattr(precision, "_labels_agree", lambda *given: True)
    chosen = precision.choose_dtype(network(base=16, depth=1), "auto", None)
    assert chosen == (torch.float32 if beats_half else torch.bfloat16)
    volumes = precision.choose_dtype(network(base=16, depth=1, dims=3), "auto", None)
    assert volumes == torch.bfloat16


@pytest.mark.usefixtures("_pays")
def test_what_it_keeps_is_counted():
    net = network(base=16, depth=2)
    scorer = Scorer(net, torch.float32)
    weights = sum(w.nbytes for w in net.parameters())
    kept, room = kept_bytes(scorer.network), room_bytes(scorer.network)
    kernels = sum(w.nbytes for w in net.parameters() if w.shape[2:] == (3, 3) and w.shape[1] > 1)
    assert kept == 36 / 9 * kernels  # 36 values of 9 taps
    assert room > 36 * 96 * (64 + 64) * 4 * torch.get_num_threads()  # of the widest layer
    assert cost.fixed_bytes(scorer) == weights + kept + room
    assert cost.fixed_bytes(Scorer(net, torch.float64)) == 2 * weights
    assert kept_bytes(net) == room_bytes(net) == 0
