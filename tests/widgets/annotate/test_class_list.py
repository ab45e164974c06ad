"""Classes are removed from the list and come back with one undo."""

import numpy as np
import pytest

from napari_unet.widgets.annotate.class_editing import (
    add_class,
    recolour_class,
    rename_class,
)
from napari_unet.widgets.annotate.class_list import Removal
from napari_unet.widgets.layers.label_classes import classes_of

pytestmark = pytest.mark.usefixtures("bare_thread")


def test_a_removed_class_comes_back_with_one_undo_pixels_name_and_colour(annotation, qapp):
    _, labels, edits = annotation()
    add_class(labels)
    rename_class(labels, 2, "mitosis")
    recolour_class(labels, 2, "#ff0000")
    number = add_class(labels)
    for row, value in ((2, 1), (6, 2), (10, 3), (14, 4)):
        labels.paint((row, 10), value)
    before, classes = labels.data.copy(), classes_of(labels)
    removal = Removal(labels, edits, 2)
    assert removal.pixels == (before == 3).sum() > 0
    wanted = np.where(before == 3, 0, before - (before > 3))
    np.testing.assert_array_equal(labels.data, wanted)  # the last class kept its pixels
    assert [entry.name for entry in classes_of(labels)] == [
        entry.name for entry in classes if entry.name != "mitosis"
    ]
    assert removal.open
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)
    assert classes_of(labels) == classes
    assert not removal.open
    labels.redo()
    np.testing.assert_array_equal(labels.data, wanted)
    assert len(classes_of(labels)) == number
    labels.undo()
    rename_class(labels, 1, "cell")  # a class without pixels is brought back as well
    labels.undo()
    empty = Removal(labels, edits, 3)
    assert empty.pixels == 0
    empty.bring_back()
    assert classes_of(labels)[3] == classes[3]


def test_a_class_removed_in_the_middle_of_a_stroke(annotation, true_counts, qapp):
    _, labels, edits = annotation()
    add_class(labels)
    labels.paint((10, 10), 3)
    with labels.block_history():  # a stroke: napari commits it when the button is released
        labels.paint((4, 4), 3)
        Removal(labels, edits, 2)
        labels.paint((15, 4), 2)
    assert edits.counts == true_counts(labels)
    assert 3 not in edits.counts
    labels.undo()
    labels.undo()
    assert edits.counts == true_counts(labels)
    assert len(classes_of(labels)) == 3
