import numpy as np
import pytest

from napari_unet.core.teaching.image_view import PIECE, ImageView
from napari_unet.core.teaching.pixel_classifier import EACH, REACH, SCALES, FilterBank, filtered


def test_a_parabola_bends_by_twice_its_factor():
    """Of y² / 50 the bend along rows is 1 / 25 everywhere, across them 0, times sd²."""
    rows = np.arange(-60, 61, dtype=np.float32)
    gray = np.repeat((rows**2 / 50)[:, None], 121, axis=1)
    found = filtered(gray)[:, 60, 60].reshape(len(SCALES), EACH)
    for sd, (_, slope, more, less, *_spread) in zip(SCALES[:3], found[:3], strict=True):
        assert more == pytest.approx(sd**2 / 25, rel=1e-3)
        assert less == pytest.approx(0, abs=1e-4)
        assert slope == pytest.approx(0, abs=1e-3)


def test_turning_the_image_turns_the_filters_and_changes_no_value():
    gray = np.random.default_rng(0).random((70, 90), np.float32)
    turned = filtered(np.rot90(gray).copy())
    np.testing.assert_allclose(turned, np.rot90(filtered(gray), axes=(1, 2)), atol=2e-4)


def test_pieces_put_together_are_the_whole():
    image = np.random.default_rng(1).integers(0, 255, (PIECE + 90, 150), np.uint8)
    picture = ImageView(image, "YX")
    filters = FilterBank(picture)
    whole = picture.plane(())[(slice(0, 1), slice(0, PIECE + 90), slice(0, 150))][0]
    expected = filtered(np.pad(whole, REACH, mode="reflect"))[:, REACH:-REACH, REACH:-REACH]
    box = (slice(PIECE - 40, PIECE + 60), slice(20, 140))
    found = filters.of((), box)
    np.testing.assert_allclose(found, expected[(slice(None), *box)], atol=1e-5)
    pixels = np.array([[PIECE - 1, 0], [PIECE, 149], [3, 77]])
    np.testing.assert_allclose(
        filters.at((), pixels), expected[:, pixels[:, 0], pixels[:, 1]].T, atol=1e-5
    )
    beyond = filters.of((), (slice(-5, 10), slice(0, 8)))
    np.testing.assert_array_equal(beyond[:, 0], beyond[:, 10])  # mirrored at row 0


def test_each_channel_has_its_own_filters():
    image = np.random.default_rng(2).integers(0, 255, (60, 50, 3), np.uint8)
    found = FilterBank(ImageView(image, "YXC")).of((), (slice(0, 60), slice(0, 50)))
    assert found.shape == (3 * len(SCALES) * EACH, 60, 50)
