"""The compiled loops against scipy in float64: places, interpolated values, nearest labels."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_unet.core.deformation.deformation import Deformation

PLANE, VOLUME = ((61, 70), (90, 75)), ((9, 22, 31), (14, 40, 33))


def rng(seed=0):
    return np.random.default_rng(seed)


def reference_places(drawn, centre):
    """Where each pixel lies: displaced, mirrored and turned about the middle, shifted."""
    shape, nodes = drawn.shape, drawn.nodes
    pixel = np.indices(shape).astype(float)
    node = [
        p * (k - 1) / max(1, n - 1) for p, k, n in zip(pixel, nodes.shape[1:], shape, strict=True)
    ]
    away = [
        p + ndimage.map_coordinates(d, node, order=3, mode="mirror") - (n - 1) / 2
        for p, d, n in zip(pixel, nodes, shape, strict=True)
    ]
    away = [-a if flag else a for a, flag in zip(away, drawn.mirror, strict=True)]
    cos, sin = np.cos(np.deg2rad(drawn.angle)), np.sin(np.deg2rad(drawn.angle))
    *z, y, x = away
    turned = [*z, cos * y - sin * x, sin * y + cos * x]
    return np.stack([c + s + a for c, s, a in zip(centre, drawn.shift, turned, strict=True)])


def reference(drawn, source, centre, order):
    places = reference_places(drawn, centre)
    source = source.astype(float) if order else source
    return ndimage.map_coordinates(source, places, order=order, mode="mirror")


def smooth_image(shape, seed=1):
    return ndimage.gaussian_filter(rng(seed).random(shape), 1.0)


@pytest.mark.parametrize(("shape", "big"), [PLANE, VOLUME])
@pytest.mark.parametrize("seed", range(4))
def test_image_and_labels_as_scipy_finds_them(shape, big, seed):
    drawn = Deformation.draw(rng(seed), shape)
    centre = [n * f for n, f in zip(big, (0.3, 0.55, 0.7), strict=False)]
    image, labels = smooth_image(big), rng(9).integers(0, 1000, big)
    for order in (1, 3):
        found = drawn.cut(image, centre, order)
        wrong = np.abs(found - reference(drawn, image, centre, order)).max()
        assert wrong <= 1e-5 * np.ptp(image)
        assert found.dtype == np.float32
    ties = 2e-5  # coordinates differ in their last digits
    differ = drawn.cut_labels(labels, centre) != reference(drawn, labels, centre, 0)
    assert differ.mean() <= ties


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_any_tile_of_any_image(data):
    """Axes of one pixel, tiles far outside or larger than the image, any grid."""
    dims = data.draw(st.sampled_from((2, 3)))
    size = st.integers(1, 12)
    shape, big = (data.draw(st.tuples(*(size,) * dims)) for _ in "ab")
    drawn = Deformation.draw(
        rng(data.draw(st.integers(0, 99))), shape,
        grid=data.draw(st.integers(2, 5)), sd=data.draw(st.sampled_from((0.0, 3.0, 20.0))),
    )  # fmt: skip
    centre = data.draw(st.tuples(*(st.floats(-40, 40),) * dims))
    image = rng(2).random(big)
    for order in (1, 3):
        found = drawn.cut(image, centre, order)
        np.testing.assert_allclose(found, reference(drawn, image, centre, order), atol=2e-5)


@pytest.mark.parametrize(("shape", "big"), [PLANE, VOLUME])
def test_coordinates_and_displacement_are_those_of_the_spline(shape, big):
    drawn = Deformation.draw(rng(3), shape)
    np.testing.assert_allclose(
        drawn.coordinates(big), reference_places(drawn, big), rtol=0, atol=1e-8
    )
    straight = dataclasses.replace(Deformation.identity(shape), nodes=drawn.nodes)
    middle = [(n - 1) / 2 for n in shape]
    np.testing.assert_allclose(
        drawn.displacement, reference_places(straight, middle) - np.indices(shape), atol=1e-8
    )


@pytest.mark.parametrize("shape", [(20, 30), (6, 20, 30)])
def test_a_shift_of_one_pixel_goes_along_its_axis(shape):
    image = rng(6).random(shape).astype(np.float32)
    for axis in range(len(shape)):
        shift = tuple(float(a == axis) for a in range(len(shape)))
        moved = dataclasses.replace(Deformation.identity(shape), shift=shift)
        expected = np.roll(image, -1, axis)
        inside = [slice(None)] * len(shape)
        inside[axis] = slice(0, -1)
        np.testing.assert_array_equal(moved.warp(image)[tuple(inside)], expected[tuple(inside)])


def test_right_angles_and_mirrors_are_exact():
    image = rng(7).random((4, 31, 31)).astype(np.float32)
    plain = Deformation.identity((31, 31))
    turned = dataclasses.replace(plain, angle=90.0)
    np.testing.assert_array_equal(turned.warp(image), np.rot90(image, axes=(2, 1)))
    for axis, flags in enumerate([(True, False), (False, True)]):
        flipped = dataclasses.replace(plain, mirror=flags)
        np.testing.assert_array_equal(flipped.warp(image), np.flip(image, axis + 1))
    volume = dataclasses.replace(Deformation.identity((4, 31, 31)), angle=90.0)
    np.testing.assert_array_equal(volume.warp(image), np.rot90(image, axes=(2, 1)))


def test_ties_between_labels_go_to_the_higher_coordinate():
    half = dataclasses.replace(Deformation.identity((4, 4)), shift=(0.5, 0.0))
    labels = np.arange(16).reshape(4, 4)
    np.testing.assert_array_equal(half.warp_labels(labels)[:3], labels[1:])


def test_beyond_the_edge_the_image_is_mirrored_as_often_as_needed():
    image = rng(10).random((7, 5)).astype(np.float32)
    labels = rng(10).integers(0, 99, (7, 5))
    far = 40
    drawn = Deformation.draw(rng(11), (30, 28))
    padded, padded_labels = (np.pad(a, far, mode="reflect") for a in (image, labels))
    centre = np.array((1.25, 6.5))
    np.testing.assert_allclose(
        drawn.cut(image, centre), drawn.cut(padded, centre + far), rtol=0, atol=1e-5
    )
    np.testing.assert_array_equal(
        drawn.cut_labels(labels, centre), drawn.cut_labels(padded_labels, centre + far)
    )
