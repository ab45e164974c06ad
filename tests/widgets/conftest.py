"""What no test of a window may depend on: how fast the machine is, and what other tests left."""

import gc
import time
import weakref
from functools import partial

import pytest
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

from napari_unet.widgets.layers.label_classes import begin_to_prepare, prepared
from napari_unet.widgets.shared.job import dispatch

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


@pytest.fixture
def no_thread_left():
    """The compute thread has ended after each test."""
    yield
    assert dispatch().compute.shut_down(60.0)


@pytest.fixture
def bare_thread(monkeypatch, no_thread_left):
    """Leave out torch, which takes seconds to be imported and has tests of its own."""
    monkeypatch.setattr("napari_unet.widgets.shared.job.warm_up", lambda threads: None)


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """A window that closes waits for its jobs: that of a person would leave them after 2 s.

    Sessions of earlier tests, which are freed when Python pleases, keep no thread alive here.
    """
    monkeypatch.setattr("napari_unet.widgets.shared.session.CLOSING", PATIENCE / 1000)
    monkeypatch.setattr("napari_unet.widgets.shared.session._OPEN", weakref.WeakSet())


@pytest.fixture(autouse=True)
def no_widget_left(request):
    """Fail where a test leaves a window behind, with a viewer or without one.

    Set up before every other fixture of a test, so that it looks after they have cleaned up.
    """
    before = set(QApplication.topLevelWidgets())
    yield
    call = getattr(request.node, "rep_call", None)  # napari's plugin for pytest keeps it
    if call is None or call.failed:  # the traceback still holds its widgets
        return
    if _left(before):
        gc.collect()
    left = _left(before)
    assert not left, f"widgets without a parent are left: {left}"


def _left(before):
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QApplication.processEvents()
    return [
        f"{type(widget).__name__} {widget.objectName()!r}"
        for widget in set(QApplication.topLevelWidgets()) - before
        if type(widget).__name__ != "CanvasBackendDesktop"  # vispy keeps some of them
    ]
