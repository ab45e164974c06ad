"""Trainings without a window: what is kept when they end, are stopped, cut off, or go wrong."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile
import torch
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager

from napari_unet.core.network.network_file import load_network
from napari_unet.widgets.layers.annotation_layers import layer_source
from napari_unet.widgets.shared.session import Session
from napari_unet.widgets.train.trainings import Trainings
from napari_unet.workflows.training_sources import FileSource
from napari_unet.workflows.unfinished_runs import cut_off, discard, resumed

LONG = 10_000_000  # steps: only stopped
STEPS = 200  # of a training that is cut off before its end
WAIT = 60_000  # ms; a busy machine


def done(qtbot, trainings):
    qtbot.waitUntil(lambda: not trainings.running, timeout=WAIT)
    networks = trainings.session.networks
    qtbot.waitUntil(lambda: all(kept.saved for kept in networks), timeout=WAIT)


def at_step(qtbot, training, number):
    qtbot.waitUntil(
        lambda: (
            bool(training.problem) or (training.last is not None and training.last.number >= number)
        ),
        timeout=WAIT,
    )
    assert not training.problem


def weights(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def long(recipe, steps=LONG):
    return replace(recipe, settings=replace(recipe.settings, steps=steps))


def test_a_stop_keeps_the_best_network_and_closes_its_run(workplace, qtbot, state_folder):
    trainings = workplace.trainings
    training = trainings.start(long(workplace.recipe()))
    qtbot.waitUntil(lambda: training.best is not None, timeout=WAIT)
    at_step(qtbot, training, 60)
    training.job.stop()
    done(qtbot, trainings)
    (kept,) = workplace.session.networks
    assert kept.name == "cells-1"
    assert kept.score == training.best.validation["iou"]
    assert [s.number for s in kept.steps] == list(range(1, kept.steps[-1].number + 1))
    (run,) = state_folder.iterdir()
    assert kept.path == run / "network.safetensors"
    assert same(weights(load_network(kept.path)), weights(kept.network))
    assert not (run / "checkpoints").exists()
    assert cut_off() == ()
    assert "held back to validate on" in " ".join(training.messages)


def test_a_training_cut_off_goes_on_as_if_nothing_had_happened(workplace, qtbot, monkeypatch):
    """Closing stops it; what is resumed in another session has the very same weights."""
    monkeypatch.setattr("napari_unet.workflows.scheduler.BACKLOG", 8)  # steps ahead of the window
    recipe = long(workplace.recipe(), STEPS)
    whole = workplace.trainings.start(recipe)
    done(qtbot, workplace.trainings)
    straight = weights(workplace.session.networks["cells-1"].network)
    assert len(whole.steps) == STEPS

    cut = workplace.trainings.start(replace(recipe, name="cells-2"))
    at_step(qtbot, cut, 5)
    assert workplace.session.close()  # False: it did not stop
    (run,) = cut_off()
    assert 5 <= run.step < STEPS
    assert f"cells-2, step {run.step}" in str(run)

    later = Trainings.of(Session(ViewerModel()))
    goes_on = later.start(replace(resumed(run.folder), device="cpu"), run.folder)
    done(qtbot, later)
    (kept,) = later.session.networks
    assert kept.name == "cells-2"
    assert [s.number for s in kept.steps] == list(range(1, STEPS + 1))
    assert same(weights(kept.network), straight)
    assert kept.network.about["pixel_size"] is None
    assert goes_on.problem == ""
    assert cut_off() == ()


def test_a_run_in_use_is_not_offered_and_can_be_discarded_later(workplace, qtbot, state_folder):
    training = workplace.trainings.start(long(workplace.recipe()))
    at_step(qtbot, training, 2)
    assert cut_off() == ()
    with pytest.raises(ValueError, match="in use"):
        discard(training.folder)
    workplace.session.close()
    (run,) = cut_off()
    discard(run.folder)
    assert list(state_folder.iterdir()) == []


def test_a_second_training_waits_and_both_are_kept(workplace, qtbot):
    trainings = workplace.trainings
    first = trainings.start(long(workplace.recipe()))
    at_step(qtbot, first, 2)
    second = trainings.start(workplace.recipe())
    assert (first.name, second.name) == ("cells-1", "cells-2")
    at_step(qtbot, first, first.last.number + 20)
    assert second.begun is None
    assert second.doing == "waiting"
    first.job.stop()
    done(qtbot, trainings)
    assert [kept.name for kept in workplace.session.networks] == ["cells-1", "cells-2"]
    assert len(second.steps) == 40


def test_training_further_leaves_the_network_it_began_with(workplace, qtbot):
    trainings, networks = workplace.trainings, workplace.session.networks
    trainings.start(workplace.recipe())
    done(qtbot, trainings)
    before = weights(networks["cells-1"].network)
    further = workplace.recipe(network=networks["cells-1"].network, before="cells-1")
    trainings.start(further)
    done(qtbot, trainings)
    assert same(weights(networks["cells-1"].network), before)
    assert not same(weights(networks["cells-2"].network), before)
    assert [s.number for s in networks["cells-2"].steps] == list(range(1, 81))
    assert len(networks["cells-1"].steps) == 40


def test_what_cannot_be_learned_from_is_said_and_nothing_is_stuck(workplace, qtbot, monkeypatch):
    trainings = workplace.trainings
    count = len(notification_manager.records)
    one = np.ones_like(workplace.labels.data)
    good, workplace.labels.data = workplace.labels.data, one
    training = trainings.start(workplace.recipe())
    done(qtbot, trainings)
    assert "label pixels of at least one other class" in training.problem

    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    workplace.labels.data = good
    with monkeypatch.context() as patch:
        patch.setattr("napari_unet.core.training.learner.Learner.learn", full)
        training = trainings.start(workplace.recipe())
        done(qtbot, trainings)
    assert "does not fit into memory: choose a smaller base or depth" in training.problem
    told = [str(record.message) for record in notification_manager.records[count:]]
    assert len(told) == 2
    assert not any("Traceback" in text for text in told)
    assert len(workplace.session.networks) == 0
    trainings.start(workplace.recipe())
    done(qtbot, trainings)
    assert len(workplace.session.networks) == 1


def test_folders_are_trained_on_and_scored_on(workplace, cells, qtbot, tmp_path):
    image, labels = cells
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for name in "ab":
        tifffile.imwrite(tmp_path / "images" / f"{name}.tif", image)
        tifffile.imwrite(tmp_path / "labels" / f"{name}_labels.tif", labels.astype(np.uint16))
    folder = FileSource(tmp_path / "images", tmp_path / "labels", "validate")
    layers = layer_source(workplace.image, workplace.labels, "train")
    training = workplace.trainings.start(workplace.recipe(sources=(layers, folder)))
    done(qtbot, workplace.trainings)
    assert training.best is not None
    assert training.begun.tile_place is None  # no open layer to show a tile on
