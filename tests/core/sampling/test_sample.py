"""A sample holds what its source holds at the deformed coordinates, and is never empty."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from napari_unet import Annotation, TrainSettings, draw_sample
from napari_unet.core.sampling.sample import preview_tile, preview_weights, undeformed
from napari_unet.core.sampling.source import Source
from napari_unet.core.sampling.synthetic_cells import draw_cells
from napari_unet.core.weights.formulas import Falk
from napari_unet.core.weights.weight_map import WeightMap

SMALL = TrainSettings.preset("nano", depth=2, tile=84, flatten=0.0, gray=0.0)


def cells(shape=(120, 130), seed=0):
    """Return a textured image and instance labels of discs, some touching."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint16)
    y, x = np.mgrid[: shape[0], : shape[1]]
    for number, (row, column) in enumerate(rng.integers(8, 110, (14, 2)), start=1):
        labels[((y - row) ** 2 + (x - column) ** 2 < 90) & (labels == 0)] = number
    return rng.normal(50, 10, shape) + 60 * (labels > 0), labels


@pytest.fixture
def annotation():
    return Annotation(*cells(), zero="background", ids="objects")


def test_image_classes_and_weights_are_cut_through_one_deformation(annotation):
    sample = draw_sample(annotation, SMALL, np.random.default_rng(4))
    source = Source.of(annotation, SMALL)
    places = sample.deformation.coordinates(sample.place.centre)
    image = map_coordinates(source.image[0].astype(float), places, order=1, mode="mirror")
    np.testing.assert_allclose(sample.image[0], image, atol=2e-3)
    lost = (sample.image.shape[1] - sample.classes.shape[0]) // 2
    inner = places[:, lost:-lost, lost:-lost]
    nearest = np.floor(inner + 0.5).astype(int)
    sure = (np.abs(inner - np.round(inner)) < 0.49).all(axis=0)  # away from ties
    inside = ((nearest >= 0) & (nearest < np.reshape(source.classes.shape, (2, 1, 1)))).all(axis=0)
    classes = source.classes[tuple(np.where(inside, nearest, 0))]
    np.testing.assert_array_equal(sample.classes[sure], np.where(inside, classes, 255)[sure])
    weights = map_coordinates(source.weights.astype(float), inner, order=1, mode="mirror")
    weights[sample.classes == 255] = 0
    np.testing.assert_allclose(sample.weights, weights, atol=2e-2)


def test_mirrored_pixels_weigh_nothing():
    annotation = Annotation(*cells((30, 40)), zero="background", ids="objects")
    sample = draw_sample(annotation, SMALL, np.random.default_rng(0))
    outside = sample.classes == 255
    assert outside.any()
    assert not sample.weights[outside].any()
    assert (sample.weights[~outside] > 0).all()


@pytest.mark.parametrize("seed", range(60))
def test_never_a_sample_without_a_label(seed):
    image, labels = cells()
    sparse = np.zeros(labels.shape, np.uint8)
    sparse[3, 5], sparse[118, 129] = 1, 2  # two pixels, in the corners
    annotation = Annotation(image, sparse)
    sample = draw_sample(annotation, SMALL, np.random.default_rng(seed))
    assert sample.weights.max() > 0
    assert (sample.classes != 255).any()


def test_rare_classes_and_fresh_strokes_come_up():
    image, _ = cells()
    labels = np.ones(image.shape, np.uint8)
    labels[60, 60] = 2
    labels[100, 20:24] = 3
    annotation = Annotation(image, labels)
    tight = TrainSettings.preset("nano", tile=48, sd=0.0, rotation=0.0, mirror=False)
    fresh = (slice(100, 101), slice(20, 24))

    def share(value, **more):
        draws = [
            draw_sample(annotation, tight, np.random.default_rng(s), **more) for s in range(400)
        ]
        return np.mean([(s.classes == value).any() for s in draws])

    assert 1 / 6 - 0.06 < share(1) < 1 / 6 + 0.06  # half of the draws, one of three classes
    assert share(2, fresh=fresh) > 0.5


def test_a_sample_is_the_same_on_every_machine(annotation):
    sample = draw_sample(annotation, SMALL, np.random.default_rng(11))
    again = draw_sample(annotation, SMALL, np.random.default_rng(11))
    np.testing.assert_array_equal(sample.image, again.image)
    assert hashlib.sha256(sample.classes.tobytes()).hexdigest()[:16] == "5f8a49a254343e1a"
    assert sample.place.centre == pytest.approx((21.5, 66.2874913), abs=1e-6)


