"""Layers of every kind: geometry, axes, planes on screen, and writing that undo never spoils."""

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)

from napari_unet.core.annotation.label_codes import LabelClass, LabelCode
from napari_unet.widgets.layers import annotation_layers, layers
from napari_unet.widgets.layers.annotation_layers import images_of, new_annotation_layer, snapshot
from napari_unet.widgets.layers.coordinates import (
    axes_of,
    from_layer,
    labels_geometry,
    labels_shape,
    pixels_of,
    region_from_layer,
    region_to_layer,
    set_axes,
    to_layer,
)
from napari_unet.widgets.layers.label_classes import (
    classes_of,
    code_of,
    new_class,
    set_classes,
    set_code,
    value_of,
)
from napari_unet.widgets.layers.result_layers import ResultLayers
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


def test_a_snapshot_is_not_painted_on():
    layer, labels = image((8, 8)), Labels(np.zeros((8, 8), np.uint8))
    taken = snapshot(layer, labels)
    labels.data[2, 2] = 1
    assert taken.labels.max() == 0
    with pytest.raises(ValueError, match="read-only"):
        taken.labels[0, 0] = 1


def test_labels_of_another_shape_are_refused_in_words():
    with pytest.raises(ValueError, match=r"'Labels' has the shape \(9, 8\).*need \(8, 8\)"):
        snapshot(image((8, 8)), Labels(np.zeros((9, 8), np.uint8)))


def test_axes_are_set_by_hand_and_checked():
    layer = image((2, 20, 30))
    set_axes(layer, "tyx")
    assert axes_of(layer) == "TYX"
    with pytest.raises(ValueError, match="names 2 axes"):
        set_axes(layer, "YX")
    with pytest.raises(ValueError, match="last axis is C"):
        set_axes(image((20, 30, 3), rgb=True), "YXZ")
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
    set_axes(layer, "ZCYX")
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
    there = Labels(to_layer(layer, core))
    np.testing.assert_array_equal(from_layer(layer, there), core)
    np.testing.assert_array_equal(there.data[region_to_layer(layer, region)][:, 0], core[region])


def test_the_plane_on_screen_of_moved_turned_and_flat_layers():
    viewer = ViewerModel()
    deep = viewer.add_image(np.zeros((6, 20, 30)), scale=(2, 1, 1), translate=(4, 0, 0))
    flat = viewer.add_labels(np.zeros((20, 30), np.uint8))
    viewer.dims.set_point(0, 10.0)  # (10 - 4) / 2 = 3
    whole = (slice(0, 20), slice(0, 30))
    assert layers.displayed_slice(viewer, deep) == (slice(3, 4), *whole)
    assert layers.displayed_slice(viewer, flat) == whole
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_point(1, 7)
    assert layers.displayed_slice(viewer, deep) == (slice(0, 6), slice(7, 8), slice(0, 30))


def test_looking_at_a_point_moves_sliders_and_camera():
    viewer = ViewerModel()
    deep = viewer.add_image(np.zeros((6, 20, 30)), scale=(2, 0.5, 0.5), translate=(4, 1, 1))
    layers.look_at(viewer, deep, (3, 10, 20))
    assert layers.displayed_slice(viewer, deep)[0] == slice(3, 4)
    np.testing.assert_allclose(layers.view_centre(viewer, deep), (3, 10, 20))


