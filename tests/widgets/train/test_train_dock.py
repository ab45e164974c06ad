"""The Train dock in a window: what it offers, says and keeps, also when it or napari is closed."""

from dataclasses import replace

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QMenu, QStyle, QStyleOptionComboBox

from napari_unet.core.training.settings import TrainSettings
from napari_unet.widgets.train.dock import NO_SOURCE, TrainDock
from napari_unet.workflows.scheduler import Urgency
from napari_unet.workflows.training_sources import FileSource
from napari_unet.workflows.unfinished_runs import cut_off

WAIT = 60_000  # ms; a busy machine


@pytest.fixture
def open_dock(make_napari_viewer_proxy):
    viewer = make_napari_viewer_proxy()

    def opened():
        dock = TrainDock(viewer)
        viewer.window.add_dock_widget(dock, name="Train")
        return dock

    opened.viewer = viewer.__wrapped__
    return opened


def tiny(dock, steps):
    changes = {"base": 3, "depth": 1, "tile": 44, "validation_time": 0.5, "minutes": 0.0}
    dock.session.settings = TrainSettings.preset("nano", steps=steps, **changes)


def test_from_the_first_look_to_a_kept_network(open_dock, cells, place, qtbot):
    viewer = open_dock.viewer
    dock = open_dock()
    assert not dock.controls.train.isEnabled()
    assert dock.controls.train.toolTip() == NO_SOURCE
    assert not dock.images._empty.isHidden()

    work = place(viewer, cells)
    assert [row.role for row in dock.images.rows()] == ["train"]
    assert dock.controls.train.isEnabled()
    tiny(dock, 10_000_000)
    assert dock.begin.preset.currentText() == "changed"
    qtbot.waitUntil(lambda: "B of" in dock.expected.text(), timeout=WAIT)
    assert dock.expected.text().startswith(
        "≈ 10\N{NO-BREAK SPACE}000\N{NO-BREAK SPACE}000 steps of "
    )
    assert "of the labels are held back" in dock.expected.toolTip()
    assert dock.begin.device.text().startswith("CPU")
    assert dock.images._facts[0].text() == f"{np.unique(cells[1]).size - 1} objects"

    # one class only: said while painting, before anybody presses Train; and taken back
    good, work.labels.data = work.labels.data, np.ones_like(work.labels.data)
    qtbot.waitUntil(lambda: "⚠" in dock.expected.text(), timeout=WAIT)
    assert "at least one other class" in dock.expected.text()
    work.labels.data = good
    qtbot.waitUntil(lambda: "≈" in dock.expected.text(), timeout=WAIT)

    dock.controls.train.click()
    (training,) = dock.trainings.running
    qtbot.waitUntil(lambda: training.best is not None, timeout=WAIT)
    assert " · loss " in dock.controls.status.text()
    assert dock.best.text().startswith("best: step ")
    viewer.layers.selection.active = work.labels
    dock.tile.click()
    qtbot.waitUntil(lambda: "cells validation tile" in viewer.layers, timeout=WAIT)
    assert viewer.layers.selection.active is work.labels

    dock.controls.pause.click()
    other = dock.session.start(lambda: None, Urgency.TRAINING)  # its turn comes when that rests
    qtbot.waitUntil(lambda: not other.running and not training.job.work.yielded)
    before = training.last.number
    qtbot.wait(100)
    assert training.last.number == before
    assert dock.controls.status.text().startswith("paused · step ")
    assert dock.controls.pause.text() == "▶ Go on"

    # closed and opened again it shows what runs, from the first step on, and can stop it
    viewer.window.remove_dock_widget(dock)
    qtbot.wait(50)
    training.job.resume()
    qtbot.waitUntil(lambda: training.last.number > before + 5, timeout=WAIT)
    again = open_dock()
    assert again.controls.training is training
    assert again.controls.train.text() == "▶ Train next"
    assert "Begins when cells-1 is done" in again.controls.train.toolTip()
    assert again.tile.isChecked()
    qtbot.waitUntil(lambda: again.plot.loss.line.xData is not None, timeout=WAIT)
    assert again.plot.loss.line.xData[0] == 1
    again.controls.stop.click()
    assert not again.controls.stop.isEnabled()
    qtbot.waitUntil(lambda: not dock.trainings.running, timeout=WAIT)
    assert again.controls.status.text().startswith("stopped at step ")
    assert "the network cells-1 is kept" in again.controls.status.text()
    assert again.networks.current().name == "cells-1"
    assert again.controls.train.text() == "▶ Train"

    again.networks.further.click()
    assert again.begin.before.name == "cells-1"
    assert again.recipe().name == "cells-2"
    again.copy_script()
    clipboard = QGuiApplication.clipboard()
    qtbot.waitUntil(lambda: "load_network(" in clipboard.text(), timeout=WAIT)
    dock.session.networks.change("cells-1", name="renamed")
    assert again.begin.before is None  # never another network than the one named


