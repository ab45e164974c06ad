"""Edits and class editing without a window: counts after any history, removal and its undo."""

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel

from napari_unet.widgets.annotate import undo_follower as module
from napari_unet.widgets.annotate.class_counts import (
    summary,
)
from napari_unet.widgets.annotate.class_editing import (
    add_class,
)
from napari_unet.widgets.annotate.class_list import Removal
from napari_unet.widgets.annotate.undo_follower import UndoFollower
from napari_unet.widgets.layers.annotation_layers import new_annotation_layer
from napari_unet.widgets.layers.label_classes import classes_of
from napari_unet.widgets.layers.layers import forget_undo
from napari_unet.widgets.shared.session import Session

pytestmark = pytest.mark.usefixtures("bare_thread")


def true_counts(labels):
    values, counts = np.unique(np.asarray(labels.data[...]), return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def annotation(data=None, shape=(20, 24)):
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros(shape, np.uint8), name="cells")
    labels = new_annotation_layer(viewer, image, data=data)
    session = Session.of(viewer)
    return viewer, labels, UndoFollower.of(labels, session)


action = st.tuples(
    st.sampled_from(["paint", "fill", "polygon", "set", "undo", "redo", "remove", "add", "plane"]),
    st.integers(0, 19),
    st.integers(0, 23),
    st.integers(0, 3),
)


@given(st.lists(action, max_size=14))
@settings(deadline=None, derandomize=True, max_examples=15)
@pytest.mark.usefixtures("qapp")
def test_counts_are_right_after_every_history(actions):
    viewer, labels, edits = annotation()
    labels.brush_size = 5
    add_class(labels)
    for kind, row, column, number in actions:
        value = min(number, len(classes_of(labels)))
        if kind == "paint":
            with labels.block_history():
                labels.paint((row, column), value)
                labels.paint((row // 2, column), value)
        elif kind == "fill":
            labels.fill((row, column), value)
        elif kind == "polygon":
            labels.paint_polygon([(row, column), (0, 0), (19, 2)], value)
        elif kind == "set":
            labels.data_setitem((np.array([row, 3]), np.array([column, 24 % (row + 2)])), value)
        elif kind == "remove" and len(classes_of(labels)) > 2:
            Removal(labels, edits, len(classes_of(labels)) - 1)
        elif kind == "add":
            add_class(labels)
        elif kind == "plane":
            labels.refresh()
        elif kind in ("undo", "redo"):
            getattr(labels, kind)()
        assert edits.counts == true_counts(labels)
        assert max(edits.counts) <= len(classes_of(labels))
    viewer.layers.clear()


def test_large_layers_are_counted_in_the_compute_thread_once(qtbot, monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 100)
    monkeypatch.setattr(module, "REST", 10)
    data = zarr.array(np.eye(200, dtype=np.uint8) * 2, chunks=(64, 64))
    viewer = ViewerModel()
    labels = viewer.add_labels(data)
    edits = UndoFollower.of(labels, Session.of(viewer))
    assert edits.counts is None
    assert "counting" in summary(labels, None, 40_000)
    labels.paint((100, 20), 1)  # while it is counted: counted again
    qtbot.waitUntil(lambda: edits.counts is not None)
    assert edits.counts == true_counts(labels)
    monkeypatch.setattr(module, "counting", None)  # from here on only what strokes change
    labels.paint((30, 150), 2)
    labels.undo()
    labels.paint((60, 50), 1)
    assert edits.counts == true_counts(labels)


def test_a_box_is_told_of_when_its_pixels_are_there(qapp):
    _, labels, edits = annotation()
    seen = []
    edits.painted.connect(lambda box: seen.append(int((labels.data[box] == 2).sum())))
    labels.paint((5, 5), 2)
    first = int((labels.data == 2).sum())
    labels.paint_polygon([(12, 2), (19, 2), (19, 22), (12, 22)], 2)
    labels.undo()
    assert (seen[0], seen[2]) == (first, 0)
    assert seen[1] >= 7 * 20
    edits.counted.connect(labels.refresh)  # drawn again before the pixels are there
    labels.paint((15, 15), 1)
    assert edits.counts == true_counts(labels)


def test_an_eraser_in_use_is_no_undo_and_a_dropped_history_no_undo_either(qapp):
    _, labels, edits = annotation()
    add_class(labels)
    labels.paint((5, 5), 3)
    with labels.block_history():
        labels.paint((5, 5), 0)
        labels.refresh()  # drawn in the middle of the stroke
    assert edits.counts == true_counts(labels) == {0: 480}
    labels.undo()
    forget_undo(labels)
    labels.refresh()
    labels.undo()
    assert edits.counts == true_counts(labels)
    assert 3 in edits.counts


def test_other_data_and_pixels_written_by_others(qtbot, monkeypatch):
    monkeypatch.setattr(module, "REST", 10)
    _, labels, edits = annotation()
    labels.paint((5, 5), 2)
    with qtbot.waitSignal(edits.replaced):
        labels.data = np.full((20, 24), 1, np.uint8)
    assert edits.counts == {1: 480}
    assert edits.last is None
    labels.data[:2] = 2
    with qtbot.waitSignal(edits.replaced):
        labels.refresh()
    assert edits.counts == {1: 432, 2: 48}


def test_another_plane_and_a_stroke_at_once_are_counted_once(qtbot, monkeypatch):
    """Looking at another plane has all counted soon after: maybe in the middle of a stroke."""
    monkeypatch.setattr(module, "REST", 10)
    viewer, labels, edits = annotation(shape=(3, 20, 24))
    labels.mode = "paint"
    viewer.dims.set_point(0, 1)
    labels.refresh()
    with labels.block_history():
        labels._draw(2, np.array([1, 5, 3]), np.array([1, 5, 9]))
        qtbot.wait(100)  # the counting is due, and must wait
    assert 2 in edits.counts
    assert edits.counts == true_counts(labels)
    qtbot.waitUntil(lambda: not edits._rest.isActive())
    assert edits.counts == true_counts(labels)
