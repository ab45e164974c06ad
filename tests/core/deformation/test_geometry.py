"""Where the pixels of a deformed tile lie, where lines run in it, and where it is folded."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from napari_unet import Annotation, TrainSettings
from napari_unet.core.deformation.deformation import Deformation
from napari_unet.core.deformation.geometry import fold_lines, grid_lines, matrix_of, outline
from napari_unet.core.sampling.sample import preview_tile
from napari_unet.core.sampling.synthetic_cells import draw_cells


def rng(seed=0):
    return np.random.default_rng(seed)


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


SETTINGS = TrainSettings.preset("nano", depth=2, tile=140, flatten=0.0, noise=0.05)


@pytest.fixture(scope="module")
def annotation():
    image, labels = draw_cells(np.random.default_rng(0), (150, 170), 12)
    return Annotation(image, labels, zero="background", ids="objects")


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


def test_lines_of_a_tile_that_is_not_deformed_are_straight():
    places = np.indices((41, 53)) + np.array([10.0, 20.0])[:, None, None]
    lines = grid_lines(places, 16.0)
    levels = [np.unique(line.round(6), axis=0) for line in lines]
    rows = [line[0, 0] for line in levels if np.ptp(line[:, 0]) == 0]
    columns = [line[0, 1] for line in levels if np.ptp(line[:, 1]) == 0]
    assert rows == [6, 22, 38]  # 16, 32 and 48 px of the image
    assert columns == [12, 28, 44]
    assert len(lines) == 6
    assert all(line[:, 1].min() == 0 and line[:, 1].max() == 52 for line in lines[:3])


def test_a_turn_keeps_lengths_and_goes_from_rows_towards_columns():
    np.testing.assert_array_equal(matrix_of(90, (False, False)) @ (1, 0), (0, 1))
    np.testing.assert_array_equal(matrix_of(0, (True, False)), np.diag([-1, 1]))
    volume = matrix_of(33.0, (False, True, False))
    np.testing.assert_allclose(volume @ volume.T, np.eye(3), atol=1e-11)
    assert np.linalg.det(volume) == pytest.approx(-1)
    assert volume[0].tolist() == [1, 0, 0]  # about z
