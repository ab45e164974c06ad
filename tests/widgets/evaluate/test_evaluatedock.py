"""The Evaluate dock as a person uses it: layers chosen, errors visited, corrected, removed."""

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QApplication

from napari_unet import evaluation, samples
from napari_unet.widgets.evaluate.dock import MISSING, EvaluateDock
from napari_unet.widgets.menu_commands import evaluate_against
from napari_unet.widgets.shared.job import dispatch

WAIT = 60_000  # ms


@pytest.fixture(autouse=True)
def bare_thread(monkeypatch):
    """Evaluating needs no torch; and no thread is left behind."""
    monkeypatch.setattr("napari_unet.widgets.shared.job.warm_up", lambda threads: None)
    yield
    assert dispatch().compute.shut_down(60.0)


@pytest.fixture
def scene(make_napari_viewer_proxy):
    """Return a viewer with a sample, and labels with one object missed and one false."""
    viewer = make_napari_viewer_proxy().__wrapped__
    viewer.open_sample("napari-unet", "nuclei")
    wrong = samples.load("nuclei").labels.astype(np.uint8)
    wrong[wrong == 1] = 0
    wrong[:6, :6] = 200
    return viewer, viewer.add_labels(wrong, name="found")


def settled(dock):
    return dock._answer is not None and not dock._latest.busy


def test_from_the_layers_to_the_last_error(scene, qtbot):
    viewer, result = scene
    viewer.layers.selection.active = result
    evaluate_against(viewer)
    dock = viewer.window.add_plugin_dock_widget("napari-unet", "Evaluate")[1]
    assert isinstance(dock, EvaluateDock)
    truth = viewer.layers["nuclei truth"]
    assert dock.layers.value() == (truth, result)
    qtbot.waitUntil(lambda: settled(dock), timeout=WAIT)
    true = samples.load("nuclei").labels
    expected = evaluation.average_precision(true, result.data)
    assert f"AP @0.5\t{expected:.6g}" in dock.table.text
    assert "objects" in dock.status.text()
    assert not dock.run.isEnabled()
    assert "edits are evaluated by themselves" in dock.run.toolTip()
    errors = viewer.layers["found errors"]
    assert set(np.unique(errors.data)) == {0, 1, 2}
    assert viewer.layers.selection.active is result  # the brush stays in hand
    assert [button.text() for button in dock.kinds.buttons][:2] == ["missed 1", "false 1"]
    dock.steps.on.click()
    assert dock.steps.said.text().startswith("1 of 2: missed")
    centre = np.argwhere(true == 1).mean(0) * result.scale
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], centre, atol=0.6)
    dock.steps.on.click()
    assert dock.steps.said.text() == "2 of 2: false, 36 px"
    np.testing.assert_allclose(
        viewer.scene.camera.center[-2:], 2.5 * np.array(result.scale), atol=0.6
    )
    dock.kinds.buttons[1].click()
    assert dock.steps.said.text() == "1 error"
    dock.kinds.buttons[1].click()
    dock.outlines.setChecked(True)
    assert (truth.contour, truth.visible, result.contour) == (2, True, 2)
    dock.outlines.setChecked(False)
    assert (truth.contour, truth.visible, result.contour) == (0, False, 0)
    dock.copy.click()
    assert QApplication.clipboard().text() == dock.table.text
    before = dock._answer
    result.data_setitem(np.nonzero(result.data == 200), 0)  # corrected by hand
    qtbot.waitUntil(lambda: settled(dock) and dock._answer is not before, timeout=WAIT)
    assert set(np.unique(errors.data)) == {0, 1}
    assert [layer.name for layer in viewer.layers].count("found errors") == 1
    result.undo()
    corrected = dock._answer
    qtbot.waitUntil(lambda: settled(dock) and dock._answer is not corrected, timeout=WAIT)
    assert set(np.unique(errors.data)) == {0, 1, 2}


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
    dock.set_result(other)
    assert "'other' 7 × 9: choose labels of the same image" in dock.status.text()
    qtbot.wait(50)
    assert dock._answer is None
    again = viewer.add_labels(truth.data.copy(), name="perfect", scale=truth.scale,
                              units=truth.units)  # fmt: skip
    dock.set_result(again)
    qtbot.waitUntil(lambda: settled(dock), timeout=WAIT)
    assert dock.steps.said.text() == "No errors"
    assert not dock.steps.on.isEnabled()
    viewer.window.remove_dock_widget(dock.parent())
    again.data_setitem((np.array([0]), np.array([0])), 3)  # nobody listens any more
    qtbot.wait(50)
    reopened = viewer.window.add_plugin_dock_widget("napari-unet", "Evaluate")[1]
    qtbot.waitUntil(lambda: settled(reopened), timeout=WAIT)
