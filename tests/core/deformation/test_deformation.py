"""Deformation against scipy in float64: places, images, labels, and what is drawn."""

import dataclasses
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_unet.core.deformation.deformation import Deformation

# Drawn once with seed 2015: another value on any machine or with any version is a defect.
NODES = [[-1.995, -16.1927, -11.5296], [-8.2426, 4.6365, -9.7727]]
TURN = (1.466, (True, False), (0.4673, -0.3372))
CURVE = (-0.03698, 1.014144, (1.142313, 0.926264, 1.17779, 1.113272, 1.145781))
NOISE_SEED = 137895558500080198
TILE = [-0.4459426, -0.5036545, 0.6228838, -0.875095]

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


def test_whole_image_is_the_tile_around_its_middle():
    drawn, image = Deformation.draw(rng(4), (40, 51)), smooth_image((2, 40, 51))
    labels = rng().integers(0, 9, (40, 51), dtype=np.uint8)
    for order in (1, 3):
        np.testing.assert_array_equal(
            drawn.warp(image, order), drawn.cut(image, (19.5, 25.0), order)
        )
    np.testing.assert_array_equal(drawn.warp_labels(labels), drawn.cut_labels(labels, (19.5, 25)))


@pytest.mark.parametrize("shape", [(33, 40), (8, 13, 11)])
def test_identity_changes_nothing(shape):
    image = rng(5).random((2, *shape)).astype(np.float32)
    labels = rng(5).integers(0, 2**40, shape)
    plain = Deformation.identity(shape)
    np.testing.assert_array_equal(plain.warp(image), image)
    np.testing.assert_allclose(plain.warp(image, 3), image, atol=2e-6)
    np.testing.assert_array_equal(plain.warp_labels(labels), labels)
    np.testing.assert_array_equal(plain.change_gray(image), image)
    assert plain.folded() == (0, 0.0)


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


def test_labels_go_where_the_image_goes():
    """A pixel's label is the id of a place less than half a pixel off the image's on each axis."""
    shape = (80, 90)
    place = np.indices(shape).astype(np.float32)
    ids = np.arange(np.prod(shape)).reshape(shape)
    drawn = Deformation.draw(rng(8), shape)
    found = np.stack(np.unravel_index(drawn.warp_labels(ids), shape))
    assert np.abs(found - drawn.warp(place)).max() <= 0.5 + 1e-4


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


def test_threads_give_the_same_tile():
    drawn, image = Deformation.draw(rng(12), (100, 100)), smooth_image((300, 300))
    with ThreadPoolExecutor(4) as pool:
        tiles = list(pool.map(lambda _: drawn.cut(image, (150, 150), 3), range(8)))
    assert all(np.array_equal(tile, tiles[0]) for tile in tiles)


def test_the_displacement_at_the_nodes_has_the_sd_asked_for():
    nodes = (slice(None), slice(None, None, 4), slice(None, None, 4))
    source = rng(13)
    drawn = np.stack([Deformation.draw(source, (9, 9)).displacement[nodes] for _ in range(2000)])
    assert drawn.shape == (2000, 2, 3, 3)
    assert drawn.std() == pytest.approx(10.0, abs=0.15)
    np.testing.assert_allclose(drawn.std(axis=(0, 2, 3)), 10.0, atol=0.3)
    np.testing.assert_allclose(drawn.mean(axis=0), 0.0, atol=1.0)
    correlation = np.corrcoef(drawn.reshape(2000, -1), rowvar=False) - np.eye(18)
    assert np.abs(correlation).max() < 0.1


def test_turns_mirrors_and_shifts_are_drawn_evenly():
    source = rng(14)
    drawn = [Deformation.draw(source, (9, 9), rotation=30.0) for _ in range(2000)]
    angles = np.array([d.angle for d in drawn])
    assert np.abs(angles).max() <= 30
    np.testing.assert_allclose(np.percentile(angles, (5, 50, 95)), (-27, 0, 27), atol=2.0)
    np.testing.assert_allclose(np.mean([d.mirror for d in drawn], axis=0), 0.5, atol=0.04)
    shifts = np.array([d.shift for d in drawn])
    np.testing.assert_allclose(np.percentile(shifts, (0, 50, 100)), (-0.5, 0, 0.5), atol=0.03)


def test_nothing_asked_nothing_changed():
    image = rng(15).random((30, 31)).astype(np.float32)
    none = Deformation.draw(rng(15), (30, 31), sd=0, rotation=0, mirror=False, gray=0)
    np.testing.assert_array_equal(none.change_gray(none.warp(image)), image)


def test_strength_scales_the_pattern_and_leaves_it_alone():
    weak = Deformation.draw(rng(16), (50, 50), sd=5.0, rotation=10.0, gray=0.1)
    strong = Deformation.draw(rng(16), (50, 50), sd=(10.0, 20.0), rotation=20.0, gray=1.0, noise=1)
    np.testing.assert_allclose(strong.nodes[0], 2 * weak.nodes[0], atol=2e-4)
    np.testing.assert_allclose(strong.nodes[1], 4 * weak.nodes[1], atol=4e-4)
    assert strong.angle == pytest.approx(2 * weak.angle, abs=2e-4)
    assert (strong.mirror, strong.shift) == (weak.mirror, weak.shift)


