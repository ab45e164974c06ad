"""Axes, shapes, planes and regions of layers of every kind."""

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_unet.widgets.layers import layers
from napari_unet.widgets.layers.annotation_layers import new_annotation_layer, snapshot
from napari_unet.widgets.layers.coordinates import (
    axes_of,
    from_layer,
    labels_geometry,
    labels_shape,
    pixels_of,
    region_from_layer,
    region_to_layer,
)
from napari_unet.widgets.layers.layers import notes
from napari_unet.widgets.shared.session import Session

UM = "micrometer"


def image(shape, **more):
    return Image(np.zeros(shape, np.uint8), name="cells", **more)


KINDS = {
    "plane": (image((20, 30)), "YX", (20, 30)),
    "colour": (image((20, 30, 3), rgb=True), "YXC", (20, 30)),
    "volume": (image((5, 20, 30)), "ZYX", (5, 20, 30)),
    "film of volumes": (image((2, 5, 20, 30)), "TZYX", (2, 5, 20, 30)),
    "colour stack": (image((5, 20, 30, 4), rgb=True), "ZYXC", (5, 20, 30)),
    "film by its labels": (image((5, 20, 30), axis_labels=("t", "y", "x")), "TYX", (5, 20, 30)),
    "channels first": (image((2, 20, 30), axis_labels=("c", "y", "x")), "CYX", (20, 30)),
    "ImageJ": (image((2, 5, 3, 20, 30)), "TZCYX", (2, 5, 1, 20, 30)),
    "pyramid": (Image([np.zeros((40, 60)), np.zeros((20, 30))], multiscale=True), "YX", (40, 60)),
    "dask": (Image(da.zeros((4, 20, 30), chunks=(1, 20, 30))), "ZYX", (4, 20, 30)),
    "zarr": (Image(zarr.zeros((20, 30), chunks=(10, 10))), "YX", (20, 30)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_image_has_axes_and_labels(kind):
    layer, axes, shape = KINDS[kind]
    assert axes_of(layer) == axes
    assert labels_shape(layer) == shape
    viewer = ViewerModel()
    viewer.add_layer(layer)
    made = new_annotation_layer(viewer, layer)
    assert made.data.shape == shape
    assert made.data.dtype == np.uint8
    assert made.editable
    assert Session.of(viewer).pairs.annotation_of(layer) is made
    np.testing.assert_allclose(made.extent.world[:, -2:], layer.extent.world[:, -2:])
    made.data_setitem(tuple(np.zeros(1, int) for _ in shape), 2)
    taken = snapshot(layer, made)
    edges = dict(zip(axes, taken.pixels.data.shape, strict=True))
    annotation = taken.annotation()
    assert annotation.channels == edges.pop("C", 1)
    assert taken.labels.shape == tuple(edges.values())
    assert annotation.classes.max() == 255
    assert annotation.classes.flat[0] == 1
    viewer.layers.clear()


def test_nothing_lazy_is_read_before_the_compute_thread_asks():
    read = []

    def block(block_id):
        read.append(block_id)
        return np.zeros((1, 20, 30))

    lazy = da.map_blocks(
        block, chunks=((1,) * 4, (20,), (30,)), dtype=float, meta=np.empty((0, 0, 0))
    )
    layer = Image(lazy, contrast_limits=(0, 1))
    read.clear()
    taken = snapshot(layer, Labels(np.ones((4, 20, 30), np.uint8)))
    assert read == []
    assert taken.annotation().image.shape == (4, 20, 30)
    assert len(read) == 4


def test_axes_noted_with_the_image_are_its_axes():
    layer = image((2, 20, 30), axis_labels=("z", "y", "x"))
    notes(layer)["axes"] = "TYX"
    assert axes_of(layer) == "TYX"


def test_pixel_size_in_micrometres_where_there_is_a_unit():
    layer = image((5, 20, 30), scale=(2000, 500, 500), units=("nm", "nm", "nm"))
    assert pixels_of(layer).pixel_size == pytest.approx({"Z": 2.0, "Y": 0.5, "X": 0.5})
    film = image((5, 20, 30), axis_labels=("t", "y", "x"), scale=(3, 0.5, 0.5), units=("s", UM, UM))
    assert pixels_of(film).pixel_size == {"Y": 0.5, "X": 0.5}
    assert pixels_of(image((20, 30), scale=(0.5, 0.5))).pixel_size == {}


GEOMETRY = {
    "scale": (2.0, 0.5, 0.25),
    "translate": (10.0, -3.0, 7.0),
    "rotate": 30.0,
    "shear": [0.1, 0.2, 0.3],
    "affine": np.array([[1, 0, 0, 5], [0, 1.1, 0.2, 1], [0, 0, 0.9, 2], [0, 0, 0, 1]]),
    "units": (UM, UM, UM),
    "axis_labels": ("z", "y", "x"),
}


def test_results_lie_where_their_image_lies():
    layer = image((5, 20, 30), **GEOMETRY)
    for geometry in (layers.like(layer), labels_geometry(layer)):
        made = Labels(np.zeros((5, 20, 30), np.uint8), **geometry)
        np.testing.assert_allclose(made.extent.world, layer.extent.world)
        for point in ((0, 0, 0), (4, 19, 29), (2, 3, 4)):
            np.testing.assert_allclose(made.data_to_world(point), layer.data_to_world(point))
        assert made.units == layer.units
        assert made.axis_labels == layer.axis_labels


def test_labels_beside_channels_are_seen_with_every_channel():
    viewer = ViewerModel()
    layer = image((4, 3, 20, 30), scale=(2, 5, 0.5, 0.5), translate=(1, 2, 3, 4))
    notes(layer)["axes"] = "ZCYX"
    viewer.add_layer(layer)
    made = new_annotation_layer(viewer, layer)
    assert made.data.shape == (4, 1, 20, 30)
    made.data[2, 0, 5, 6] = 2
    for channel in range(3):
        world = layer.data_to_world((2, channel, 5, 6))
        viewer.dims.point = world
        assert made.get_value(world, world=True) == 2
    region = (slice(1, 2), slice(3, 9), slice(0, 7))
    assert region_from_layer(layer, region_to_layer(layer, region)) == region
    core = np.arange(4 * 20 * 30).reshape(4, 20, 30)
    there = Labels(core.reshape(labels_shape(layer)))
    np.testing.assert_array_equal(from_layer(layer, there), core)
    np.testing.assert_array_equal(there.data[region_to_layer(layer, region)][:, 0], core[region])
