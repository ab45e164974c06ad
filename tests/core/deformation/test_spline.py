"""Splines against scipy's."""

import numpy as np
import pytest
from scipy import ndimage

from napari_unet.core.deformation.spline import (
    REACH,
    node_slopes,
    node_weights,
    spline_coefficients,
)


@pytest.mark.parametrize("pixels", [1, 2, 3, 50, 572])
@pytest.mark.parametrize("nodes", [2, 3, 4, 9])
def test_weights_of_the_nodes(pixels, nodes):
    place = np.linspace(0, nodes - 1, pixels)[None]
    units = [ndimage.map_coordinates(u, place, order=3, mode="mirror") for u in np.eye(nodes)]
    found = node_weights(pixels, nodes)
    np.testing.assert_allclose(found, np.stack(units, axis=1), atol=1e-9)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-9)


def test_slopes_are_the_change_from_pixel_to_pixel():
    weights, slopes = node_weights(2001, 4), node_slopes(2001, 4)
    np.testing.assert_allclose(slopes, np.gradient(weights, axis=0, edge_order=2), atol=1e-7)
    np.testing.assert_allclose(slopes[[0, -1]], 0.0, atol=1e-9)  # mirrored: level at the ends
    assert not node_slopes(1, 3)[0].any()


@pytest.mark.parametrize("shape", [(40, 47), (30, 33, 36)])
def test_coefficients_of_an_image(shape):
    image = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    inside = (slice(REACH, -REACH),) * len(shape)
    found = spline_coefficients(image, len(shape))
    for channel, coefficients in zip(image, found, strict=True):
        margin = np.pad(channel.astype(float), 40, mode="reflect")
        margin[tuple(slice(40, 40 + n) for n in shape)] = channel
        expected = ndimage.spline_filter(margin, order=3, mode="mirror")
        expected = expected[tuple(slice(40, 40 + n) for n in shape)][inside]
        np.testing.assert_allclose(coefficients, expected, atol=3e-6)
