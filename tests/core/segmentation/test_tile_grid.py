"""Images of other pixel sizes: resampled as PyTorch does with anti-aliasing, whatever the tile."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet import UNet, score_tiles, segment
from napari_unet.core.normalisation import Normalisation
from napari_unet.core.segmentation.prepare import prepare
from napari_unet.core.segmentation.tile_grid import Scale, scales, taps

steady = settings(deadline=None, derandomize=True)


def peer(pixels, shape):
    """Resample (C, Y, X) with torch: the same triangle, over the same field."""
    batch = torch.from_numpy(np.asarray(pixels, np.float64))[None]
    found = torch.nn.functional.interpolate(
        batch, size=shape, mode="bilinear", align_corners=False, antialias=True
    )
    return found[0].numpy()


@steady
@given(st.integers(1, 60), st.integers(1, 60))
def test_one_axis_is_resampled_as_torch_does(source, target):
    line = np.random.default_rng(source).random(source)
    found = taps(np.arange(target), source, target).of(line, 0, 0)
    assert np.allclose(found, peer(line[None, None], (1, target))[0, 0], rtol=0, atol=1e-12)


@steady
@given(st.integers(1, 200), st.integers(1, 200))
def test_a_ramp_stays_in_place(source, target):
    """Half-pixel centres: a ramp keeps its value at each place, to a tenth of a pixel."""
    reach = max(source / target, 1) / source
    made = taps(np.arange(target), source, target).of((np.arange(source) + 0.5) / source, 0, 0)
    place = (np.arange(target) + 0.5) / target
    inside = (place >= reach) & (place <= 1 - reach)
    assert np.abs(made - place)[inside].max(initial=0) < 0.1 * reach


def test_low_pass_before_down_scaling():
    checks = np.indices((64, 64)).sum(0) % 2.0
    small = taps(np.arange(16), 64, 16).of(checks, 0, 0)
    assert np.abs(small - 0.5)[1:-1].max() < 1e-12  # without it, 0 and 1 remain


def resampled_whole(image, net, size):
    contrast = Normalisation.of(net.about).measure(image, "YX")
    pixels = contrast.apply(image[None], tuple(np.arange(n) for n in image.shape))
    small = peer(pixels, size).astype(np.float32)
    for axis, n in enumerate(size, start=1):
        width = [(0, 0)] * 3
        width[axis] = (net.border, net.input_size(n) - n - net.border)
        small = np.pad(small, width, mode="reflect" if n > 1 else "edge")
    scores = net.eval().score(small)[:, : size[0], : size[1]]
    return peer(scores, image.shape)


@pytest.mark.parametrize("pixel", [(0.2, 0.2), (0.71, 0.55), (1.4, 2.6)])
@pytest.mark.parametrize("tile", [None, 56, 76])
def test_tiles_of_a_resampled_image_equal_the_whole(pixel, tile):
    torch.manual_seed(1)
    net = UNet(base=2, depth=2, classes=3).double()
    net.about["pixel_size"] = {"Y": 0.5, "X": 0.5}
    image = np.random.default_rng(0).integers(0, 200, (73, 90), np.uint8)
    size = tuple(round(n * p / 0.5) for n, p in zip(image.shape, pixel, strict=True))
    given_size = dict(zip("YX", pixel, strict=True))
    found, count = np.zeros((3, 73, 90)), np.zeros((73, 90), int)
    for place, scores in score_tiles(image, net, tile=tile, pixel_size=given_size):
        found[:, *place.write] = scores
        count[place.write] += 1
    assert (count == 1).all()
    assert np.abs(found - resampled_whole(image, net, size)).max() < 1e-5  # input is float32
    assert np.allclose(found.sum(0), 1)
    labels = segment(image, net, tile=tile, pixel_size=given_size).labels
    assert np.array_equal(labels, found.argmax(0))  # argmax of resampled scores


@pytest.mark.parametrize("tile", [36, 44, 76])
def test_tiles_of_resampled_volumes_agree(tile):
    torch.manual_seed(1)
    net = UNet(base=2, depth=1, dims=3).double()
    net.about["pixel_size"] = {"Z": 0.5, "Y": 0.2, "X": 0.2}
    image = np.random.default_rng(0).integers(0, 200, (9, 30, 41), np.uint8)
    size = {"Z": 0.8, "Y": 0.11, "X": 0.3}
    one = segment(image, net, axes="ZYX", scores=True, pixel_size=size).scores
    other = segment(image, net, axes="ZYX", scores=True, pixel_size=size, tile=tile).scores
    assert np.abs(one - other).max() <= 1e-10


def test_flattening_keeps_its_physical_length():
    net = UNet(base=1, depth=1)
    net.about["normalisation"] = {"low": 1.0, "high": 99.0, "flatten": 8.0}
    net.about["pixel_size"] = {"Y": 1.0, "X": 1.0}
    image = np.random.default_rng(0).integers(0, 200, (80, 80), np.uint8)
    contrast = prepare(image, net, pixel_size={"Y": 0.25, "X": 0.25}).reader.contrast
    expected = Normalisation(1.0, 99.0, 32.0).measure(image, "YX")
    assert np.array_equal(contrast.background, expected.background)


@pytest.mark.parametrize(
    ("image", "network", "expected"),
    [
        ({"Y": 0.5, "X": 0.25}, {"Y": 0.5, "X": 0.5}, (100, 50)),
        ({"Y": 0.5, "X": 0.5}, {"Y": 0.498, "X": 0.502}, (100, 100)),
        ({"X": 2.0}, {"Y": 1.0, "X": 1.0}, (100, 200)),
        ({"Y": 2.0, "X": 2.0}, None, (100, 100)),
        (None, {"Y": 2.0, "X": 2.0}, (100, 100)),
        ({"Y": 1.0, "X": 1.0}, {"Y": 31.0, "X": 1.0}, (3, 100)),
    ],
)
def test_lengths_from_pixel_sizes(image, network, expected):
    assert tuple(s.network for s in scales("YX", (100, 100), image, network)) == expected


def test_one_pixel_remains_at_least():
    assert scales("Y", (3,), {"Y": 1.0}, {"Y": 20.0}) == (Scale(3, 1),)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0.001, r"pixels of 0.001 µm along Y .* 0.5 µm, more than 32 times apart"),
        (0.0, r"give sizes above 0"),
        (float("nan"), r"give sizes above 0"),
    ],
)
def test_pixel_sizes_that_cannot_be_are_refused(size, words):
    with pytest.raises(ValueError, match=words):
        scales("Y", (100,), {"Y": size}, {"Y": 0.5})


def test_a_tile_too_small_to_interpolate_is_refused():
    net = UNet(base=1, depth=1)
    net.about["pixel_size"] = {"Y": 0.1, "X": 0.1}
    image = np.zeros((50, 50), np.uint8)
    with pytest.raises(ValueError, match=r"tile of 18 px scores 2 px, .* at least \d+ px") as error:
        score_tiles(image, net, tile=18, pixel_size={"Y": 1.0, "X": 1.0})
    enough = int(str(error.value).split()[-2])
    assert next(score_tiles(image, net, tile=enough, pixel_size={"Y": 1.0, "X": 1.0}))


def test_a_chosen_tile_is_large_enough_to_interpolate():
    torch.manual_seed(1)
    net = UNet(base=1, depth=1).double()
    net.about["pixel_size"] = {"Y": 0.1, "X": 0.1}
    image = np.random.default_rng(0).integers(0, 200, (20, 25), np.uint8)
    given_size = {"Y": 1.0, "X": 1.0}
    scoring = prepare(image, net, pixel_size=given_size, memory=400_000)
    assert scoring.edges < (120, 120)
    found = np.zeros((2, 20, 25))
    for tile, scores, _ in scoring.score():
        found[:, *tile.write] = scores
    expected = segment(image, net, pixel_size=given_size, scores=True).scores
    assert np.abs(found - expected).max() <= 1e-10
