"""The keys of the annotation layer choose classes, and the right button encircles."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from napari.layers.base import Layer
from napari.utils.action_manager import action_manager
from napari.utils.shortcuts import default_shortcuts

from napari_unet.widgets.annotate.class_editing import add_class
from napari_unet.widgets.annotate.shortcuts import (
    CLASS_KEYS,
    KEYS,
    bind_keys,
    bind_teaching_keys,
    key_of,
    let_encircle,
    unbind_keys,
    unbind_teaching_keys,
)
from napari_unet.widgets.layers.annotation_layers import new_annotation_layer
from napari_unet.widgets.layers.label_classes import classes_of
from napari_unet.widgets.shared.session import Session

pytestmark = pytest.mark.usefixtures("bare_thread", "qapp")


def bound(labels):
    return {str(key): act for key, act in labels.keymap.items()}


@pytest.fixture
def labels():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((20, 24), np.uint8), name="cells")
    made = new_annotation_layer(viewer, image)
    made.viewer = None  # napari looks for no viewer of it
    return viewer, made


def test_a_key_chooses_the_class_that_has_it_and_no_other(labels):
    viewer, layer = labels
    bind_keys(layer, Session.of(viewer))
    count = len(classes_of(layer))
    for number, key in enumerate(CLASS_KEYS):
        layer.selected_label = 77
        bound(layer)[key](layer)
        assert layer.selected_label == (number + 1 if number < count else 77)
    add_class(layer)
    bound(layer)[CLASS_KEYS[count]](layer)
    assert layer.selected_label == count + 1
    unbind_keys(layer)
    assert not set(CLASS_KEYS) & set(bound(layer))


def test_a_class_behind_the_last_key_has_none():
    assert [key_of(number) for number in range(7)] == [*CLASS_KEYS, "", ""]


def test_the_keys_of_teaching_come_and_go_and_do_nothing_without_it(labels):
    _, layer = labels
    bind_teaching_keys(layer)
    assert set(KEYS) <= set(bound(layer))
    for key in set(KEYS) - {"S", "A"}:
        bound(layer)[key](layer)  # nothing is taught here
    before = layer.opacity
    held = bound(layer)["A"](layer)
    next(held)
    assert layer.opacity == 0
    assert next(held, "done") == "done"
    assert layer.opacity == before
    assert next(bound(layer)["S"](layer), "nothing is shown") == "nothing is shown"
    unbind_teaching_keys(layer)
    assert not set(KEYS) & set(bound(layer))


def test_no_key_is_one_of_naparis_own_for_a_labels_layer():
    assert len({*CLASS_KEYS, *KEYS}) == len(CLASS_KEYS) + len(KEYS)
    taken = {
        str(key)
        for name, keys in default_shortcuts.items()
        if name in action_manager._actions
        and action_manager._actions[name].keymapprovider in (Labels, Layer, ViewerModel)
        for key in keys
    }
    assert {"P", "V", "Z"} <= taken
    assert not taken & {*CLASS_KEYS, *KEYS}


def test_dragging_with_the_right_button_tells_of_the_way_and_closes_it(labels):
    _, layer = labels
    let_encircle(layer)
    let_encircle(layer)  # once more changes nothing
    drags = [act for act in layer.mouse_drag_callbacks if act.__name__ == "_drag"]
    assert len(drags) == 1
    layer.mode = "paint"
    told = []
    layer.mouse_move_callbacks.append(lambda _, event: told.append(tuple(event.position)))
    event = SimpleNamespace(
        type="mouse_press", button=2, position=(1, 1), view_direction=None, dims_displayed=[0, 1],
        dims_point=(0, 0), pos=(0, 0), modifiers=[],
    )  # fmt: skip
    drag = drags[0](layer, event)
    next(drag)
    event.type = "mouse_move"
    for event.position in ((5, 1), (5, 9)):
        next(drag)
    event.type = "mouse_release"
    assert next(drag, "done") == "done"
    assert told == [(5, 1), (5, 9), (1, 1)], "back to where it began"
    told.clear()
    event.type, event.position = "mouse_press", (1, 1)
    click = drags[0](layer, event)
    next(click)
    event.type = "mouse_release"
    assert next(click, "done") == "done"
    assert told == [], "a click is napari's"
    event.type, event.button = "mouse_press", 1
    assert next(drags[0](layer, event), "not mine") == "not mine"
