"""The dock in a window: what opening it does, and that no change of layers breaks or loses it."""

import dask.array as da
import numpy as np
import pytest
from napari.layers import Labels
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)
from napari.utils.notifications import notification_manager

from napari_unet.widgets.annotate.dock import AnnotateDock
from napari_unet.widgets.layers.label_classes import classes_of, code_of
from napari_unet.widgets.shared.job import dispatch


@pytest.fixture(autouse=True)
def bare_thread(monkeypatch):
    monkeypatch.setattr("napari_unet.widgets.shared.job.warm_up", lambda threads: None)
    monkeypatch.setattr("napari_unet.widgets.live.live_teaching.LIVE", False)  # tested elsewhere
    yield
    assert dispatch().compute.shut_down(60.0)


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


def opened(viewer, qtbot):
    dock = AnnotateDock(viewer)
    viewer.window.add_dock_widget(dock, name="Annotate")
    qtbot.wait(10)
    return dock


def closed(viewer, dock, qtbot):
    viewer.window.remove_dock_widget(dock)
    dock.deleteLater()
    qtbot.wait(20)


def errors_since(count):
    levels = [str(record.severity) for record in notification_manager.records[count:]]
    return [level for level in levels if level in ("error", "warning")]


def test_painting_from_the_first_image_on(viewer, qtbot):
    records = len(notification_manager.records)
    dock = opened(viewer, qtbot)
    real = viewer.__wrapped__
    told = []
    dock.annotation_changed.connect(lambda: told.append((dock.image, dock.labels)))
    assert dock.labels is None
    assert "Open an image" in dock.choice.notice.text()
    image = real.add_image(np.random.default_rng(0).random((64, 80)), name="cells")
    qtbot.waitUntil(lambda: dock.labels is not None)
    labels = dock.labels
    assert told[-1] == (image, labels)
    assert labels.name == "cells annotation"
    assert real.layers.selection.active is labels
    assert (str(labels.mode), labels.selected_label, labels.dtype) == ("paint", 2, np.uint8)
    rows = dock.classes.rows
    assert [(row.name.text(), row.key.text()) for row in rows] == [
        ("background", "W"),
        ("object", "Q"),
    ]
    labels.paint((10, 10), 2)
    painted = int((labels.data == 2).sum())
    assert rows[1].amount.text() == f"{painted} px"
    assert rows[1].bar.share == 1
    assert "2; name: object" in labels.get_status((10, 10), world=True)["value"]
    assert "Paint some background (W)" in dock.hint.text()
    rows[0].chosen.emit(0)
    assert labels.selected_label == 1
    dock.classes.add.click()
    row = dock.classes.rows[2]
    row.edit.setText("mitosis")
    row.edit.editingFinished.emit()
    assert [entry.name for entry in classes_of(labels)][2] == "mitosis"
    labels.paint((30, 30), 3)
    dock.classes.rows[2].cross.click()
    assert "Removed 'mitosis'" in dock.classes.removed.text()
    assert not (labels.data == 3).any()
    dock.classes.back.click()
    assert (labels.data == 3).any()
    assert dock.classes.rows[2].name.text() == "mitosis"
    labels.paint((50, 50), 1)
    dock.checking.button.click()
    qtbot.waitUntil(lambda: bool(dock.checking.rows))
    going = [row for row in dock.checking.rows if row.finding.where is not None]
    going[0].go.click()
    centre = np.array(real.scene.camera.center[-2:])
    np.testing.assert_allclose(centre, going[0].finding.where, atol=1)
    labels.paint((20, 60), 1)
    assert "before the last stroke" in dock.checking.status.text()
    before = labels.data.copy()
    closed(viewer, dock, qtbot)
    labels.paint((5, 70), 2)  # with the dock closed
    labels.undo()
    again = opened(viewer, qtbot)
    assert again.labels is labels
    np.testing.assert_array_equal(labels.data, before)
    assert len(real.layers) == 2
    assert again.edits.counts == dict(
        zip(*(found.tolist() for found in np.unique(before, return_counts=True)), strict=True)
    )
    assert errors_since(records) == []
    closed(viewer, again, qtbot)


