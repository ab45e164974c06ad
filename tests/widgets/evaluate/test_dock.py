"""The Evaluate dock as a person uses it: layers chosen, errors visited, corrected, removed."""

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

from napari_unet import evaluation, samples
from napari_unet.widgets.evaluate.dock import EvaluateDock
from napari_unet.widgets.menu_commands import evaluate_against

pytestmark = pytest.mark.usefixtures("bare_thread")

WAIT = 60_000  # ms


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
    assert dock.steps.message.text().startswith("1 of 2: missed")
    centre = np.argwhere(true == 1).mean(0) * result.scale
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], centre, atol=0.6)
    dock.steps.on.click()
    assert dock.steps.message.text() == "2 of 2: false, 36 px"
    np.testing.assert_allclose(
        viewer.scene.camera.center[-2:], 2.5 * np.array(result.scale), atol=0.6
    )
    dock.kinds.buttons[1].click()
    assert dock.steps.message.text() == "1 error"
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
