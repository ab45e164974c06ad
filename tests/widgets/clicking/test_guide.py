"""The keys and the buttons that docs/guide.md names, pressed in a window."""

import numpy as np
import pytest
import torch
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QColor
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QColorDialog, QDockWidget, QMenu, QPushButton

from napari_unet.core.network.unet import UNet
from napari_unet.core.sampling.synthetic_cells import draw_cells
from napari_unet.core.training.settings import TrainSettings
from napari_unet.widgets.layers.label_classes import classes_of
from napari_unet.widgets.layers.layers import NOTES
from napari_unet.widgets.networks import KeptNetwork
from napari_unet.widgets.shared.dock import open_dock
from napari_unet.widgets.shared.session import Session


@pytest.fixture(autouse=True)
def no_teaching(monkeypatch):
    monkeypatch.setattr("napari_unet.widgets.live.live_teaching.LIVE", False)  # tested elsewhere


def in_front(dock):
    """Whether the tab of a dock is the one that is seen."""
    return dock.isVisible() and not dock.visibleRegion().isEmpty()


def door(hand, dock, text):
    """Click the button that says ``text``."""
    buttons = [one for one in dock.findChildren(QPushButton) if one.isVisible()]
    (found,) = [one for one in buttons if one.text() == text]
    hand.click(found)


def opened(hand, name):
    """Return the dock that has come to the front."""
    window = hand.viewer.window

    def there():
        dock = window.dock_widgets.get(name) or window.dock_widgets.get(f"{name} (napari-unet)")
        return dock is not None and in_front(dock)

    hand.qtbot.waitUntil(there)
    return window.dock_widgets.get(name) or window.dock_widgets[f"{name} (napari-unet)"]


def cells(viewer):
    image, truth = draw_cells(np.random.default_rng(0), (180, 200), 12)
    viewer.add_labels(truth.astype(np.uint8), name="cells truth", visible=False)
    return viewer.add_image(image, name="cells"), truth


def test_keys_over_the_canvas(hand, qtbot):
    viewer = hand.viewer
    cells(viewer)
    dock = open_dock(viewer, "Annotate")
    qtbot.waitUntil(lambda: dock.labels is not None)
    qtbot.waitUntil(lambda: dock.live.teaching is not None)
    labels, teaching = dock.labels, dock.live.teaching
    viewer.layers.selection.active = labels
    chosen = []
    for key in (Qt.Key.Key_W, Qt.Key.Key_Q, Qt.Key.Key_W):
        hand.key(key)
        chosen.append(labels.selected_label)
    assert chosen == [1, 2, 1]
    size = labels.brush_size
    hand.key(Qt.Key.Key_BracketRight)
    assert labels.brush_size > size
    hand.key(Qt.Key.Key_BracketLeft)
    assert labels.brush_size == size
    assert dock.live.switch.text() == "○ off   G"
    hand.key(Qt.Key.Key_N)  # nothing is learned yet: said, not crashed
    hand.key(Qt.Key.Key_G)
    assert (teaching.live, dock.live.switch.text()) == (True, "● on   G")
    hand.key(Qt.Key.Key_G)
    assert (teaching.live, dock.live.switch.text()) == (False, "○ off   G")
    hand.key(Qt.Key.Key_N)
    qtbot.waitUntil(lambda: bool(teaching.tour.message) and not teaching.busy)
    QTest.keyPress(hand.canvas, Qt.Key.Key_A)
    assert labels.opacity == 0, "A shows what is under the strokes"
    QTest.keyRelease(hand.canvas, Qt.Key.Key_A)
    assert labels.opacity > 0
    hand.key(Qt.Key.Key_4)
    assert str(labels.mode) == "fill"
    hand.key(Qt.Key.Key_2)
    assert str(labels.mode) == "paint"

    # the truth as if it were a result: M takes a new label for a missed object
    result = viewer.layers["cells truth"]
    result.visible, viewer.layers.selection.active = True, result
    hand.key(Qt.Key.Key_M)
    assert result.selected_label == result.data.max() + 1

    # a class gets another colour in Qt's own dialog
    viewer.layers.selection.active = labels
    wanted = QColor("#12ab34")
    seen = []

    def answer():
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QColorDialog):
            QTimer.singleShot(50, answer)
            return
        seen.append(dialog.windowTitle())
        dialog.setCurrentColor(wanted)
        dialog.accept()

    QTimer.singleShot(50, answer)
    hand.click(dock.classes.rows[1].square)
    assert seen == ["Colour of object"]
    assert classes_of(labels)[1].color == wanted.name()
    np.testing.assert_allclose(labels.get_color(2)[:3], wanted.getRgbF()[:3], atol=0.01)
    assert dock.classes.rows[1].square.color == wanted