def test_stacks_are_cut_plane_by_plane_and_volumes_as_a_whole():
    planes = [cells(seed=s) for s in range(3)]
    image, labels = np.stack([p[0] for p in planes]), np.stack([p[1] for p in planes])
    stack = Annotation(image, labels, axes="ZYX", zero="background", ids="objects")
    sample = draw_sample(stack, SMALL, np.random.default_rng(2))
    assert sample.image.shape == (1, 84, 84)
    assert len(sample.place.plane) == 1
    volume = TrainSettings.preset("nano", dims=3, depth=1, tile=24, flatten=0.0)
    sample = draw_sample(stack, volume, np.random.default_rng(2))
    assert sample.image.shape == (1, 24, 24, 24)
    assert sample.place.plane == ()
    flat = Annotation(*cells(), zero="background", ids="objects")
    with pytest.raises(ValueError, match="needs a Z axis"):
        draw_sample(flat, volume, np.random.default_rng(2))


def test_touching_objects_are_set_apart_by_background():
    labels = np.zeros((60, 60), np.uint8)
    labels[10:50, 10:30], labels[10:50, 30:50] = 1, 2
    image = np.random.default_rng(0).random((60, 60))
    annotation = Annotation(image, labels, zero="background", ids="objects")
    source = Source.of(annotation, replace(SMALL, w0=10.0))
    assert (source.classes[20, 28:32] == 0).any()
    between = source.weights[20, 28:32][source.classes[20, 28:32] == 0]
    assert between.min() > 5


def test_colour_comes_as_channels_and_arrays_are_read_only(annotation):
    image, labels = cells()
    colour = Annotation(np.stack([image] * 3, axis=-1), labels, zero="background", ids="objects")
    sample = draw_sample(colour, SMALL, np.random.default_rng(0))
    assert sample.image.shape[0] == 3
    with pytest.raises(ValueError, match="read-only"):
        sample.image[0, 0, 0] = 1


def test_undeformed_shows_the_same_place(annotation):
    plain = replace(SMALL, sd=0.0, rotation=0.0, mirror=False)
    sample = draw_sample(annotation, plain, np.random.default_rng(5))
    np.testing.assert_allclose(undeformed(annotation, plain, sample), sample.image, atol=0.2)


SETTINGS = TrainSettings.preset("nano", depth=2, tile=140, flatten=0.0, noise=0.05)


@pytest.fixture(scope="module")
def synthetic():
    image, labels = draw_cells(np.random.default_rng(0), (150, 170), 12)
    return Annotation(image, labels, zero="background", ids="objects")


def test_the_tile_is_the_sample_that_training_draws(synthetic):
    shown = preview_tile(synthetic, SETTINGS, 5)
    drawn = draw_sample(synthetic, SETTINGS, np.random.default_rng(5))
    np.testing.assert_array_equal(shown.sample.image, drawn.image)
    np.testing.assert_array_equal(shown.sample.weights, drawn.weights)
    lost = shown.border
    inner = shown.labels[lost:-lost, lost:-lost]
    known = drawn.classes == 1
    assert known.any()
    assert (inner[known] > 0).all()  # labels as painted lie where the sample has objects
    assert shown.painted == (0, 1)


def test_weights_are_those_training_cuts_from(synthetic):
    settings = TrainSettings.preset("nano", weighting="falk", w0=30.0, sigma=4.0, v=0.3, sigma1=7.0)
    shown = preview_weights(synthetic, settings)
    formula = Falk(v=0.3, sigma1=7.0, factor=30.0, sigma2=4.0)
    wanted = WeightMap(synthetic.objects, formula, classes=synthetic.classes).weights()
    np.testing.assert_array_equal(shown.values, wanted)
    assert (shown.low, shown.high) == (wanted.min(), wanted.max())


def test_weights_have_the_axes_of_the_labels():
    labels = np.zeros((30, 4, 40), np.uint8)  # Y, Z, X
    labels[5:10, 1], labels[20:25, 2] = 2, 3
    found = Annotation(np.zeros(labels.shape), labels, axes="YZX", zero="background", ids="objects")
    shown = preview_weights(found, SETTINGS)
    assert shown.values.shape == labels.shape
    source = Source.of(found, SETTINGS)
    np.testing.assert_array_equal(shown.values[:, 1], source.weights[1])