def test_a_seed_gives_the_same_everywhere():
    drawn = Deformation.draw(rng(2015), (572, 572), noise=0.1)
    again = Deformation.draw(rng(2015), (572, 572), noise=0.1)
    np.testing.assert_array_equal(drawn.nodes, again.nodes)
    assert drawn.nodes[:, 0].tolist() == NODES
    assert (drawn.angle, drawn.mirror, drawn.shift) == TURN
    assert (drawn.curve.black, drawn.curve.white, drawn.curve.slopes) == CURVE
    assert drawn.noise_seed == NOISE_SEED
    y, x = np.indices((700, 700))
    tile = drawn.change_gray(drawn.cut(np.sin(y / 9) * np.cos(x / 7), (350, 340)))
    np.testing.assert_allclose(tile[::190, 7], TILE, atol=2e-6)


def test_noise_is_the_same_in_preview_and_training():
    drawn = Deformation.draw(rng(17), (200, 200), gray=0, noise=0.25)
    tile = np.full((200, 200), 0.5, np.float32)
    first = drawn.change_gray(tile)
    np.testing.assert_array_equal(first, drawn.change_gray(tile))
    assert first.std() == pytest.approx(0.25, abs=0.005)
    other = Deformation.draw(rng(18), (200, 200), gray=0, noise=0.25).change_gray(tile)
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.03


@pytest.mark.parametrize(("shape", "sd"), [((120, 140), 60.0), ((30, 40, 50), 14.0)])
def test_folding_is_where_the_gradient_says(shape, sd):
    drawn = Deformation.draw(rng(19), shape, sd=sd, rotation=90)
    gradient = np.stack([np.stack(np.gradient(d, edge_order=2)) for d in drawn.displacement])
    jacobian = np.linalg.det(np.moveaxis(gradient, (0, 1), (-2, -1)) + np.eye(len(shape)))
    share = (jacobian <= 0).mean()
    folded = drawn.folded()
    assert 0.05 < share < 0.6
    assert folded.share == pytest.approx(share, abs=0.01)
    assert folded.pixels == round(folded.share * np.prod(shape))


def test_nothing_folds_at_the_size_and_strength_of_the_paper():
    drawn = [Deformation.draw(rng(seed), (572, 572)) for seed in range(5)]
    assert all(d.folded().pixels == 0 for d in drawn)


def test_what_is_drawn_stays():
    drawn = Deformation.draw(rng(20), (30, 30))
    with pytest.raises(dataclasses.FrozenInstanceError):
        drawn.angle = 1.0
    with pytest.raises(ValueError, match="read-only"):
        drawn.nodes[0, 0, 0] = 1.0
    image = smooth_image((30, 30))
    travelled = pickle.loads(pickle.dumps(drawn))
    np.testing.assert_array_equal(travelled.warp(image), drawn.warp(image))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"grid": 1}, "grid is 1: at least 2 nodes"),
        ({"grid": 3.0}, "grid is 3.0: at least 2 nodes"),
        ({"sd": -1.0}, "sd is -1.0: give one number of pixels, 0 or above"),
        ({"sd": (1.0, 2.0, 3.0)}, "or one for each of 2 axes"),
        ({"sd": np.nan}, "sd is nan"),
        ({"rotation": 181.0}, "rotation is 181.0: it must lie between 0 and 180"),
        ({"gray": 1.5}, "gray is 1.5: it must lie between 0 and 1"),
        ({"noise": -0.1}, "noise is -0.1"),
        ({"noise": np.inf}, "noise is inf"),
        ({"shape": (30,)}, "2 or 3 whole numbers"),
        ({"shape": (30, 0)}, "2 or 3 whole numbers"),
        ({"shape": (30.5, 20)}, "2 or 3 whole numbers"),
        ({"shape": 30}, "2 or 3 whole numbers"),
    ],
)
def test_bad_strengths_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        Deformation.draw(rng(), **{"shape": (30, 30), **changes})


def test_a_seed_is_not_a_generator():
    with pytest.raises(TypeError, match="give a numpy generator"):
        Deformation.draw(7, (30, 30))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"nodes": np.zeros((2, 3))}, "needs \\(2, n, …\\)"),
        ({"nodes": np.zeros((3, 3, 3))}, "needs \\(2, n, …\\)"),
        ({"nodes": np.zeros((2, 1, 3))}, "at least 2 nodes"),
        ({"nodes": np.full((2, 3, 3), np.nan)}, "hold NaN"),
        ({"angle": np.inf}, "hold NaN or infinity"),
        ({"mirror": (True,)}, "mirror has 1 and shift 2 entries"),
        ({"shift": (0.0,) * 3}, "mirror has 2 and shift 3 entries"),
    ],
)
def test_bad_fields_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(Deformation.identity((30, 30)), **changes)


def test_an_image_of_another_shape_is_refused():
    drawn = Deformation.draw(rng(), (30, 30))
    for warp in (drawn.warp, drawn.warp_labels, drawn.change_gray):
        with pytest.raises(ValueError, match=r"the image is \(30, 31\) and the tile \(30, 30\)"):
            warp(np.zeros((30, 31), np.uint8))
