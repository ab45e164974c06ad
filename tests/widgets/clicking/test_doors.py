"""The buttons that lead from one dock to the next, pressed in a window."""

import numpy as np
import pytest
from qtpy.QtWidgets import QDockWidget, QPushButton

from napari_unet.core.settings import TrainSettings
from napari_unet.core.synthetic import draw_cells
from napari_unet.widgets.docks import open_dock
from napari_unet.widgets.session import Session


@pytest.fixture(autouse=True)
def no_teaching(monkeypatch):
    monkeypatch.setattr("napari_unet.widgets.teaching.classroom.LIVE", False)  # tested elsewhere


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