def test_the_region_the_canvas_shows(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    layer = viewer.add_image(np.zeros((400, 400)), scale=(0.5, 0.5))
    pyramid = viewer.add_image([np.zeros((400, 400)), np.zeros((200, 200))], scale=(0.5, 0.5))
    qtbot.wait(100)
    viewer.scene.camera.zoom = 20
    layers.look_at(viewer, layer, (100, 300))

    def agrees():
        assert layer.corner_pixels[0].min() > 0
        for each in (layer, pyramid):
            for axis, part in enumerate(layers.visible_region(viewer, each)):
                low, high = layer.corner_pixels[:, axis]  # what napari found for its own drawing
                assert abs(part.start - low) <= 1
                assert abs(part.stop - 1 - high) <= 2

    qtbot.waitUntil(agrees)  # once the window has its size and was drawn


def stroke(layer, mouse_event, points):
    def event(kind, place, dragging):
        return ReadOnlyWrapper(
            mouse_event(
                type=kind, is_dragging=dragging, position=place, view_direction=None,
                dims_displayed=(0, 1), dims_point=(0, 0), button=1,
            )
        )  # fmt: skip

    mouse_press_callbacks(layer, event("mouse_press", points[0], False))
    for point in points[1:]:
        mouse_move_callbacks(layer, event("mouse_move", point, True))
    mouse_release_callbacks(layer, event("mouse_release", points[-1], False))


def test_the_box_of_a_stroke_and_of_pixels_set(MouseEvent):  # noqa: N803 - napari's fixture
    layer = Labels(np.zeros((100, 100), np.uint8))
    layer.mode, layer.brush_size = "paint", 5
    boxes = []
    layer.events.paint.connect(lambda event: boxes.append(layers.paint_box(event)))
    stroke(layer, MouseEvent, [(10, 10), (20, 30), (40, 35)])
    painted = np.nonzero(layer.data)
    assert boxes == [tuple(slice(i.min(), i.max() + 1) for i in painted)]
    layer.data_setitem((np.array([50, 60]), np.array([7, 3])), 3)
    assert boxes[1] == (slice(50, 61), slice(3, 8))


def test_a_result_written_leaves_the_history_alone_and_an_edit_can_be_undone():
    layer = Labels(np.zeros((40, 40), np.uint8))
    block = np.ones((10, 10), np.uint8)
    layers.region_write(layer, (slice(0, 10), slice(0, 10)), block)
    layer.undo()
    assert layer.data.sum() == 100
    layers.region_setitem(layer, (slice(5, 15), slice(5, 15)), 3 * block)
    assert layer.data.sum() == 75 + 300
    layer.undo()
    assert layer.data.sum() == 100


def test_no_undo_of_other_data(MouseEvent):  # noqa: N803 - napari's fixture
    layer = Labels(np.zeros((100, 100), np.uint8))
    layer.mode = "paint"
    stroke(layer, MouseEvent, [(90, 90), (95, 95)])
    layers.replace_data(layer, np.zeros((20, 20), np.uint8))
    layer.undo()  # with the old history: IndexError
    assert layer.data.max() == 0
    assert layer.mode == "paint"


def test_classes_have_colours_and_names_in_the_status_bar():
    layer = Labels(np.zeros((8, 8), np.uint8))
    classes = (new_class(0), new_class(1, "cell"), LabelClass("rim", "#ff0000"))
    set_classes(layer, classes)
    assert classes_of(layer) == classes
    assert list(layer.features["name"]) == ["unlabelled", "background", "cell", "rim"]
    assert value_of(layer, 2) == 3
    np.testing.assert_allclose(layer.get_color(3), (1, 0, 0, 1))
    assert layer.get_color(0) is None or layer.get_color(0)[3] == 0
    layer.data[4, 4] = 3
    assert "rim" in str(layer.get_status((4, 4), world=True))
    with pytest.raises(ValueError, match="two classes are called 'a'"):
        set_classes(layer, [LabelClass("a", "#000000")] * 2)
    with pytest.raises(ValueError, match="not 0"):
        set_classes(layer, classes[:1])


def test_a_layer_made_elsewhere_is_understood_by_its_switches():
    layer = Labels(np.array([[0, 1], [2, 7]], np.int32))
    set_code(layer, LabelCode("background", "objects"))
    assert code_of(layer) == LabelCode("background", "objects")
    taken = snapshot(image((2, 2)), layer).annotation()
    np.testing.assert_array_equal(taken.objects, [[0, 1], [2, 7]])
    np.testing.assert_array_equal(taken.classes, [[0, 1], [1, 1]])
    assert len({tuple(layer.get_color(value)) for value in (1, 2, 7)}) == 3
    np.testing.assert_array_equal(layer.data, [[0, 1], [2, 7]])


def test_a_large_annotation_takes_memory_only_where_it_is_painted(monkeypatch):
    monkeypatch.setattr(annotation_layers, "IN_ONE_PIECE", 1000)
    viewer = ViewerModel()
    made = new_annotation_layer(viewer, viewer.add_image(np.zeros((3, 40, 40))))
    assert isinstance(made.data, zarr.Array)
    assert made.editable
    made.paint((1, 20, 20), 2)
    assert snapshot(viewer.layers[0], made).labels[1].max() == 2
    made.undo()
    assert np.asarray(made.data).max() == 0


def test_results_are_used_again_and_what_somebody_painted_is_kept(MouseEvent):  # noqa: N803
    viewer = ViewerModel()
    of = viewer.add_image(np.zeros((60, 60)), name="cells")
    results = ResultLayers(viewer)

    def show(value, shape=(60, 60)):
        data = np.full(shape, value, np.uint8)
        return results.labels(of, "segmented", data, layers.like(of))

    first = show(1)
    assert first.name == "cells segmented"
    first.opacity = 0.3
    assert show(2) is first
    assert (first.data.max(), first.opacity) == (2, 0.3)
    first.mode = "paint"
    stroke(first, MouseEvent, [(5, 5), (9, 9)])
    kept = first.data.copy()
    assert results.touched(first)
    second = show(3)
    assert second is not first
    np.testing.assert_array_equal(first.data, kept)
    second.data = np.zeros((60, 60), np.uint8)  # by another plugin
    third = show(4)
    assert third is not second
    viewer.layers.remove(third)
    fourth = show(5)
    assert fourth in viewer.layers
    assert results.find(of, "segmented") is fourth
    assert len(images_of(viewer)) == 1


def test_a_layer_of_the_same_name_is_never_ours():
    viewer = ViewerModel()
    of = viewer.add_image(np.zeros((6, 6)), name="cells")
    theirs = viewer.add_labels(np.full((6, 6), 9, np.uint8), name="cells segmented")
    made = ResultLayers(viewer).labels(of, "segmented", np.ones((6, 6), np.uint8), layers.like(of))
    assert made is not theirs
    assert theirs.data.min() == 9


def test_a_hundred_previews_make_one_layer():
    viewer = ViewerModel()
    of = viewer.add_image(np.zeros((60, 60)), name="cells")
    results = ResultLayers(viewer)
    for number in range(100):
        data = np.full((10 + number % 3, 12), number, np.float32)
        look = {"colormap": "magma", "contrast_limits": (0, 10)}
        layer = results.image(of, "weights", data, {"translate": (number, 0)}, **look)
    assert len(viewer.layers) == 2
    assert layer.data.max() == 99
    assert tuple(layer.translate) == (99, 0)
    assert tuple(layer.contrast_limits) == (0, 10)
