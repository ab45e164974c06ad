"""What no test of a window may depend on: how fast the machine is, and what other tests left."""

import time
import weakref
from functools import partial

import pytest

from napari_unet.widgets.layers.label_classes import begin_to_prepare, prepared

PATIENCE = 100_000  # ms; pytest-qt gives up after 5 s, which a busy machine may need


@pytest.fixture(scope="session", autouse=True)
def colours():
    """Label layers can be coloured before the first test: a dock then makes its layer at once."""
    begin_to_prepare()
    while not prepared():
        time.sleep(0.02)


@pytest.fixture
def qtbot(qtbot):
    """Wait until something is so, however long that takes."""
    qtbot.waitUntil = partial(qtbot.waitUntil, timeout=PATIENCE)
    qtbot.waitSignal = partial(qtbot.waitSignal, timeout=PATIENCE)
    return qtbot


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """A window that closes waits for its jobs: that of a person would leave them after 2 s.

    Sessions of earlier tests, which are freed when Python pleases, keep no thread alive here.
    """
    monkeypatch.setattr("napari_unet.widgets.shared.session.CLOSING", PATIENCE / 1000)
    monkeypatch.setattr("napari_unet.widgets.shared.session._OPEN", weakref.WeakSet())
