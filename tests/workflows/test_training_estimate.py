"""What a training will take: told step by step, measured once, and problems instead of errors."""

from dataclasses import replace

import numpy as np
import pytest

from napari_unet.core.network.unet import UNet
from napari_unet.core.training import estimate
from napari_unet.core.training.settings import MINUTES, suggest_preset
from napari_unet.workflows import training_estimate
from napari_unet.workflows.training_estimate import TrainingEstimate, estimate_training


@pytest.fixture(autouse=True)
def _nothing_is_measured_yet(monkeypatch):
    monkeypatch.setattr(training_estimate, "_MEASURED", {})


@pytest.fixture
def measured(monkeypatch):
    """Note every measurement."""
    calls, measure = [], estimate.estimate
    monkeypatch.setattr(estimate, "estimate", lambda *given: calls.append(given) or measure(*given))
    return calls


def test_the_device_comes_first_then_the_labels_then_the_time(sources, last):
    told, found = last(estimate_training(sources.recipe()))
    device, reading, labels = told
    assert (device.kind, device.minutes) == ("cpu", MINUTES["cpu"])
    assert device.device.startswith("CPU")
    assert device.suggested == suggest_preset("cpu", MINUTES["cpu"]).preset
    assert (device.seconds, device.facts) == (0.0, ())
    assert reading == "reading cells, 1"
    assert labels.seconds == 0.0
    assert "objects" in labels.facts[0]
    assert "held back to validate on" in " ".join(labels.messages)
    assert found.seconds > 0
    assert (found.steps, found.tile, found.problem) == (20, 44, "")
    assert found.fits
    assert found.memory > 0
    assert not replace(found, memory=found.free + 1).fits


def test_what_decides_the_time_is_measured_once(sources, last, measured, monkeypatch):
    recipe = sources.recipe()
    first = last(estimate_training(recipe))[1]
    again = last(estimate_training(replace(recipe, sources=(sources.layer(3),))))[1]
    assert len(measured) == 1
    assert (again.seconds, again.memory) == (first.seconds, first.memory)
    longer = replace(recipe.settings, steps=99, rate=1e-5)
    assert last(estimate_training(replace(recipe, settings=longer)))[1].steps == 99
    assert len(measured) == 1
    larger = replace(recipe.settings, batch=recipe.settings.batch + 1)
    last(estimate_training(replace(recipe, settings=larger)))
    assert len(measured) == 2
    monkeypatch.setattr(training_estimate, "KEPT", 1)
    last(estimate_training(recipe))
    assert len(measured) == 2, "it is known"
    last(estimate_training(replace(recipe, settings=replace(larger, tile=60))))
    assert len(training_estimate._MEASURED) == 1


def test_a_network_that_is_gone_on_with_stays_as_it_is(sources, last):
    network = UNet(1, 3, base=3, depth=1)
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    recipe = sources.recipe(network=network, before="earlier")
    found = last(estimate_training(recipe))[1]
    assert found.problem == ""
    assert (network.classes, network.base) == (3, 3)
    assert all(np.array_equal(before[name], w) for name, w in network.state_dict().items())


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"device": "cuda:99"}, "cuda"),
        ({"sources": ()}, "there is nothing to train on"),
    ],
)
def test_what_stands_in_the_way_is_a_sentence(sources, last, change, problem):
    found = last(estimate_training(replace(sources.recipe(), **change)))[1]
    assert problem in found.problem
    assert found.seconds == 0.0


def test_labels_that_teach_nothing_are_told_with_what_is_labelled(sources, last):
    layer = sources.layer()
    empty = np.zeros_like(layer.snapshot.labels)
    source = replace(layer, snapshot=replace(layer.snapshot, labels=empty))
    found = last(estimate_training(sources.recipe(source)))[1]
    assert "at least one other class" in found.problem
    assert found.facts == ("0 objects",)


def test_the_steps_are_those_that_fit_into_the_minutes(sources, last):
    recipe = sources.recipe()
    for minutes in (0.05, 1e-6):
        timed = replace(recipe, settings=replace(recipe.settings, minutes=minutes))
        found = last(estimate_training(timed))[1]
        assert found.steps == max(int(minutes * 60 / found.seconds), 1)
    assert TrainingEstimate().fits, "nothing is known yet"