def test_pairs_roles_sizes_and_folders(open_dock, cells, place, qtbot, tmp_path, monkeypatch):
    viewer = open_dock.viewer
    work = place(viewer, cells)
    dock = open_dock()
    other = viewer.add_image(np.zeros((50, 60)), name="other")
    fitting = viewer.add_labels(np.zeros((50, 60), np.uint8), name="other labels")
    menu = QMenu()
    dock.images._offer(menu)
    assert [action.text() for action in menu.actions()] == ["other  +  other labels"]
    menu.actions()[0].trigger()
    assert dock.session.pairs.annotation_of(other) is fitting
    assert len(dock.images.rows()) == 2

    dock.session.pairs.set_role(other, "off")
    assert [source.name for source in dock.recipe().sources] == ["cells"]
    dock.session.pairs.set_role(other, "validate")
    fitting.data = np.zeros((7, 8), np.uint8)  # does not fit any more
    dock.images.refresh()
    assert [label.text() for label in dock.images._facts][1] == "⚠ sizes differ"
    count = len(notification_manager.records)
    dock.train()
    (told,) = [str(record.message) for record in notification_manager.records[count:]]
    assert "need (50, 60)" in told
    assert dock.trainings.running == ()
    viewer.layers.remove(fitting)
    assert len(dock.images.rows()) == 1

    answers = iter([str(tmp_path), str(tmp_path / "nowhere")])
    folder = "napari_unet.widgets.train.image_list.QFileDialog.getExistingDirectory"
    monkeypatch.setattr(folder, lambda *a: next(answers))
    dock.images._add_folders()
    assert "there is no file or folder" in str(notification_manager.records[-1].message)
    assert dock.trainings.folders == []
    dock.trainings.folders.append(FileSource(tmp_path, tmp_path))
    dock.images.refresh()
    assert len(dock.images.rows()) == 2
    dock.session.pairs.set_role(work.image, "off")
    dock.images._set_role(dock.trainings.folders[0], "off")
    assert dock.controls.train.toolTip() == NO_SOURCE


def test_closing_napari_stops_at_once_and_what_was_cut_off_is_offered(
    make_napari_viewer, cells, place, qtbot
):
    viewer = make_napari_viewer()
    place(viewer, cells)
    dock = TrainDock(viewer)
    viewer.window.add_dock_widget(dock, name="Train")
    tiny(dock, 10_000_000)
    dock.train()
    (training,) = dock.trainings.running
    qtbot.waitUntil(lambda: training.last is not None and training.last.number > 3, timeout=WAIT)
    assert viewer.window._task_status_manager.get_status() == ["napari-unet: Training cells-1"]
    job = training.job
    viewer.close()  # waits until it has ended
    assert job.work.outcome is not None
    assert job.work.outcome.stopped
    (run,) = cut_off()
    assert run.step > 3

    later = make_napari_viewer()
    dock = TrainDock(later)
    later.window.add_dock_widget(dock, name="Train")
    offer = dock.offer
    qtbot.waitUntil(lambda: not offer.isHidden(), timeout=WAIT)
    assert f"cells-1, step {run.step}" in offer.words.text()
    offer.go_on.click()
    assert offer.isHidden()
    qtbot.waitUntil(
        lambda: (
            bool(dock.trainings.running)
            and dock.trainings.running[0].last is not None
            and dock.trainings.running[0].last.number > run.step
        ),
        timeout=WAIT,
    )
    (goes_on,) = dock.trainings.running
    assert [step.number for step in goes_on.steps[: run.step]] == list(range(1, run.step + 1))
    goes_on.job.stop()
    qtbot.waitUntil(lambda: "cells-1" in dock.session.networks, timeout=WAIT)
    qtbot.waitUntil(lambda: dock.session.networks["cells-1"].saved, timeout=WAIT)


def test_settings_are_those_of_the_session(open_dock, cells, place, qtbot):
    place(open_dock.viewer, cells)
    dock = open_dock()
    qtbot.waitUntil(lambda: dock.session.settings.minutes > 0, timeout=WAIT)  # fitted to the device
    assert dock.begin.preset.currentText() == "standard"
    changed = replace(dock.session.settings, sd=3.0)
    dock.session.settings = changed  # as Preview does
    assert dock.form.value() == changed
    assert dock.begin.preset.currentText() == "changed"
    dock.begin.preset.setCurrentText("small")
    dock.begin.preset.activated.emit(dock.begin.preset.currentIndex())
    assert dock.session.settings == TrainSettings.preset("small", minutes=changed.minutes)
    assert dock.begin.preset.findText("changed") == -1
    box = dock.begin.time
    shown = QStyleOptionComboBox()
    box.initStyleOption(shown)
    shown.rect.setSize(box.minimumSizeHint())
    parts = QStyle.ComplexControl.CC_ComboBox, shown, QStyle.SubControl.SC_ComboBoxEditField
    room = box.style().subControlRect(*parts, box).width()
    assert room >= box.fontMetrics().horizontalAdvance("1 000 steps"), "else it is cut off"
    dock.begin.time.setCurrentIndex(dock.begin.time.findData(2.0))
    dock.begin.time.activated.emit(dock.begin.time.currentIndex())
    assert dock.session.settings.minutes == 2.0
