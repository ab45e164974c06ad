"""Tiles put together equal the whole image in one piece: the padded image, scored by itself."""

import warnings
from itertools import product

import dask.array as da
import numpy as np
import pytest
import torch
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet import UNet, score_tiles, segment
from napari_unet.core.normalisation import Normalisation
from napari_unet.core.segmentation.prepare import prepare

steady = settings(deadline=None, derandomize=True, max_examples=40)


def network(double=True, **shape):
    torch.manual_seed(3)
    shape = {"base": 2, "depth": 2, "dropout": 0.5} | shape
    made = UNet(**shape)
    return made.double() if double else made


def mirrored(pixels, net):
    """Pad (C, *spatial) to a legal size with numpy, the border before it and the rest after."""
    for axis in range(1, pixels.ndim):
        length = pixels.shape[axis]
        after = net.input_size(length) - length - net.border
        width = [(0, 0)] * pixels.ndim
        width[axis] = (net.border, after)
        pixels = np.pad(pixels, width, mode="reflect" if length > 1 else "edge")
    return pixels


def normalised(image, axes, net):
    """Normalise the whole image at once: (C, *places), axes of the image as they lie."""
    contrast = Normalisation.of(net.about).measure(image, axes)
    pixels = np.moveaxis(image, axes.index("C"), 0) if "C" in axes else image[None]
    return contrast.apply(pixels, tuple(np.arange(n) for n in pixels.shape[1:]))


def cut(scores, shape):
    return scores[(slice(None), *(slice(0, n) for n in shape))]


def whole(image, axes, net):
    """Score the whole image (axes in canonical order but for channels), plane by plane."""
    pixels = normalised(image, axes, net)
    leading = pixels.ndim - 1 - net.dims
    found = np.empty((net.classes, *pixels.shape[1:]))
    for plane in np.ndindex(*pixels.shape[1 : 1 + leading]):
        place = (slice(None), *plane)
        part = pixels[place]
        found[place] = cut(net.eval().score(mirrored(part, net)), part.shape[1:])
    return found


def put_together(tiles, shape, classes, dtype=np.float64):
    found = np.full((classes, *shape), np.nan, dtype)
    for tile, scores in tiles:
        assert scores.shape == (classes, *tile.shape)
        assert np.isnan(found[:, *tile.write]).all()
        found[:, *tile.write] = scores
    assert not np.isnan(found).any()
    return found


def some_image(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 200, shape, np.uint8)


@st.composite
def legal_tiles(draw, depth, dims):
    made = network(depth=depth)
    outputs = st.integers(2**depth, 70 if dims == 2 else 24)
    return tuple(made.input_size(draw(outputs)) for _ in range(dims))


@steady
@given(st.integers(1, 3), st.tuples(st.integers(1, 90), st.integers(1, 90)), st.data())
def test_any_tile_of_any_image(depth, shape, data):
    net = network(depth=depth)
    tile = data.draw(legal_tiles(depth, 2))
    image = some_image(shape)
    found = put_together(score_tiles(image, net, axes="YX", tile=tile), shape, 2)
    assert np.abs(found - whole(image, "YX", net)).max() <= 1e-10


@settings(steady, max_examples=12)
@given(
    st.integers(1, 2),
    st.tuples(st.integers(1, 20), st.integers(1, 30), st.integers(1, 30)),
    st.data(),
)
def test_volumes(depth, shape, data):
    net = network(depth=depth, dims=3)
    tile = data.draw(legal_tiles(depth, 3))
    image = some_image(shape)
    found = put_together(score_tiles(image, net, axes="ZYX", tile=tile), shape, 2)
    assert np.abs(found - whole(image, "ZYX", net)).max() <= 1e-10


@pytest.mark.parametrize("tile", [204, 236, 332])
@pytest.mark.parametrize("norm", ["none", "weight"])
def test_the_depth_of_the_paper_in_single_precision(tile, norm):
    net = network(double=False, depth=4, base=4, classes=3, norm=norm)
    image = some_image((150, 121))
    found = put_together(
        score_tiles(image, net, tile=tile, precision="float32"), (150, 121), 3, np.float32
    )
    assert found.dtype == np.float32
    assert np.abs(found - whole(image, "YX", net)).max() <= 1e-5


