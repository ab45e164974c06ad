"""Networks whose convolutions are Winograd's have the scores they had, in tiles of any size."""

import copy
import gc
import time
import weakref

import numpy as np
import pytest
import torch

from napari_unet import score_tiles, segment
from napari_unet.core.fast_conv import buffers, forward
from napari_unet.core.fast_conv.buffers import BufferPool
from napari_unet.core.fast_conv.network import SWITCH, WinogradNetwork, accelerated
from napari_unet.core.segmentation import precision, tile_size
from napari_unet.core.segmentation.prepare import prepare
from napari_unet.core.segmentation.scorer import TileScorer

SHAPES = [
    {"base": 16, "depth": 3},
    {"base": 16, "depth": 2, "norm": "weight", "classes": 3, "channels": 2},
    {"base": 16, "depth": 3, "skips": False},
    {"base": 24, "depth": 2},  # channels are filled up
    {"base": 12, "depth": 2, "classes": 17, "norm": "weight"},
    {"base": 16, "depth": 1, "release": True},
    {"base": 32, "depth": 4},
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_scores_are_those_of_double_precision(shape, network):
    net = network(**shape)
    quick = accelerated(net)
    size = [net.input_size(n) for n in (37, 70)]
    tile = np.random.default_rng(0).random((net.channels, *size), np.float32)
    exact = copy.deepcopy(net).double().score(tile.astype(np.float64))
    ours, torchs = quick.score(tile) - exact, net.score(tile) - exact
    assert np.abs(ours).max() < 1e-5
    assert np.sqrt(np.mean(ours**2)) < 2 * np.sqrt(np.mean(torchs**2))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_no_map_is_read_before_it_is_written(shape, monkeypatch, network):
    def poisoned(size, made):
        return np.full(size, np.nan if made is torch.empty else 0, np.float32)

    net = network(**shape)
    tile = np.random.default_rng(0).random((net.channels, *(net.input_size(n) for n in (37, 350))))
    expected = accelerated(net).score(tile.astype(np.float32))
    monkeypatch.setattr(buffers, "aligned", poisoned)
    monkeypatch.setattr(forward, "SPARE", BufferPool())
    np.testing.assert_array_equal(accelerated(net).score(tile.astype(np.float32)), expected)


@pytest.mark.parametrize("tile", [60, 76, (92, 60), 140])
def test_tiles_put_together_are_the_whole(tile, network):
    net = network(base=16, depth=2, norm="weight")
    image = np.random.default_rng(1).integers(0, 200, (131, 90), np.uint8)
    exact = segment(image, copy.deepcopy(net).double(), scores=True).scores
    found = np.full(exact.shape, np.nan)
    for part, scores in score_tiles(image, net, tile=tile, precision="winograd"):
        found[:, *part.write] = scores
    assert np.abs(found - exact).max() <= 1e-5
    whole = segment(image, net, precision="winograd", scores=True).scores
    assert np.abs(found - whole).max() <= 1e-5


@pytest.mark.parametrize(
    ("shape", "precision", "used"),
    [
        ({"base": 16}, "winograd", True),
        ({"base": 16}, "float32", False),
        ({"base": 16}, "float64", False),
        ({"base": 16}, "bfloat16", False),
        ({"base": 12}, "winograd", True),
        ({"base": 8}, "winograd", False),  # twice as many channels would be computed
        ({"base": 16, "dims": 3}, "winograd", False),
    ],
)
def test_where_it_is_used(shape, precision, used, network):
    net = network(depth=1, **shape)
    assert isinstance(TileScorer(net, precision).network, WinogradNetwork) == used
    assert not isinstance(net, WinogradNetwork)


@pytest.mark.parametrize(("seconds", "beaten"), [(0.5, True), (0.0, False)])
def test_a_rival_has_to_be_beaten(seconds, beaten, network):
    def rival(network):
        def score(tile):
            time.sleep(seconds)

        return score

    assert (accelerated(network(base=16, depth=1), rival) is not None) == beaten


def test_a_rival_that_torch_has_not_is_not_asked_again(network):
    asked = []

    def rival(network):
        asked.append(network)
        raise RuntimeError("no such convolution")

    net = network(base=16, depth=1)
    assert accelerated(net, rival) is None
    assert accelerated(net, rival) is None
    assert len(asked) == 1


def test_the_switch_leaves_everything_to_torch_and_labels_as_they_are(monkeypatch, network):
    net = network(base=16, depth=2)
    image = np.random.default_rng(2).integers(0, 200, (300, 200), np.uint8)
    on = segment(image, net, precision="winograd")
    monkeypatch.setenv(SWITCH, "0")
    assert accelerated(net) is None
    assert TileScorer(net, "winograd").fast is None
    off = segment(image, net, precision="winograd", scores=True)
    np.testing.assert_array_equal(
        off.scores, segment(image, net, precision="float32", scores=True).scores
    )
    np.testing.assert_array_equal(on.labels, off.labels)
    monkeypatch.setenv(SWITCH, "1")
    assert accelerated(net) is not None


@pytest.mark.parametrize("half", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("pays", [True, False])
def test_images_get_the_quickest_and_small_ones_no_half_precision(pays, half, monkeypatch, network):
    def measured(network, rival=None, times=1.0):
        return accelerated(network) if pays or rival is None else None

    monkeypatch.setattr(precision, "fast_dtype", lambda device: half)
    monkeypatch.setattr(precision, "accelerated", measured)
    other = str(half).removeprefix("torch.")
    for shape, quick in (
        ({"base": 16}, "winograd" if pays else other),
        ({"base": 16, "dims": 3}, other),
        ({"base": 8}, other),
    ):
        net = network(depth=1, **shape)
        with torch.no_grad():
            net.head.bias.copy_(torch.tensor([0.0, 9.0]))  # labels agree in any precision
        tile = np.zeros((1, *(28,) * net.dims), np.float32)
        small = "winograd" if quick == "winograd" else "float32"
        assert precision.choose_precision(net, "auto", None) == small
        assert precision.choose_precision(net, "auto", lambda tile=tile: tile) == quick


def test_labels_need_not_be_compared_where_it_is_used(monkeypatch, network):
    def sample():
        raise AssertionError("no tile is to be read")

    monkeypatch.setattr(precision, "faster_copy", lambda net, beaten: accelerated(net))
    assert precision.choose_precision(network(base=16, depth=1), "auto", sample) == "winograd"


def test_a_small_image_is_scored_so_and_has_the_same_labels(monkeypatch, network):
    monkeypatch.setattr(precision, "faster_copy", lambda net, beaten: accelerated(net))
    net = network(base=16, depth=2)
    image = np.random.default_rng(2).integers(0, 200, (300, 250), np.uint8)
    assert prepare(image, net).scorer.precision == "winograd"
    assert prepare(image[:200], net).scorer.precision == "float32"  # no measurement is worth it
    labels = segment(image, net).labels
    np.testing.assert_array_equal(labels, segment(image, net, precision="float32").labels)
    monkeypatch.undo()
    monkeypatch.setenv(SWITCH, "0")
    assert prepare(image, net).scorer.precision != "winograd"
    np.testing.assert_array_equal(labels, segment(image, net).labels)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_networks_in_other_precisions_stay_in_them(dtype, network):
    assert precision.faster_copy(network(base=16, depth=1).to(dtype)) is None


def test_a_tile_leaves_nothing_to_the_next_and_is_left_alone_by_it(network):
    net = network(base=16, depth=2)
    quick, random = accelerated(net), np.random.default_rng(0)
    with torch.inference_mode():
        first, second = torch.rand(2, 1, 1, 124, 124)
        scores = quick(first)
        kept = scores.clone()
        assert not torch.equal(quick(second), kept)
    assert torch.equal(scores, kept)
    tiles = [random.random((1, *size), np.float32) for size in ((124, 92), (92, 156), (80, 80))]
    alone = [accelerated(net).score(tile) for tile in tiles]
    for tile, scores in zip([*tiles, *tiles[::-1]], [*alone, *alone[::-1]], strict=True):
        assert np.array_equal(quick.score(tile), scores)


def test_rows_that_are_too_short_are_left_to_torch(network):
    net = network(base=16, depth=2)
    quick, random = accelerated(net), np.random.default_rng(0)
    for n in range(1, 20):
        low = random.random((1, net.input_size(n), net.input_size(40)), np.float32)
        for tile in (low, np.ascontiguousarray(low.swapaxes(1, 2))):
            assert np.abs(quick.score(tile) - net.score(tile)).max() < 1e-5
    narrow = random.random((1, net.input_size(40), net.input_size(1)), np.float32)
    assert np.array_equal(quick.score(narrow), net.score(narrow))
    low = np.ascontiguousarray(narrow.swapaxes(1, 2))
    assert not np.array_equal(quick.score(low), net.score(low))  # rows are long enough: ours


def test_numbers_that_are_none_are_not_hidden(network):
    net = network(base=16, depth=2)
    with torch.no_grad():
        net.bottom.first.weight[3, 2, 1, 1] = float("nan")
    tile = np.random.default_rng(0).random((1, 124, 124), np.float32)
    assert np.isnan(accelerated(net).score(tile)).any()


def test_what_is_made_of_the_weights_is_kept_until_they_change_or_are_gone(network):
    net, tile = network(base=16, depth=1), np.random.default_rng(0).random((1, 60, 60), np.float32)
    first, second = accelerated(net), accelerated(net)
    assert first.passage.layers is second.passage.layers
    assert first.passage is not second.passage  # two threads may score at a time
    before = first.score(tile)
    net.head.bias.data[0] += 1.0  # torch counts no version of this
    changed = accelerated(net).score(tile)
    assert np.abs(changed - net.score(tile)).max() < 1e-5
    assert np.abs(changed - before).max() > 0.01
    np.testing.assert_array_equal(first.score(tile), before)
    assert np.abs(accelerated(copy.deepcopy(net).double()).score(tile) - changed).max() < 1e-5
    kept = weakref.ref(accelerated(net).passage.layers)
    del net
    gc.collect()
    assert kept() is None


def test_what_it_keeps_is_counted(network):
    net = network(base=16, depth=2)
    scorer = TileScorer(net, "winograd")
    weights = sum(w.nbytes for w in net.parameters())
    kernels = sum(w.nbytes for w in net.parameters() if w.shape[2:] == (3, 3) and w.shape[1] > 1)
    kept = 36 / 9 * kernels  # 36 values of 9 taps
    assert scorer.network.passage.layers.nbytes == kept
    room = scorer.fast.extra_bytes - kept
    assert room > 36 * 96 * (64 + 64) * 4 * torch.get_num_threads()  # of the widest layer
    assert tile_size.fixed_bytes(scorer) == weights + kept + room
    assert tile_size.fixed_bytes(TileScorer(net, "float64")) == 2 * weights
