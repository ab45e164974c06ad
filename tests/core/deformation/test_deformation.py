"""Deformation against scipy in float64: places, images, labels, and what is drawn."""

import dataclasses
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import ndimage
from scipy.integrate import cumulative_trapezoid

from napari_unet.core.deformation.deformation import Deformation, GrayCurve

# Drawn once with seed 2015: another value on any machine or with any version is a defect.
NODES = [[-1.995, -16.1927, -11.5296], [-8.2426, 4.6365, -9.7727]]
TURN = (1.466, (True, False), (0.4673, -0.3372))
CURVE = (-0.03698, 1.014144, (1.142313, 0.926264, 1.17779, 1.113272, 1.145781))
NOISE_SEED = 137895558500080198
TILE = [-0.4459426, -0.5036545, 0.6228838, -0.875095]


def rng(seed=0):
    return np.random.default_rng(seed)


def smooth_image(shape, seed=1):
    return ndimage.gaussian_filter(rng(seed).random(shape), 1.0)


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


def test_labels_go_where_the_image_goes():
    """A pixel's label is the id of a place less than half a pixel off the image's on each axis."""
    shape = (80, 90)
    place = np.indices(shape).astype(np.float32)
    ids = np.arange(np.prod(shape)).reshape(shape)
    drawn = Deformation.draw(rng(8), shape)
    found = np.stack(np.unravel_index(drawn.warp_labels(ids), shape))
    assert np.abs(found - drawn.warp(place)).max() <= 0.5 + 1e-4


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


def drawn(gray, count=500):
    rng = np.random.default_rng(0)
    return [GrayCurve.draw(rng, gray) for _ in range(count)]


def test_a_curve_is_the_integral_of_its_slopes():
    for curve in drawn(0.7, 5):
        value = np.linspace(0, 1, 4001)
        rise = cumulative_trapezoid(
            np.interp(value, np.linspace(0, 1, 5), curve.slopes), value, initial=0
        )
        expected = curve.black + (curve.white - curve.black) * rise / rise[-1]
        np.testing.assert_allclose(curve.apply(value), expected, atol=1e-6)


@pytest.mark.parametrize("gray", [0.2, 1.0])
def test_every_curve_rises_everywhere(gray):
    value = np.linspace(-3, 4, 2000, dtype=np.float32)
    for curve in drawn(gray, 100):
        assert (np.diff(curve.apply(value)) > 0).all()


def test_the_strength_of_the_freiburg_plugin():
    """Its editor: black -0.05 to 0.05, white 0.95 to 1.05, slope 0.8 to 1.2."""
    curves = drawn(0.2)
    low, high = (np.percentile([c.black for c in curves], q) for q in (0, 100))
    assert -0.05 <= low < -0.045
    assert 0.045 < high <= 0.05
    low, high = (np.percentile([c.white for c in curves], q) for q in (0, 100))
    assert 0.95 <= low < 0.955
    assert 1.045 < high <= 1.05
    slopes = np.array([c.slopes for c in curves])
    assert 1 / 1.2 - 1e-6 <= slopes.min() < 0.84
    assert 1.19 < slopes.max() <= 1.2 + 1e-6


def test_beyond_black_and_white_the_curve_goes_straight_on():
    curve = GrayCurve(0.1, 0.9, (1.0, 2.0, 1.0, 1.0, 0.5))
    for ends in ([-2, -1, 0], [1, 2, 3]):
        values = curve.apply(np.array(ends, np.float32))
        assert values[1] - values[0] == pytest.approx(values[2] - values[1], rel=1e-5)
    edge = curve.apply(np.array([-0.01, 0, 0.01, 0.99, 1, 1.01]))
    bends = np.diff(edge, 2)[[0, 3]]
    np.testing.assert_allclose(bends, 0, atol=1e-3)  # no corner where the straight lines begin


def test_what_is_not_a_number_stays_and_the_tile_too():
    tile = np.array([np.nan, 0.5], np.float32)
    changed = drawn(0.5, 1)[0].apply(tile)
    np.testing.assert_array_equal(np.isnan(changed), [True, False])
    assert changed[1] != tile[1] == 0.5


def test_no_strength_no_change():
    assert all(curve.straight for curve in drawn(0.0, 20))
    assert not any(curve.straight for curve in drawn(0.01, 20))


def test_falling_curves_are_refused():
    with pytest.raises(ValueError, match="white must be above black"):
        GrayCurve(black=0.5, white=0.5)
    with pytest.raises(ValueError, match="all above 0"):
        GrayCurve(slopes=(1.0, 0.0))
