"""The preview lies under the annotation, strokes over what the network says, and is in no way."""

import numpy as np
import pytest

from napari_unet.widgets.annotate.class_editing import recolour_class
from napari_unet.widgets.live.preview_layer import FILLED, REST, ViewTracker, undisturbed

PLANE = (slice(0, 1), slice(0, 40), slice(0, 50))


@pytest.fixture
def codes():
    found = np.ones((1, 40, 50), np.uint8)
    found[0, 10:20, 10:30] = 2
    return found


def test_it_is_made_with_the_first_tile_under_the_annotation(teaching, codes):
    preview = teaching.preview
    assert preview.layer is None
    assert not preview.answer(PLANE).any()
    active = teaching.viewer.layers.selection.active
    preview.write(PLANE, codes)
    layer = preview.layer
    assert [one.name for one in teaching.viewer.layers] == [
        "stack",
        "stack preview",
        "stack annotation",
    ]
    assert teaching.viewer.layers.selection.active is active
    assert not layer.editable
    assert layer.opacity == FILLED
    np.testing.assert_allclose(layer.scale, teaching.labels.scale)
    np.testing.assert_array_equal(layer.data[:1], codes)
    assert not layer.data[1].any(), "nobody has asked for this plane"
    assert (layer.get_color(1)[3], layer.get_color(2)[3]) == (0, 1)


def test_strokes_lie_over_the_answer_and_what_is_erased_shows_it(teaching, codes):
    teaching.preview.write(PLANE, codes)
    layer = teaching.preview.layer
    teaching.labels.data[0, 12:14, 5:15] = 1
    box = (slice(0, 1), slice(12, 14), slice(5, 15))
    teaching.preview.repaint(box)
    assert (layer.data[box] == 1).all()
    np.testing.assert_array_equal(teaching.preview.answer(box), codes[:, 12:14, 5:15])
    teaching.labels.data[:] = 0
    teaching.preview.repaint_all()
    np.testing.assert_array_equal(layer.data[:1], codes)


def test_colours_and_contours_follow(teaching, codes):
    teaching.preview.write(PLANE, codes)
    layer = teaching.preview.layer
    recolour_class(teaching.labels, 1, "#0000ff")
    teaching.preview.contour = True
    teaching.preview.restyle()
    np.testing.assert_allclose(layer.get_color(2)[:3], (0, 0, 1))
    assert (layer.contour, layer.opacity > FILLED) == (2, True)
    teaching.preview.contour = False
    teaching.preview.restyle()
    assert (layer.contour, layer.opacity) == (0, FILLED)


def test_it_goes_and_comes_again_and_forgets_what_was_said(teaching, codes):
    teaching.preview.write(PLANE, codes)
    teaching.preview.remove()
    assert teaching.preview.layer is None
    assert len(teaching.viewer.layers) == 2
    assert not teaching.preview.answer(PLANE).any()
    teaching.viewer.layers.remove(teaching.labels)
    teaching.preview.write(PLANE, codes)
    assert teaching.preview.layer is None, "there is no annotation to lie under"


def test_layers_come_and_go_without_a_change_of_what_is_chosen(teaching):
    viewer = teaching.viewer
    viewer.layers.selection = {teaching.image, teaching.labels}
    viewer.layers.selection.active = teaching.image
    with undisturbed(viewer):
        viewer.add_labels(np.zeros((4, 4), np.uint8))
        viewer.layers.remove(teaching.labels)
    assert viewer.layers.selection == {teaching.image}
    assert viewer.layers.selection.active is teaching.image


def test_where_somebody_looks_is_told_once_it_rests(teaching, qtbot):
    viewer = teaching.viewer
    viewer.canvas.size = (400, 400)
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 10, 12), 40.0
    viewer.dims.set_point(0, 1)
    tracker, moves = ViewTracker(viewer), []
    tracker.moved.connect(lambda: moves.append(1))
    visible = tracker.region(teaching.image, teaching.labels)
    assert visible.box[0] == slice(1, 2)
    assert visible.box[1].start <= 20 < visible.box[1].stop
    assert visible.box[2].start <= 24 < visible.box[2].stop
    assert visible.box[1].stop - visible.box[1].start <= 24  # 400 px of the screen, 20 px a pixel
    for zoom in (30.0, 31.0, 32.0):
        viewer.scene.camera.zoom = zoom
    qtbot.waitUntil(lambda: bool(moves))
    qtbot.wait(2 * REST)
    assert moves == [1]
    viewer.dims.ndisplay = 3
    assert tracker.region(teaching.image, teaching.labels) is None
    tracker.close()
    viewer.dims.ndisplay = 2
    qtbot.wait(2 * REST)
    assert len(moves) <= 2