@pytest.mark.parametrize("average", ["none", "mirror", "rotate"])
@pytest.mark.parametrize("depth", [2, 4])
def test_the_average_is_that_of_the_whole_padded_image_turned(average, depth):
    net = network(depth=depth, classes=3, channels=2)
    image = some_image((2, 45, 83))
    pixels = mirrored(normalised(image, "CYX", net), net)
    flips = [()] if average == "none" else [(), (1,), (2,), (1, 2)]
    turned = []
    for flip, swap in product(flips, (False, True) if average == "rotate" else (False,)):
        seen = np.flip(pixels, flip)
        scores = net.eval().score(seen.swapaxes(1, 2) if swap else seen)
        turned.append(np.flip(scores.swapaxes(1, 2) if swap else scores, flip))
    assert len(turned) == {"none": 1, "mirror": 4, "rotate": 8}[average]
    expected = cut(np.mean(turned, axis=0), (45, 83))
    tile = (net.input_size(2**depth), net.input_size(2 * 2**depth))
    given = {"axes": "CYX", "average": average}
    found = put_together(score_tiles(image, net, tile=tile, **given), (45, 83), 3)
    assert np.abs(found - expected).max() <= 1e-10
    if average != "none":
        spread = segment(image, net, tile=tile, uncertainty="spread", **given).uncertainty
        assert np.abs(spread - cut(np.std(turned, axis=0).max(0)[None], (45, 83))[0]).max() < 1e-6


def test_the_average_of_volumes_has_sixteen_versions():
    net = network(depth=1, dims=3)
    image = some_image((5, 9, 14))
    pixels = mirrored(normalised(image, "ZYX", net), net)
    turned = []
    for z, y, x, swap in product((1, -1), (1, -1), (1, -1), (False, True)):
        seen = pixels[:, ::z, ::y, ::x]
        scores = net.eval().score(seen.swapaxes(2, 3) if swap else seen)
        turned.append((scores.swapaxes(2, 3) if swap else scores)[:, ::z, ::y, ::x])
    expected = cut(np.mean(turned, axis=0), image.shape)
    tiles = score_tiles(image, net, axes="ZYX", tile=(20, 20, 24), average="rotate")
    assert np.abs(put_together(tiles, image.shape, 2) - expected).max() <= 1e-10


@pytest.mark.parametrize(
    ("axes", "shape", "channels", "dims"),
    [
        ("YXC", (40, 31, 3), 3, 2),
        ("CYX", (2, 40, 31), 2, 2),
        ("TYX", (3, 20, 31), 1, 2),
        ("TZYX", (2, 3, 20, 17), 1, 2),
        ("TZYXC", (2, 2, 20, 17, 3), 3, 2),
        ("TCYX", (2, 2, 20, 17), 2, 2),
        ("TZYX", (2, 9, 12, 17), 1, 3),
        ("ZYXC", (9, 12, 17, 2), 2, 3),
    ],
)
def test_channels_and_planes_wherever_they_lie(axes, shape, channels, dims):
    net = network(channels=channels, dims=dims, depth=1)
    image = some_image(shape)
    places = tuple(n for n, letter in zip(shape, axes, strict=True) if letter != "C")
    found = put_together(score_tiles(image, net, axes=axes, tile=28), places, 2)
    assert np.abs(found - whole(image, axes, net)).max() <= 1e-10


def test_axes_in_an_unusual_order():
    net = network(channels=2, depth=1)
    image = some_image((2, 3, 20, 33))  # CTYX
    expected = whole(image, "CTYX", net)
    given = image.transpose(3, 1, 0, 2)  # XTCY
    found = put_together(score_tiles(given, net, axes="XTCY", tile=28), (33, 3, 20), 2)
    assert np.abs(found - expected.transpose(0, 3, 1, 2)).max() <= 1e-10


def test_background_is_subtracted_as_on_the_whole_image():
    net = network(depth=1)
    net.about["normalisation"] = {"low": 1.0, "high": 99.0, "flatten": 8.0}
    image = some_image((60, 70)) // 4 + np.arange(70, dtype=np.uint8)
    found = put_together(score_tiles(image, net, tile=28), (60, 70), 2)
    assert np.abs(found - whole(image, "YX", net)).max() <= 1e-10


