"""The dock in a window: what opening it does, and that no change of layers breaks or loses it."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)

from napari_unet.widgets.layers.label_classes import classes_of

pytestmark = pytest.mark.usefixtures("bare_thread", "not_live")


@pytest.fixture
def annotated(opened, closed, viewer, qtbot, errors):
    """A dock beside an image, the annotation layer that it has made, and no error at the end."""
    dock, real = opened(), viewer.__wrapped__
    real.add_image(np.random.default_rng(0).random((64, 80)), name="cells")
    qtbot.waitUntil(lambda: dock.labels is not None)
    made = SimpleNamespace(dock=dock, viewer=real, labels=dock.labels)
    yield made
    closed(made.dock)
    assert errors() == []


def test_an_image_gets_an_annotation_layer_with_the_brush_in_hand(opened, closed, viewer, qtbot):
    dock, real, told = opened(), viewer.__wrapped__, []
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
    closed(dock)


def test_what_is_painted_is_counted_and_what_is_missing_said(annotated):
    dock, labels = annotated.dock, annotated.labels
    labels.paint((10, 10), 2)
    painted = int((labels.data == 2).sum())
    rows = dock.classes.rows
    assert rows[1].amount.text() == f"{painted} px"
    assert rows[1].bar.share == 1
    assert "2; name: object" in labels.get_status((10, 10), world=True)["value"]
    assert "Paint some background (W)" in dock.hint.text()
    rows[0].chosen.emit(0)
    assert labels.selected_label == 1


def test_a_class_is_added_renamed_removed_and_brought_back(annotated):
    dock, labels = annotated.dock, annotated.labels
    dock.classes.add.click()
    row = dock.classes.rows[2]
    row.edit.setText("mitosis")
    row.edit.show()
    row.edit.editingFinished.emit()
    assert [entry.name for entry in classes_of(labels)][2] == "mitosis"
    labels.paint((30, 30), 3)
    dock.classes.rows[2].cross.click()
    assert "Removed 'mitosis'" in dock.classes.removed.text()
    assert not (labels.data == 3).any()
    dock.classes.back.click()
    assert (labels.data == 3).any()
    assert dock.classes.rows[2].name.text() == "mitosis"


def test_a_check_leads_to_what_it_finds(annotated, qtbot):
    dock, labels, viewer = annotated.dock, annotated.labels, annotated.viewer
    labels.paint((50, 50), 1)
    dock.checking.button.click()
    qtbot.waitUntil(lambda: bool(dock.checking.rows))
    going = [row for row in dock.checking.rows if row.finding.where is not None]
    going[0].go.click()
    centre = np.array(viewer.scene.camera.center[-2:])
    np.testing.assert_allclose(centre, going[0].finding.where, atol=1)
    labels.paint((20, 60), 1)
    assert "before the last stroke" in dock.checking.status.text()


def test_what_is_painted_while_the_dock_is_closed_is_known_when_it_opens(annotated, opened, closed):
    labels = annotated.labels
    labels.paint((30, 30), 2)
    before = labels.data.copy()
    closed(annotated.dock)
    labels.paint((5, 70), 2)
    labels.undo()
    annotated.dock = again = opened()
    assert again.labels is labels
    np.testing.assert_array_equal(labels.data, before)
    assert len(annotated.viewer.layers) == 2
    assert again.edits.counts == dict(
        zip(*(part.tolist() for part in np.unique(before, return_counts=True)), strict=True)
    )


def test_a_mouse_stroke_is_counted_and_the_right_button_is_left_to_napari(
    opened,
    closed,
    viewer,
    qtbot,
    MouseEvent,  # noqa: N803 - napari's fixture
):
    real = viewer.__wrapped__
    real.add_image(np.zeros((40, 40)), name="cells")
    dock = opened()
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
    closed(dock)
