"""Tiles lie beside their image, turned and scaled as it is; the camera moves only when it must."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_unet.widgets.layers.coordinates import labels_geometry
from napari_unet.widgets.preview.placement import (
    PreviewAxes,
    TilePlacement,
    fill_canvas,
    last_axes,
    look_at_layers,
    moved,
    turn_to,
)

pytestmark = pytest.mark.usefixtures("qapp")
TURNED = {"scale": (0.5, 2.0), "translate": (3, 4), "rotate": 30.0, "shear": [0.2]}


def test_a_moved_layer_has_its_first_pixel_at_the_pixel_asked_for():
    image = Image(np.zeros((20, 30)), **TURNED)
    other = Image(np.zeros((4, 5)), **moved(labels_geometry(image), (7, -2)))
    for point in ((0, 0), (3, 4)):
        np.testing.assert_allclose(
            other.data_to_world(point), image.data_to_world(np.add(point, (7, -2)))
        )


def test_the_last_axes_are_those_of_the_whole():
    image = Image(np.zeros((3, 20, 30)), scale=(4, 0.5, 2), translate=(9, 3, 4))
    flat = Image(np.zeros((20, 30)), **last_axes(labels_geometry(image), 2))
    for point in ((0, 0), (19, 29)):
        np.testing.assert_allclose(flat.data_to_world(point), image.data_to_world((0, *point))[1:])


@pytest.mark.parametrize(
    ("shape", "labels", "dims", "letters"),
    [
        ((20, 30), ("y", "x"), 2, "YX"),
        ((5, 20, 30), ("z", "y", "x"), 2, "YX"),
        ((5, 20, 30), ("z", "y", "x"), 3, "ZYX"),
        ((2, 20, 30), ("c", "y", "x"), 2, "YX"),
        ((5, 2, 20, 30), ("z", "c", "y", "x"), 3, "ZCYX"),
        ((30, 20), ("x", "y"), 2, "XY"),
    ],
)
def test_data_and_points_of_a_tile_have_the_axes_of_its_layer(shape, labels, dims, letters):
    axes = PreviewAxes.of(Image(np.zeros(shape), axis_labels=labels), dims)
    assert axes.letters == letters
    tile = np.arange(np.prod((3, 4, 5)[-dims:])).reshape((3, 4, 5)[-dims:])
    data = axes.array(tile)
    points = np.argwhere(tile >= 0)
    places = axes.points(points).astype(int)
    np.testing.assert_array_equal(data[tuple(places.T)], tile[tuple(points.T)])
    assert data.size == tile.size


def test_axes_that_cannot_be_shown_are_refused():
    with pytest.raises(ValueError, match="no Z: a network of volumes needs a stack"):
        PreviewAxes.of(Image(np.zeros((20, 30)), name="flat"), 3)
    mixed = Image(np.zeros((20, 5, 30)), axis_labels=("y", "t", "x"), name="film")
    with pytest.raises(ValueError, match="YX must be the last ones"):
        PreviewAxes.of(mixed, 2)


def given(shape, region):
    """A result of the preview, as far as its place depends on it."""
    sample = SimpleNamespace(
        image=np.zeros((1, *shape)), place=SimpleNamespace(centre=np.array([6.0, 0, 0]))
    )
    source = SimpleNamespace(region=region)
    return SimpleNamespace(
        preview=SimpleNamespace(sample=sample), request=SimpleNamespace(source=source)
    )


@pytest.mark.parametrize(("size", "side"), [((100, 300), "Y"), ((300, 100), "X"), ((90, 90), "X")])
def test_a_tile_lies_where_both_are_seen_largest(size, side):
    image = Image(np.zeros(size))
    place = TilePlacement.of(image, given((44, 44), (slice(0, size[0]), slice(0, size[1]))))
    edge = dict(zip("YX", size, strict=True))
    assert place.offset[side] >= edge[side] + 8
    other = "X" if side == "Y" else "Y"
    assert place.offset[other] == (edge[other] - 44) / 2
    inner = Image(np.zeros((4, 4)), **place.geometry(inner=20))
    np.testing.assert_allclose(inner.translate, [place.offset["Y"] + 20, place.offset["X"] + 20])


def test_lines_of_a_region_are_cut_to_the_image_and_a_volume_lies_at_its_planes():
    image = Image(np.zeros((20, 60, 70)))
    place = TilePlacement.of(image, given((8, 44, 44), (slice(2, 20), slice(10, 60), slice(5, 70))))
    assert place.offset["Z"] == 8 - 4  # the middle of the sample, in planes of the image
    (line,) = place.in_tile(np.array([[-30.0, 20.0], [0.0, 20.0], [40.0, 20.0]]))
    corner = np.array([place.offset["Y"], place.offset["X"]])
    assert (line + corner).min() >= -0.5
    np.testing.assert_allclose(line[-1] + corner, (50, 25))


def test_the_camera_stays_where_all_is_seen():
    viewer = ViewerModel()
    viewer.canvas.size = (400, 400)
    layer = viewer.add_image(np.zeros((100, 100)))
    far = viewer.add_image(np.zeros((10, 10)), translate=(500, 700))
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 50, 50), 2.0
    look_at_layers(viewer, [layer], whole=True)
    assert (viewer.scene.camera.center[-2:], viewer.scene.camera.zoom) == ((50, 50), 2.0)
    look_at_layers(viewer, [far], whole=True)
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], (504.5, 704.5), atol=0.6)
    assert 0.9 < viewer.scene.camera.zoom * 9 / 400 < 1  # 9 px between its outer pixels
    viewer.scene.camera.center = (0, 99, 99)
    zoom = viewer.scene.camera.zoom
    look_at_layers(viewer, [layer], whole=False)
    assert (viewer.scene.camera.center[-2:], viewer.scene.camera.zoom) == ((99, 99), zoom)
    fill_canvas(viewer, [layer, far])
    reach = 400 / viewer.scene.camera.zoom / 2
    centre = np.array(viewer.scene.camera.center[-2:])
    assert (centre - reach <= 0).all()
    assert (centre + reach >= (509, 709)).all()


def test_sliders_go_to_a_layer_that_lies_on_other_planes():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((20, 30, 30)))
    tile = viewer.add_image(np.zeros((4, 10, 10)), translate=(10, 0, 40))
    viewer.dims.set_point(0, 3)
    turn_to(viewer, tile)
    assert 10 <= viewer.dims.point[0] <= 13
    viewer.dims.set_point(0, 13)
    turn_to(viewer, tile)
    assert viewer.dims.point[0] == 13, "it was met there already"
