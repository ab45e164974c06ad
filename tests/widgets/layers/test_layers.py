"""Layers of every kind: geometry, axes, planes on screen, and writing that undo never spoils."""

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

from napari_unet.widgets.layers import annotation_layers, layers
from napari_unet.widgets.layers.annotation_layers import new_annotation_layer, snapshot


def image(shape, **more):
    return Image(np.zeros(shape, np.uint8), name="cells", **more)


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
