"""Painted pixels by class, and the advice that follows from them."""

import numpy as np
import pytest
from napari.layers import Labels

from napari_unet.widgets.annotate.class_counts import (
    advice,
    looks_like_objects,
)
from napari_unet.widgets.annotate.class_editing import (
    cover,
)
from napari_unet.widgets.layers.label_classes import classes_of

pytestmark = pytest.mark.usefixtures("bare_thread")


def test_labels_from_elsewhere_keep_their_look_and_get_classes(true_counts, qapp):
    labels = Labels(np.array([[0, 1, 2], [3, 3, 5]], np.uint8))
    seen = [labels.get_color(value) for value in range(1, 6)]
    cover(labels, 5)
    assert len(classes_of(labels)) == 5
    for value, colour in zip(range(1, 6), seen, strict=True):
        np.testing.assert_allclose(labels.get_color(value)[:3], colour[:3], atol=1 / 255)
    cover(labels, 7)  # a value nobody has named is seen all the same
    assert len(classes_of(labels)) == 7
    assert labels.get_color(7)[3] == 1
    many = Labels(np.arange(100, dtype=np.uint8).reshape(10, 10))
    counts = true_counts(many)
    assert looks_like_objects(many, counts)
    assert "100 values" in advice(many, counts)


def test_advice_is_about_what_is_missing(annotation, qapp):
    _, labels, edits = annotation()
    assert "Paint a few strokes of 'object' (Q)" in advice(labels, edits.counts)
    labels.paint((3, 3), 2)
    assert "some background (W)" in advice(labels, edits.counts)
    labels.paint((13, 3), 1)
    assert advice(labels, edits.counts) == ""
    labels.undo()
    labels.undo()
    labels.paint((13, 3), 1)
    assert "some 'object' (Q)" in advice(labels, edits.counts)
