"""Edits and class editing without a window: counts after any history, removal and its undo."""

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Labels

from napari_unet.core.annotation.label_codes import LabelCode
from napari_unet.widgets.annotate import undo_follower as module
from napari_unet.widgets.annotate.class_counts import (
    advice,
    class_figures,
    looks_like_objects,
    summary,
)
from napari_unet.widgets.annotate.class_editing import (
    add_class,
    choose_class,
    chosen_class,
    cover,
    recolour_class,
    rename_class,
)
from napari_unet.widgets.annotate.class_list import Removal
from napari_unet.widgets.annotate.shortcuts import bind_keys, unbind_keys
from napari_unet.widgets.annotate.undo_follower import UndoFollower
from napari_unet.widgets.layers.annotation_layers import new_annotation_layer
from napari_unet.widgets.layers.label_classes import classes_of, set_code
from napari_unet.widgets.layers.layers import forget_undo
from napari_unet.widgets.shared.job import dispatch
from napari_unet.widgets.shared.session import Session


@pytest.fixture(autouse=True)
def bare_thread(monkeypatch):
    monkeypatch.setattr("napari_unet.widgets.shared.job.warm_up", lambda threads: None)
    yield
    assert dispatch().compute.shut_down(60.0)


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


def test_a_removed_class_comes_back_with_one_undo_pixels_name_and_colour(qapp):
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


def test_a_class_removed_in_the_middle_of_a_stroke(qapp):
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


def test_classes_and_keys(qapp):
    viewer, labels, _ = annotation()
    with pytest.raises(ValueError, match="two classes are called 'object'"):
        rename_class(labels, 0, " object ")
    rename_class(labels, 1, "  ")
    assert classes_of(labels)[1].name == "object"
    napari_keys = {str(key) for key in Labels.class_keymap} | {str(k) for k in viewer.keymap}
    bind_keys(labels, Session.of(viewer))
    ours = {str(key) for key in labels.keymap}
    assert ours == {"Q", "W", "R", "T", "Y"}
    assert not ours & napari_keys
    labels.mode = "erase"
    keys = {str(key): function for key, function in labels.keymap.items()}
    keys["Q"](labels)
    assert (labels.selected_label, str(labels.mode)) == (2, "paint")
    keys["W"](labels)
    assert chosen_class(labels) == 0
    keys["T"](labels)  # there is no such class
    assert chosen_class(labels) == 0
    labels.mode = "polygon"
    choose_class(labels, 1)
    assert str(labels.mode) == "polygon"
    unbind_keys(labels)
    assert not labels.keymap


def test_each_id_an_object(qapp):
    _, labels, edits = annotation()
    set_code(labels, LabelCode(ids="objects"))
    labels.paint((3, 3), 2)
    choose_class(labels, 1, edits.free)
    assert labels.selected_label == 3
    labels.paint((12, 12), 3)
    figures = class_figures(labels, edits.counts, 480)
    assert [figure.pixels for figure in figures] == [0, (labels.data > 1).sum()]
    assert "2 objects" in summary(labels, edits.counts, 480)
    assert figures[1].share == 1
    labels.data_setitem((np.array([0]), np.array([0])), 255)
    with pytest.raises(ValueError, match="8 bits a pixel"):
        choose_class(labels, 1, edits.free)


def test_labels_from_elsewhere_keep_their_look_and_get_classes(qapp):
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


def test_advice_is_about_what_is_missing(qapp):
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


@given(st.lists(action, max_size=14), st.data())
@settings(deadline=None, derandomize=True, max_examples=15)
@pytest.mark.usefixtures("qapp")
def test_what_is_confirmed_follows_every_history(actions, data):
    """Each state of the labels has its confirmed pixels, by whatever way it is reached again."""
    viewer, labels, edits = annotation()
    labels.brush_size = 5
    states = [np.zeros(labels.data.shape, bool)]  # by number of edits that can be undone
    for kind, row, column, number in actions:
        before, depth = labels.data.copy(), len(labels._undo_history)
        now = states[depth]
        if kind in ("undo", "redo"):
            getattr(labels, kind)()
            now = states[len(labels._undo_history)]
        elif data.draw(st.booleans()):  # as ConfirmBrush does
            value = 1 + number % 2
            places = np.nonzero(labels.data[row : row + 6, :column] == 0)
            if places[0].size:
                with edits.confirming.on(), labels.block_history():
                    labels.data_setitem((places[0] + row, places[1]), value)
            now = now | (before != labels.data)
        else:
            with labels.block_history():
                labels.paint((row, column), number % 3)
                labels.paint((row // 2, column), number % 3)
            now = now & (before == labels.data)
        if kind not in ("undo", "redo"):
            states[len(labels._undo_history) :] = [now]
        np.testing.assert_array_equal(edits.confirming.pixels.whole(), now)
    viewer.layers.clear()


def test_a_removed_class_leaves_the_others_confirmed(qapp):
    _, labels, edits = annotation()
    add_class(labels)
    with edits.confirming.on():
        labels.data_setitem((np.array([1, 2, 3]), np.array([4, 5, 6])), np.array([1, 2, 3]))
    Removal(labels, edits, 1)
    assert labels.data[3, 6] == 2
    assert np.argwhere(edits.confirming.pixels.whole()).tolist() == [[1, 4], [3, 6]]
    labels.undo()
    assert edits.confirming.pixels.whole().sum() == 3
    labels.data = np.ones((20, 24), np.uint8)
    assert not edits.confirming.pixels
