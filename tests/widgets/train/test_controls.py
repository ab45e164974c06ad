"""Start, pause and stop of the training that is shown, and in words where it is."""

from dataclasses import replace

import pytest

from napari_unet.widgets.train.controls import Controls, ResumeBar, state
from napari_unet.workflows.unfinished_runs import cut_off

LONG = 10_000_000  # steps: only stopped


@pytest.fixture
def controls(qtbot):
    made = Controls()
    qtbot.addWidget(made)
    return made


def at_step(qtbot, training, number):
    qtbot.waitUntil(lambda: training.last is not None and training.last.number >= number)


def start(workplace, steps=LONG):
    recipe = workplace.recipe()
    settings = replace(recipe.settings, steps=steps, validation_time=0.0)
    return workplace.trainings.start(replace(recipe, settings=settings))


def test_without_a_training_only_start_is_there(controls):
    started = []
    controls.start.connect(lambda: started.append(1))
    assert not controls.pause.isEnabled()
    assert controls.stop.toolTip() == "Nothing is training"
    assert controls.bar.isHidden()
    controls.can_start("There is no image")
    assert not controls.train.isEnabled()
    assert controls.train.toolTip() == "There is no image"
    controls.can_start("", "cells-1")
    assert controls.train.text() == "▶ Train next"
    assert controls.train.toolTip().startswith("Begins when cells-1 is done")
    controls.train.click()
    assert started == [1]


def test_a_training_is_paused_goes_on_and_is_stopped(controls, workplace, qtbot):
    training = start(workplace)
    controls.show_training(training)
    assert state(training) == "cells-1: waiting"
    at_step(qtbot, training, 2)
    assert controls.status.text().startswith("step ")
    assert not controls.bar.isHidden()
    controls.pause.click()
    controls.refresh()
    assert controls.pause.text() == "▶ Go on"
    assert state(training).startswith("paused · step ")
    controls.pause.click()
    controls.refresh()
    assert controls.pause.text() == "❚❚ Pause"
    at_step(qtbot, training, training.last.number + 2)
    controls.stop.click()
    controls.refresh()
    assert state(training) == "stopping after this step; the best network is kept"
    assert not controls.pause.isEnabled()
    qtbot.waitUntil(lambda: not workplace.trainings.running)
    assert controls.status.text().startswith(f"stopped at step {training.last.number}: ")
    assert "the network cells-1 is kept" in controls.status.text()
    assert controls.bar.isHidden()
    controls.show_training(None)
    training.changed.emit()  # nobody listens any more
    assert controls.status.isHidden()


def test_what_was_cut_off_is_offered_and_can_wait(workplace, qtbot):
    training = start(workplace)
    at_step(qtbot, training, 2)
    workplace.session.close()
    (run,) = cut_off()
    bar = ResumeBar(workplace.trainings)
    qtbot.addWidget(bar)
    assert bar.isHidden()
    qtbot.waitUntil(lambda: not bar.isHidden())
    assert bar.words.text() == f"Cut off: {run}."
    bar.later.click()
    assert bar.isHidden()
    assert cut_off() == (run,), "it is kept"


@pytest.mark.parametrize("agreed", [False, True])
def test_what_was_cut_off_is_discarded_only_after_asking(workplace, qtbot, monkeypatch, agreed):
    training = start(workplace)
    at_step(qtbot, training, 2)
    workplace.session.close()
    bar = ResumeBar(workplace.trainings)
    qtbot.addWidget(bar)
    qtbot.waitUntil(lambda: not bar.isHidden())
    monkeypatch.setattr(
        "napari_unet.widgets.train.controls.confirmed_by_user", lambda parent, words: agreed
    )
    bar.discard.click()
    assert bool(cut_off()) is not agreed
    assert bar.isHidden() is agreed
