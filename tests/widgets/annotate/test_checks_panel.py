"""What a check finds is shown, a line a finding, and a click goes to the place."""

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt

from napari_unet.core.annotation.finding import Finding
from napari_unet.widgets.annotate.checks_panel import GOOD, AnnotationCheck, FindingRow
from napari_unet.widgets.annotate.undo_follower import UndoFollower
from napari_unet.widgets.layers.annotation_layers import new_annotation_layer
from napari_unet.widgets.layers.label_classes import classes_of
from napari_unet.widgets.shared.session import Session

pytestmark = pytest.mark.usefixtures("bare_thread")


@pytest.fixture
def checked(qtbot):
    """Return a viewer, the annotation in it, and what checks it."""
    viewer = ViewerModel()
    rng = np.random.default_rng(0)
    image = viewer.add_image(rng.normal(100, 10, (60, 70)).astype(np.float32), name="cells")
    labels = new_annotation_layer(viewer, image)
    session = Session.of(viewer)
    panel = AnnotationCheck(viewer, session)
    qtbot.addWidget(panel)
    panel.set_layers(image, labels, UndoFollower.of(labels, session))
    return viewer, labels, panel


def found(panel, qtbot):
    panel.button.click()
    qtbot.waitUntil(lambda: panel._checked and not panel._latest.busy)
    return {row.finding.what: row for row in panel.rows}


def test_findings_are_told_with_the_names_of_the_classes(checked, qtbot):
    viewer, labels, panel = checked
    assert panel.status.text() == "Not checked yet."
    labels.data_setitem((np.full(20, 40), np.arange(20, 40)), 2)
    rows = found(panel, qtbot)
    assert "'object'" in rows["one-class"].accessibleName()
    assert "class 1" not in rows["one-class"].accessibleName()
    assert panel.status.text() == f"{len(rows)} findings, the gravest first."
    severities = [row.finding.severity for row in panel.rows]
    assert severities == sorted(severities, key=("error", "warning", "note").index)
    viewer.scene.camera.center = (0, 0, 0)
    rows["one-class"].go.click()
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], (40, 20), atol=1)
    labels.paint((10, 10), 1)
    assert panel.status.text() == "Checked before the last stroke."
    labels.paint((30, 10), 1)
    assert panel.status.text() == "Checked before the last 2 strokes."


def test_what_needs_nothing_is_said_to_be_good(checked, qtbot):
    _, labels, panel = checked
    labels.data_setitem(tuple(np.indices((60, 70)).reshape(2, -1)), 1)
    labels.data_setitem(tuple(np.indices((20, 20)).reshape(2, -1) + 10), 2)
    rows = found(panel, qtbot)
    assert {row.finding.severity for row in rows.values()} == {"note"}
    panel._show([])
    panel._say_state()
    assert panel.status.text() == GOOD


def test_another_pair_and_one_that_does_not_fit_begin_anew(checked, qtbot):
    viewer, labels, panel = checked
    labels.paint((10, 10), 2)
    assert found(panel, qtbot)
    other = viewer.add_image(np.zeros((9, 8)), name="other")
    panel.set_layers(other, labels, None)
    assert panel.rows == []
    assert panel.status.text() == "Not checked yet."
    panel.button.click()
    assert "(60, 70)" in panel.status.text() or "60 × 70" in panel.status.text()
    panel.set_layers(None, None, None)
    assert not panel.button.isEnabled()
    panel.check()  # nothing to check
    assert panel.status.text() == "Not checked yet."


def test_a_row_shows_a_remedy_and_a_place_only_where_there_is_one(checked, qtbot):
    classes = classes_of(checked[1])
    note = FindingRow(Finding("balance", "note", "So it is.", "Do nothing."), classes)
    error = FindingRow(Finding("huge", "error", "class 1 and class 9.", "Mend.", (3, 4)), classes)
    gone = []
    for row in (note, error):
        qtbot.addWidget(row)
        row.going.connect(gone.append)
        qtbot.mouseClick(row, Qt.MouseButton.LeftButton)
    assert gone == [error.finding]
    assert note.go.isHidden()
    assert note.accessibleName() == "Note: So it is. Do nothing."
    assert error.accessibleName() == "Error: 'object' and class 9. Mend."
