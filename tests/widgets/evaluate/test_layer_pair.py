"""Two labels layers that are compared: what does not fit is told."""

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_unet.widgets.evaluate.dock import MISSING
from napari_unet.widgets.menu_commands import evaluate_against

pytestmark = pytest.mark.usefixtures("bare_thread")

WAIT = 60_000  # ms


def settled(dock):
    return dock._answer is not None and not dock._latest.busy


def test_what_cannot_be_compared_is_told(scene, qtbot):
    viewer, result = scene
    before = len(notification_manager.records)
    viewer.layers.selection.clear()
    evaluate_against(viewer)
    assert "Select the labels layer" in str(notification_manager.records[before].message)
    dock = viewer.window.add_plugin_dock_widget("napari-unet", "Evaluate")[1]
    truth = viewer.layers["nuclei truth"]
    result.name = "renamed"  # while it is compared
    qtbot.waitUntil(lambda: settled(dock), timeout=WAIT)
    assert dock.layers.value() == (truth, result)
    dock.matching.warping.setChecked(True)
    viewer.layers.remove(result)  # while it is compared
    assert dock._answer is None
    assert dock.status.text() == MISSING or "is truth and result at once" in dock.status.text()
    assert not dock.copy.isEnabled()
    other = viewer.add_labels(np.zeros((7, 9), np.uint8), name="other")
    dock.layers.set_result(other)
    assert "'other' 7 × 9: choose labels of the same image" in dock.status.text()
    qtbot.wait(50)
    assert dock._answer is None
    again = viewer.add_labels(truth.data.copy(), name="perfect", scale=truth.scale,
                              units=truth.units)  # fmt: skip
    dock.layers.set_result(again)
    qtbot.waitUntil(lambda: settled(dock), timeout=WAIT)
    assert dock.steps.message.text() == "No errors"
    assert not dock.steps.on.isEnabled()
    viewer.window.remove_dock_widget(dock.parent())
    again.data_setitem((np.array([0]), np.array([0])), 3)  # nobody listens any more
    qtbot.wait(50)
    reopened = viewer.window.add_plugin_dock_widget("napari-unet", "Evaluate")[1]
    qtbot.waitUntil(lambda: settled(reopened), timeout=WAIT)
