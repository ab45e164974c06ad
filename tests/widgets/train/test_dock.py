"""The Train dock in a window: what it offers, says and keeps, also when it or napari is closed."""

from types import SimpleNamespace

import numpy as np
import pytest
from qtpy.QtGui import QGuiApplication

from napari_unet.core.training.settings import TrainSettings
from napari_unet.widgets.train.dock import NO_SOURCE, TrainDock
from napari_unet.workflows.scheduler import Urgency
from napari_unet.workflows.unfinished_runs import cut_off

WAIT = 60_000  # ms; a busy machine


def tiny(dock, steps):
    changes = {"base": 3, "depth": 1, "tile": 44, "validation_time": 0.5, "minutes": 0.0}
    dock.session.settings = TrainSettings.preset("nano", steps=steps, **changes)


def test_what_it_will_take_is_said_and_one_class_alone_refused_while_painting(
    open_dock, cells, place, qtbot
):
    dock = open_dock()
    assert not dock.controls.train.isEnabled()
    assert dock.controls.train.toolTip() == NO_SOURCE
    assert not dock.images._empty.isHidden()

    work = place(open_dock.viewer, cells)
    assert [row.role for row in dock.images.rows()] == ["train"]
    assert dock.controls.train.isEnabled()
    tiny(dock, 10_000_000)
    assert dock.start_form.preset.currentText() == "changed"
    qtbot.waitUntil(lambda: "B of" in dock.expected.text(), timeout=WAIT)
    assert dock.expected.text().startswith(
        "≈ 10\N{NO-BREAK SPACE}000\N{NO-BREAK SPACE}000 steps of "
    )
    assert "of the labels are held back" in dock.expected.toolTip()
    assert dock.start_form.device.text().startswith("CPU")
    assert dock.images._facts[0].text() == f"{np.unique(cells[1]).size - 1} objects"

    good, work.labels.data = work.labels.data, np.ones_like(work.labels.data)
    qtbot.waitUntil(lambda: "⚠" in dock.expected.text(), timeout=WAIT)
    assert "at least one other class" in dock.expected.text()
    work.labels.data = good
    qtbot.waitUntil(lambda: "≈" in dock.expected.text(), timeout=WAIT)


@pytest.fixture
def training(open_dock, cells, place, qtbot):
    """A dock and its training, which has been validated once."""
    work = place(open_dock.viewer, cells)
    dock = open_dock()
    tiny(dock, 10_000_000)
    dock.controls.train.click()
    trainings = dock.trainings
    (running,) = trainings.running
    qtbot.waitUntil(lambda: running.best is not None, timeout=WAIT)
    yield SimpleNamespace(viewer=open_dock.viewer, dock=dock, training=running, work=work)
    running.job.stop()
    qtbot.waitUntil(lambda: not trainings.running, timeout=WAIT)


def test_a_training_is_seen_and_rests_when_it_is_paused(training, qtbot):
    viewer, dock, running = training.viewer, training.dock, training.training
    assert " · loss " in dock.controls.status.text()
    assert dock.best.text().startswith("best: step ")
    viewer.layers.selection.active = training.work.labels
    dock.tile.click()
    qtbot.waitUntil(lambda: "cells validation tile" in viewer.layers, timeout=WAIT)
    assert viewer.layers.selection.active is training.work.labels

    dock.controls.pause.click()
    other = dock.session.start(lambda: None, Urgency.TRAINING)  # its turn comes when that rests
    qtbot.waitUntil(lambda: not other.running and not running.job.work.yielded)
    before = running.last.number
    qtbot.wait(100)
    assert running.last.number == before
    assert dock.controls.status.text().startswith("paused · step ")
    assert dock.controls.pause.text() == "▶ Go on"


def test_a_dock_opened_again_shows_what_runs_and_keeps_its_network(training, open_dock, qtbot):
    dock, running = training.dock, training.training
    dock.tile.click()
    before = running.last.number
    training.viewer.window.remove_dock_widget(dock)
    dock.deleteLater()
    qtbot.waitUntil(lambda: running.last.number > before + 5, timeout=WAIT)
    again = open_dock()
    assert again.controls.training is running
    assert again.controls.train.text() == "▶ Train next"
    assert "Begins when cells-1 is done" in again.controls.train.toolTip()
    assert again.tile.isChecked()
    qtbot.waitUntil(lambda: again.plot.loss.line.xData is not None, timeout=WAIT)
    assert again.plot.loss.line.xData[0] == 1
    again.controls.stop.click()
    assert not again.controls.stop.isEnabled()
    qtbot.waitUntil(lambda: not again.trainings.running, timeout=WAIT)
    assert again.controls.status.text().startswith("stopped at step ")
    assert "the network cells-1 is kept" in again.controls.status.text()
    assert again.networks.current().name == "cells-1"
    assert again.controls.train.text() == "▶ Train"

    again.networks.further.click()
    assert again.start_form.before.name == "cells-1"
    assert again.recipe().name == "cells-2"
    again.copy_script()
    clipboard = QGuiApplication.clipboard()
    qtbot.waitUntil(lambda: "load_network(" in clipboard.text(), timeout=WAIT)
    again.session.networks.change("cells-1", name="renamed")
    assert again.start_form.before is None  # never another network than the one named


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