def test_layers_come_and_go(viewer, qtbot, monkeypatch):
    monkeypatch.setattr("napari_unet.widgets.annotate.undo_follower.REST", 10)
    records = len(notification_manager.records)
    real = viewer.__wrapped__
    image = real.add_image(np.zeros((3, 40, 50), np.uint8), name="stack")
    other = real.add_image(np.zeros((20, 20, 3), np.uint8), rgb=True, name="colour")
    dock = opened(viewer, qtbot)
    colour = dock.labels
    assert (dock.image, colour.data.shape) == (other, (20, 20))
    dock.choice.images.setCurrentIndex(dock.choice.images.choices().index(image))
    dock.choice.images.activated.emit(0)
    labels = dock.labels
    assert labels.data.shape == (3, 40, 50)
    real.layers.move(0, 3)
    labels.name = "renamed"
    image.name = "other name"
    qtbot.wait(10)
    assert (dock.image, dock.labels) == (image, labels)
    assert dock.choice.layers.currentText() == "renamed"
    real.layers.remove(labels)
    qtbot.wait(10)
    assert dock.labels is None
    assert not labels.keymap  # its keys went with it
    assert "has no annotation layer: press New" in dock.choice.notice.text()
    assert len([layer for layer in real.layers if isinstance(layer, Labels)]) == 1
    dock.choice.new.menu().actions()[1].trigger()
    objects = dock.labels
    assert (objects.dtype, code_of(objects).ids) == (np.uint16, "objects")
    image.data = np.zeros((3, 30, 50), np.uint8)
    assert dock.labels is None
    assert "3 × 40 × 50 and the labels of" in dock.choice.notice.text()
    assert objects in real.layers
    real.layers.remove(image)
    qtbot.wait(10)
    assert (dock.image, dock.labels) == (other, colour)
    lazy = real.add_labels(da.ones((20, 20), dtype=np.int64, chunks=10), name="lazy")
    dock.choice.layers.setValue(lazy)
    assert dock.labels is None
    assert "computed as it is shown" in dock.choice.notice.text()
    dock.choice.copy.click()
    qtbot.waitUntil(lambda: dock.labels is not None)
    assert (dock.labels.dtype, int(dock.labels.data.sum())) == (np.uint8, 400)
    dock.meaning.zero.click()
    assert code_of(dock.labels).zero == "background"
    assert "all 400 px are labelled" in dock.classes.summary.text()
    real.layers.clear()
    qtbot.wait(10)
    assert (dock.image, dock.labels) == (None, None)
    assert dock.classes.isHidden()
    assert errors_since(records) == []
    closed(viewer, dock, qtbot)


def test_a_mouse_stroke_is_counted_and_the_right_button_is_left_to_napari(
    viewer,
    qtbot,
    MouseEvent,  # noqa: N803 - napari's fixture
):
    real = viewer.__wrapped__
    real.add_image(np.zeros((40, 40)), name="cells")
    dock = opened(viewer, qtbot)
    labels = dock.labels
    labels.brush_size = 3

    def event(kind, position, dragging):
        made = MouseEvent(
            type=kind, is_dragging=dragging, position=position, view_direction=None,
            dims_displayed=(0, 1), dims_point=(0, 0), button=1,
        )  # fmt: skip
        return ReadOnlyWrapper(made)

    mouse_press_callbacks(labels, event("mouse_press", (10, 10), False))
    mouse_move_callbacks(labels, event("mouse_move", (10, 30), True))
    mouse_release_callbacks(labels, event("mouse_release", (10, 30), False))
    assert dock.edits.counts[2] == (labels.data == 2).sum() > 60
    stroke = labels._overlays["brush_stroke"]
    assert stroke.enabled  # what napari hangs the right button on
    closed(viewer, dock, qtbot)
