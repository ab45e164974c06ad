"""Percentiles of the whole image, whatever its axes, its size in memory and its background."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_unet.core import normalisation
from napari_unet.core.normalisation import Normalisation

RNG = np.random.default_rng(7)


def whole(contrast, image):
    return contrast.apply(image, tuple(np.arange(n) for n in image.shape[1:]))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64, bool])
def test_percentiles_become_zero_and_one(dtype):
    image = (RNG.random((40, 50)) * 200 // (100 if dtype is bool else 1)).astype(dtype)
    found = whole(Normalisation(2.0, 99.0).measure(image, "YX"), image[None])[0]
    low, high = np.percentile(image.astype(float), (2.0, 99.0))
    np.testing.assert_allclose(found, (image.astype(float) - low) / (high - low), atol=1e-5)


@pytest.mark.parametrize("axes", ["YXC", "CYX", "XYC", "ZYXC", "TZCYX"])
def test_channels_are_measured_apart_over_all_planes(axes):
    size = {"T": 2, "Z": 3, "Y": 20, "X": 30, "C": 3}
    image = RNG.random(tuple(size[a] for a in axes)) * 10
    contrast = Normalisation(5.0, 95.0).measure(image, axes)
    rows = np.moveaxis(image, axes.index("C"), 0).reshape(3, -1)
    np.testing.assert_allclose(contrast.low, np.percentile(rows, 5.0, axis=1), rtol=1e-5)
    np.testing.assert_allclose(contrast.high, np.percentile(rows, 95.0, axis=1), rtol=1e-5)


def test_a_constant_image_becomes_zero_and_missing_values_do_not_count():
    flat = np.full((1, 9, 9), 77, np.uint8)
    assert not whole(Normalisation().measure(flat[0], "YX"), flat).any()
    holed = RNG.random((30, 30))
    holed[3, 4], holed[5, 6] = np.nan, np.inf
    contrast = Normalisation(0.0, 100.0).measure(holed, "YX")
    finite = holed[np.isfinite(holed)]
    assert contrast.low[0] == pytest.approx(finite.min())
    assert contrast.high[0] == pytest.approx(finite.max())


@pytest.mark.parametrize("flatten", [0.0, 8.0])
def test_strips_give_what_the_whole_image_gives(monkeypatch, flatten):
    image = RNG.random((3, 61, 47))
    settings = Normalisation(1.0, 99.0, flatten)
    once = settings.measure(image, "ZYX")
    monkeypatch.setattr(normalisation, "STRIP", 47 * 5)
    strips = settings.measure(image, "ZYX")
    np.testing.assert_allclose(whole(once, image[None]), whole(strips, image[None]), atol=1e-6)


@pytest.mark.parametrize("size", [(200, 160), (301, 257)])
def test_flattening_subtracts_a_blur(size):
    y, x = np.mgrid[: size[0], : size[1]]
    image = 40 + y * 0.3 + 20 * np.sin(x / 60) + RNG.normal(0, 1, size)
    sd = 16.0
    contrast = Normalisation(0.0, 100.0, sd).measure(image, "YX")
    wanted = image - gaussian_filter(image, sd, mode="mirror")
    found = whole(contrast, image[None])[0] * (contrast.high - contrast.low) + contrast.low
    inside = (slice(32, -32),) * 2
    assert np.abs(found - wanted)[inside].max() < 0.25  # gray values; the noise has an sd of 1


def test_a_part_is_normalised_as_in_the_whole():
    image = RNG.random((2, 64, 80))
    contrast = Normalisation(flatten=6.0).measure(image, "CYX")
    rows, columns = np.array([5, 4, 3, 9]), np.arange(60, 80)
    part = contrast.apply(image[:, rows][:, :, columns], (rows, columns))
    np.testing.assert_array_equal(part, whole(contrast, image)[:, rows][:, :, columns])


def test_round_trip_and_empty_image():
    settings = Normalisation(0.5, 99.5, 12.0)
    assert Normalisation.of({"normalisation": settings.to_dict()}) == settings
    with pytest.raises(ValueError, match="has no pixels"):
        settings.measure(np.zeros((0, 5)), "YX")