@pytest.mark.parametrize("kind", ["dask", "zarr", "memmap", "list", "torch"])
def test_lazy_images_are_the_same_images(kind, tmp_path):
    net = network(depth=1)
    image = some_image((61, 70))
    if kind == "dask":
        lazy = da.from_array(image, chunks=(17, 20))
    elif kind == "zarr":
        lazy = zarr.create_array(tmp_path / "a.zarr", data=image, chunks=(16, 16))
    elif kind == "memmap":
        np.save(tmp_path / "a.npy", image)
        lazy = np.load(tmp_path / "a.npy", mmap_mode="r")
    elif kind == "list":
        lazy = image.tolist()
    else:
        lazy = torch.from_numpy(image)
    found = put_together(score_tiles(lazy, net, tile=40), (61, 70), 2)
    assert np.array_equal(found, put_together(score_tiles(image, net, tile=40), (61, 70), 2))


def test_a_region_has_the_scores_it_has_in_the_whole():
    net = network(depth=2)
    image = some_image((3, 70, 90))
    scoring = prepare(image, net, axes="TYX", tile=60)
    region = (slice(1, 2), slice(33, 50), slice(7, 80))
    found = np.full((2, 3, 70, 90), np.nan)
    for tile, scores, _ in scoring.score(scoring.tiles(region, near=(1, 40, 40))):
        found[:, *tile.write] = scores
    expected = np.full((2, 3, 70, 90), np.nan)
    place = (slice(None), 1, slice(32, 50), slice(4, 80))
    expected[place] = whole(image, "TYX", net)[place]
    assert np.allclose(found, expected, rtol=0, atol=1e-10, equal_nan=True)


@pytest.mark.parametrize("average", ["none", "rotate"])
def test_a_tile_without_enough_memory_is_scored_in_parts(average, monkeypatch):
    net = network(depth=1)
    image = some_image((170, 90))
    scoring = prepare(image, net, tile=100, average=average)
    expected = put_together(((s.tile, s.scores) for s in scoring.score()), (170, 90), 2)
    tried = []

    def forward(x):
        tried.append(tuple(x.shape[2:]))
        if x[0, 0].numel() > 60 * 60:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return UNet.forward(scoring.scorer.network, x)

    monkeypatch.setattr(scoring.scorer.network, "forward", forward)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = put_together(((s.tile, s.scores) for s in scoring.score()), (170, 90), 2)
    assert "not enough for tiles of 100 × 100 px: going on with 58 × 100" in str(said[0].message)
    assert len(said) == 2  # once for each size
    assert np.abs(found - expected).max() <= 1e-10
    assert tried.count((100, 100)) == 1


def test_when_the_smallest_tile_is_too_large_it_is_said(monkeypatch):
    scoring = prepare(some_image((40, 40)), network(depth=1), tile=18)

    def forward(x):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(scoring.scorer.network, "forward", forward)
    with pytest.raises(MemoryError, match="not enough for the smallest tile, 18 × 18 px"):
        list(scoring.score())


def test_other_errors_of_torch_are_not_taken_for_missing_memory(monkeypatch):
    scoring = prepare(some_image((20, 20)), network(depth=1))

    def forward(x):
        raise RuntimeError("something else")

    monkeypatch.setattr(scoring.scorer.network, "forward", forward)
    with pytest.raises(RuntimeError, match="something else"):
        list(scoring.score())


def test_a_network_that_trains_meanwhile_changes_nothing():
    net = network(depth=1).train()
    image = some_image((50, 60))
    expected = put_together(score_tiles(image, net, tile=28), (50, 60), 2)
    tiles = score_tiles(image, net, tile=28)
    first = next(tiles)
    with torch.no_grad():
        net.head.weight.zero_()
    found = put_together([first, *tiles], (50, 60), 2)
    assert np.array_equal(found, expected)  # dropout is off, too
    assert net.training


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("tile", [204, 332])
def test_a_gpu_in_single_precision(tile):
    net = network(double=False, depth=4, base=8, classes=3).cuda()
    image = some_image((150, 121))
    found = put_together(
        score_tiles(image, net, tile=tile, precision="float32"), (150, 121), 3, np.float32
    )
    exact = whole(image, "YX", net.cpu().double())
    assert np.abs(found - exact).max() <= 1e-5
    assert torch.backends.cudnn.allow_tf32  # as it was


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("average", ["none", "rotate"])
def test_a_gpu_in_half_precision(average):
    net = network(double=False, depth=3, base=16).cuda()
    image = some_image((700, 800))
    exact = segment(image, net, precision="float32", average=average, scores=True)
    half = segment(image, net, precision="bfloat16", average=average, scores=True, tile=284)
    assert np.abs(exact.scores - half.scores).max() < 0.2
