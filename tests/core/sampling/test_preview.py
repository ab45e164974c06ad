"""What the preview shows is what training draws: the same sample, the same weights."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from napari_unet import Annotation, TrainSettings, draw_sample
from napari_unet.core.deformation.geometry import fold_lines, outline
from napari_unet.core.sampling.sample import preview_tile, preview_weights
from napari_unet.core.sampling.source import Source
from napari_unet.core.sampling.synthetic_cells import draw_cells
from napari_unet.core.weights.formulas import Falk
from napari_unet.core.weights.weight_map import falk_weight_map

SETTINGS = TrainSettings.preset("nano", depth=2, tile=140, flatten=0.0, noise=0.05)


@pytest.fixture(scope="module")
def annotation():
    image, labels = draw_cells(np.random.default_rng(0), (150, 170), 12)
    return Annotation(image, labels, zero="background", ids="objects")


def test_the_tile_is_the_sample_that_training_draws(annotation):
    shown = preview_tile(annotation, SETTINGS, 5)
    drawn = draw_sample(annotation, SETTINGS, np.random.default_rng(5))
    np.testing.assert_array_equal(shown.sample.image, drawn.image)
    np.testing.assert_array_equal(shown.sample.weights, drawn.weights)
    lost = shown.border
    inner = shown.labels[lost:-lost, lost:-lost]
    known = drawn.classes == 1
    assert known.any()
    assert (inner[known] > 0).all()  # labels as painted lie where the sample has objects
    assert shown.painted == (0, 1)


def test_grid_lines_lie_where_straight_lines_of_the_image_are(annotation):
    shown = preview_tile(annotation, SETTINGS, 1)
    places = shown.sample.deformation.coordinates(shown.sample.place.centre)
    assert len(shown.grid) > 10
    for line in shown.grid:
        at = np.array([map_coordinates(axis, line.T, order=1) for axis in places])
        off = np.abs(at - np.round(at / shown.mesh) * shown.mesh).max(axis=1)
        assert off.min() < 0.1  # px: along the line one of the two coordinates stays


def test_outlines_are_where_the_edge_pixels_were_taken(annotation):
    shown = preview_tile(annotation, SETTINGS, 2)
    places = shown.sample.deformation.coordinates(shown.sample.place.centre)
    lost = shown.border
    for found, part in ((shown.outlines.input, places),
                        (shown.outlines.output, places[:, lost:-lost, lost:-lost])):  # fmt: skip
        np.testing.assert_array_equal(found, outline(part))
        np.testing.assert_array_equal(found[0], part[:, 0, 0])
        np.testing.assert_array_equal(found[-1], part[:, 0, 0])
        assert any((found == part[:, -1, -1]).all(axis=1))


def test_folds_are_counted_and_outlined(annotation):
    assert not preview_tile(annotation, SETTINGS, 1).folds
    wild = preview_tile(annotation, TrainSettings.preset("nano", tile=140, grid=6, sd=40.0), 1)
    assert wild.folded.pixels > 0
    assert wild.folds
    field = np.ones((9, 9))
    field[2:5, 3:7] = -1.0
    (line,) = fold_lines(field)
    np.testing.assert_allclose([line.min(axis=0), line.max(axis=0)], [[1.5, 2.5], [4.5, 6.5]])


def test_weights_are_those_training_cuts_from(annotation):
    settings = TrainSettings.preset("nano", weighting="falk", w0=30.0, sigma=4.0, v=0.3, sigma1=7.0)
    shown = preview_weights(annotation, settings)
    wanted = falk_weight_map(
        annotation.objects, v=0.3, sigma1=7.0, factor=30.0, sigma2=4.0, classes=annotation.classes
    )
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


def test_the_defaults_of_falk_are_written_alike():
    assert (TrainSettings().v, TrainSettings().sigma1) == (Falk.v, Falk.sigma1)
    settings = TrainSettings(weighting="falk", v=0.25, sigma1=3.0)
    assert TrainSettings.from_json(settings.to_json()) == settings
    with pytest.raises(ValueError, match=r"v is 0\.0"):
        TrainSettings(v=0.0)


def test_a_volume_shows_the_lines_of_its_middle():
    rng = np.random.default_rng(0)
    labels = np.zeros((24, 60, 60), np.uint8)
    labels[8:16, 20:40, 20:40] = 1
    found = Annotation(
        rng.random(labels.shape), labels, axes="ZYX", zero="background", ids="objects"
    )
    settings = TrainSettings.preset("nano", depth=1, tile=44, dims=3, flatten=0.0)
    shown = preview_tile(found, settings, 0)
    assert shown.labels.shape == shown.sample.image.shape[1:]
    places = shown.sample.deformation.coordinates(shown.sample.place.centre)
    np.testing.assert_array_equal(shown.outlines.input, outline(places[1:, places.shape[1] // 2]))
