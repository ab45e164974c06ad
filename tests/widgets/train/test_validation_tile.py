"""The validation tile is shown while layers change, and goes with them."""

from dataclasses import replace

import numpy as np

LONG = 10_000_000  # steps: only stopped

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


def tiles_of(viewer):
    return [layer for layer in viewer.layers if layer.name.endswith("validation tile")]


def long(recipe, steps=LONG):
    return replace(recipe, settings=replace(recipe.settings, steps=steps))


def test_layers_may_change_or_go_while_it_trains(workplace, qtbot):
    """Renamed, moved, painted, replaced, removed: the training has its own picture of them."""
    trainings, viewer = workplace.trainings, workplace.viewer
    trainings.tile.want(True)
    training = trainings.start(long(workplace.recipe()))
    at_step(qtbot, training, 3)
    workplace.image.name = "renamed"
    viewer.layers.move(0, 2)
    # its layer keeps the name it was made with: that of the image before or after the renaming
    qtbot.waitUntil(lambda: tiles_of(viewer) != [], timeout=WAIT)
    (tile,) = tiles_of(viewer)
    assert tile.data.shape == workplace.image.data.shape
    assert set(np.unique(tile.data)) <= {0, 1, 2}
    assert 1 in tile.data
    workplace.labels.data = np.zeros_like(workplace.labels.data)
    workplace.image.data = np.zeros((33, 44), np.float32)  # another image, another size
    before = tile.data.copy()
    at_step(qtbot, training, training.last.number + 40)
    np.testing.assert_array_equal(tile.data, before)
    viewer.layers.clear()
    at_step(qtbot, training, training.last.number + 40)
    assert len(viewer.layers) == 0
    training.job.stop()
    done(qtbot, trainings)
    assert "cells-1" in workplace.session.networks