def test_from_dock_to_dock(hand, qtbot):
    viewer = hand.viewer
    _image, truth = cells(viewer)
    annotate = open_dock(viewer, "Annotate")
    qtbot.wait(20)  # a dock takes its place among the tabs in the next turn of the loop
    qtbot.waitUntil(lambda: annotate.labels is not None)
    annotate.labels.data_setitem(np.nonzero(truth >= 0), (1 + (truth > 0).ravel()).astype(np.uint8))
    Session.of(viewer).settings = TrainSettings.preset("nano", tile=140, flatten=0.0)
    door(hand, annotate, "Segment…")
    opened(hand, "Segment")
    open_dock(viewer, "Annotate")
    qtbot.waitUntil(lambda: in_front(annotate))
    door(hand, annotate, "Train…")
    opened(hand, "Train")

    preview = open_dock(viewer, "Preview")
    qtbot.waitUntil(lambda: in_front(preview))

    def shown():
        return {layer.name.removeprefix("cells ") for layer in viewer.layers if layer.visible}

    def look(view, layers):
        hand.click(preview.views.buttons[view])
        qtbot.waitUntil(lambda: not preview.latest.busy and layers <= shown())

    look("weights", {"weights"})
    assert "deformed" not in shown()
    look("sample", {"sample", "sample labels", "frame"})
    look("deformation", {"deformed", "deformed labels", "grid"})
    assert "weights" not in shown()
    before = viewer.layers["cells deformed"].data.copy()
    door(hand, preview, "⟳ Re-roll  R")
    qtbot.waitUntil(lambda: preview.seed == 1 and not preview.latest.busy)
    assert (viewer.layers["cells deformed"].data != before).any()
    door(hand, preview, "Train with these settings…")
    train = opened(hand, "Train")
    assert isinstance(train.parentWidget(), QDockWidget)


def test_evaluate_takes_the_result_that_segment_shows(hand, qtbot):
    viewer = hand.viewer
    image, truth = cells(viewer)
    session = Session.of(viewer)
    torch.manual_seed(0)
    session.networks.add(KeptNetwork("quick", UNet(base=2, depth=1, dropout=0.0).eval()))
    viewer.layers.selection.active = image
    segment = open_dock(viewer, "Segment")
    qtbot.waitUntil(lambda: in_front(segment) and segment.runs.start.isEnabled())
    hand.click(segment.runs.start)
    qtbot.waitUntil(lambda: segment.segmentations.run is None and segment.result() is not None)
    result = segment.result().layer
    other = viewer.add_labels(np.ones(truth.shape, np.uint8), name="other")
    other.metadata[NOTES] = {"segmented": "cells"}  # what Evaluate would take by itself
    door(hand, segment, "Evaluate…")
    evaluate = opened(hand, "Evaluate")
    assert evaluate.layers.value() == (viewer.layers["cells truth"], result)
    qtbot.waitUntil(lambda: not evaluate._latest.busy)


def test_the_plugins_menu_brings_a_dock_to_the_front(hand, qtbot):
    viewer = hand.viewer
    entries = [
        action
        for menu in viewer.window.plugins_menu.findChildren(QMenu)
        for action in menu.actions()
        if action.text().startswith(("Train", "Evaluate"))
    ]
    menu = {action.text().split()[0]: action for action in entries}
    for name in ("Train", "Evaluate"):
        menu[name].trigger()
        opened(hand, name)
    train, evaluate = opened_or_behind(viewer, "Train"), opened(hand, "Evaluate")
    qtbot.waitUntil(lambda: not in_front(train))
    menu["Train"].trigger()  # behind the other tab
    qtbot.waitUntil(lambda: in_front(train))
    qtbot.waitUntil(lambda: not in_front(evaluate))
    menu["Train"].trigger()  # in front: napari puts it away
    qtbot.waitUntil(lambda: in_front(evaluate) and not train.isVisible())
    menu["Train"].trigger()
    qtbot.waitUntil(lambda: in_front(train))
    viewer.window.remove_dock_widget(evaluate)  # behind: stays away
    qtbot.wait(100)
    assert in_front(train)
    assert len([key for key in viewer.window.dock_widgets if "Evaluate" in key]) == 0


def opened_or_behind(viewer, name):
    """Return a dock that is open."""
    (found,) = [dock for key, dock in viewer.window.dock_widgets.items() if key.startswith(name)]
    return found
