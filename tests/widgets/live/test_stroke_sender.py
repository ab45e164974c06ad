"""What is painted, erased and undone reaches the teaching loop, and so do changes of classes."""

import numpy as np
import pytest

from napari_unet.core.annotation.label_codes import LabelCode
from napari_unet.widgets.annotate.class_editing import add_class, rename_class
from napari_unet.widgets.annotate.class_list import Removal
from napari_unet.widgets.layers.label_classes import set_code
from napari_unet.widgets.live.stroke_sender import StrokeSender, taught_classes


@pytest.fixture
def sender(teaching):
    made = StrokeSender(teaching.session, teaching.image, teaching.labels)
    made.told = []
    made.request.connect(
        lambda request: made.told.append((request.func.__name__, request.keywords))
    )
    assert made.begin(teaching.labels) == 2
    return made


def taught(sender, shape):
    """Return what a loop knows that has taken over each stroke."""
    found = np.zeros(shape, np.uint8)
    for name, given in sender.told:
        if name == "paint":
            found[given["box"]] = given["codes"]
    return found


def test_what_is_taught_is_what_is_painted_through_every_undo(teaching, sender):
    labels = teaching.labels
    labels.brush_size = 5
    assert sender.empty
    labels.paint((0, 10, 10), 2)
    labels.paint((1, 20, 30), 1)
    labels.paint((0, 11, 11), 0)
    for act in (lambda: None, labels.undo, labels.undo, labels.redo):
        act()
        np.testing.assert_array_equal(taught(sender, labels.data.shape), labels.data)
    assert not sender.empty


def test_confirmed_pixels_are_told_from_painted_ones(teaching, sender):
    with sender.confirming():
        teaching.labels.data_setitem((np.array([0, 0]), np.array([3, 4]), np.array([5, 6])), 2)
    teaching.labels.paint((0, 30, 30), 1)
    confirmed = [given["confirmed"].sum() for name, given in sender.told if name == "paint"]
    assert confirmed == [2, 0]


def test_all_that_is_painted_is_sent_as_a_copy(teaching, sender):
    teaching.labels.paint((0, 10, 10), 2)
    sender.told.clear()
    sender.send_all()
    ((name, given),) = sender.told
    assert name == "paint_all"
    np.testing.assert_array_equal(given["labels"], teaching.labels.data)
    assert not np.shares_memory(given["labels"], teaching.labels.data)
    assert given["kept"] == (0, 1, 2)


def test_classes_come_go_and_change_their_names(teaching, sender):
    edits = sender._edits
    add_class(teaching.labels)
    assert sender.told.pop() == ("ensure_classes", {"classes": 3})
    rename_class(teaching.labels, 2, "mitosis")
    assert sender.told == [], "a name teaches nothing"
    teaching.labels.paint((0, 10, 10), 3)
    sender.told.clear()
    Removal(teaching.labels, edits, 1)
    names = [name for name, _ in sender.told]
    assert names[0] == "remove_class"
    assert names.count("remove_class") == 1
    assert sender.told[0][1] == {"number": 1}


def test_where_each_value_is_an_object_one_class_is_taught(teaching):
    add_class(teaching.labels)
    assert len(taught_classes(teaching.labels)) == 3
    set_code(teaching.labels, LabelCode("unlabelled", "objects"))
    assert len(taught_classes(teaching.labels)) == 2


def test_nothing_is_sent_once_it_is_closed(teaching, sender):
    sender.close()
    teaching.labels.paint((0, 10, 10), 2)
    add_class(teaching.labels)
    assert sender.told == []
