"""Sessions: jobs that outlive docks, a window that closes with nothing left, newest requests."""

import threading
import time
from functools import partial

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.utils.notifications import notification_manager

from napari_unet.core.training.settings import TrainSettings
from napari_unet.widgets.networks import KeptNetwork
from napari_unet.widgets.shared.job import dispatch
from napari_unet.widgets.shared.session import LatestRequest, Session
from napari_unet.workflows.scheduler import Urgency

pytestmark = pytest.mark.usefixtures("bare_thread")

LONG = 60.0  # seconds; a busy machine


def counting(count, pause=0.0):
    for number in range(count):
        time.sleep(pause)
        yield number
    return "all"


def threads_alive():
    return [t for t in threading.enumerate() if t.name == "napari-unet" and t.is_alive()]


def test_the_newest_request_wins_and_a_drag_is_followed(qtbot):
    latest = LatestRequest(Session(ViewerModel()))
    shown, computed, gate = [], [], threading.Semaphore(0)
    latest.answered.connect(shown.append)

    def preview(value):
        computed.append(value)
        assert gate.acquire(timeout=LONG)
        return value

    for value in range(50):
        latest.ask(preview, value)
        if value % 10 == 0:  # a preview is done after each ten moves of the mouse
            qtbot.waitUntil(lambda value=value: computed[-1:] == [value])
        elif value % 10 == 9:
            gate.release()
            qtbot.waitUntil(lambda value=value: computed[-1] == value)
            gate.release()
            qtbot.waitUntil(lambda: not latest.busy)
    assert shown == computed  # in order, each answer shown
    # while dragging some are shown, the last one among them, and most are never computed
    assert shown == [0, 9, 10, 19, 20, 29, 30, 39, 40, 49]


def test_a_dropped_request_is_never_answered(qtbot):
    latest = LatestRequest(Session(ViewerModel()))
    shown = []
    latest.answered.connect(shown.append)
    latest.ask(time.sleep, 0.05)
    latest.drop()
    assert not latest.busy
    latest.ask(lambda: "new")
    qtbot.waitUntil(lambda: not latest.busy)
    qtbot.wait(80)
    assert shown == ["new"]


def test_a_failing_preview_is_not_a_toast(qtbot):
    latest = LatestRequest(Session(ViewerModel()))
    failures = []
    latest.failed.connect(failures.append)
    before = len(notification_manager.records)
    latest.ask(int, "no number")
    qtbot.waitUntil(lambda: bool(failures))
    assert isinstance(failures[0].error, ValueError)
    assert len(notification_manager.records) == before
    assert not latest.busy


def test_a_session_belongs_to_its_viewer_proxy_or_not(make_napari_viewer_proxy):
    viewer = make_napari_viewer_proxy()
    session = Session.of(viewer)
    assert Session.of(viewer.__wrapped__) is session
    assert Session.of(ViewerModel()) is not session
    assert session.viewer is viewer.__wrapped__


def test_closing_napari_knows_the_job_stops_it_and_leaves_no_thread(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    session = Session.of(viewer)
    finals = []

    def training():
        try:
            yield from counting(10**9, 0.01)
        finally:
            finals.append(threading.current_thread().name)

    tasks = viewer.window._task_status_manager
    preview = session.start(partial(counting, 2), Urgency.PREVIEW)
    assert tasks.get_status() == []
    job = session.start(training, Urgency.TRAINING, "Training cells-1")
    qtbot.waitUntil(lambda: not preview.running)
    assert tasks.get_status() == ["napari-unet: Training cells-1"]
    assert threads_alive()
    viewer.close()
    assert finals == ["napari-unet"]
    assert not threads_alive()
    qtbot.wait(50)
    assert job.outcome.stopped


def test_a_step_that_does_not_end_does_not_hold_the_window(make_napari_viewer, monkeypatch):
    monkeypatch.setattr("napari_unet.widgets.shared.session.CLOSING", 0.2)
    viewer = make_napari_viewer()
    session = Session.of(viewer)
    inside, gate = threading.Event(), threading.Event()

    def long_step():
        inside.set()
        assert gate.wait(LONG)

    session.start(long_step, Urgency.TRAINING, "Training cells-1")
    assert inside.wait(LONG)
    assert not session.close()
    gate.set()
    assert dispatch().compute.shut_down(LONG)  # it ends after its step
    assert not threads_alive()


def test_an_idle_thread_goes_with_its_last_window(make_napari_viewer, qtbot):
    first, second = make_napari_viewer(), make_napari_viewer()
    jobs = [
        Session.of(viewer).start(partial(counting, 1), Urgency.VIEW) for viewer in (first, second)
    ]
    qtbot.waitUntil(lambda: not any(job.running for job in jobs))
    first.close()
    qtbot.wait(50)
    assert threads_alive(), "another window still needs it"
    second.close()
    qtbot.waitUntil(lambda: not threads_alive())


def test_a_finished_job_is_no_reason_to_ask(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    session = Session.of(viewer)
    for _ in range(3):
        job = session.start(partial(counting, 1), Urgency.SEGMENTATION, "Segmenting cells")
        qtbot.waitUntil(lambda job=job: not job.running)
    tasks = viewer.window._task_status_manager
    assert tasks.get_status() == []
    assert len(tasks._tasks) == 1


def test_settings_are_shared_and_told_once(qtbot):
    session = Session(ViewerModel())
    told = []
    session.settings_changed.connect(told.append)
    session.settings = session.settings
    changed = TrainSettings.preset("small", sd=3.0)
    session.settings = changed
    assert told == [changed]


def test_networks_have_names_of_their_own():
    networks = Session(ViewerModel()).networks
    told = []
    networks.changed.connect(lambda: told.append(len(networks)))
    first = networks.add(KeptNetwork(networks.free_name("cells"), object()))
    second = networks.add(KeptNetwork("cells-1", object()))
    assert [first.name, second.name] == ["cells-1", "cells-1-1"]
    changed = networks.change("cells-1", name="nuclei", score=0.9)
    assert [kept.name for kept in networks] == ["nuclei", "cells-1-1"]
    assert changed.network is first.network
    with pytest.raises(ValueError, match="already"):
        networks.change("nuclei", name="cells-1-1")
    networks.remove("nuclei")
    assert told == [1, 2, 2, 1]
    assert networks.newest is second


def test_pairs_follow_the_layers():
    viewer = ViewerModel()
    pairs = Session(viewer).pairs
    image, other = viewer.add_image(np.zeros((8, 8))), viewer.add_image(np.zeros((8, 8)))
    labels = viewer.add_labels(np.zeros((8, 8), np.uint8))
    pairs.pair(image, labels)
    pairs.set_role(image, "validate")
    labels.name = "renamed"
    viewer.layers.move(0, 2)
    assert [(p.image, p.labels, p.role) for p in pairs] == [(image, labels, "validate")]
    assert pairs.image_of(labels) is image
    assert pairs.annotation_of(other) is None
    viewer.layers.remove(labels)
    assert list(pairs) == []
    with pytest.raises(ValueError, match="train, validate, off"):
        pairs.set_role(image, "test")


def test_pairs_keep_no_layer_alive():
    viewer = ViewerModel()
    pairs = Session(viewer).pairs
    pairs.pair(Image(np.zeros((8, 8))), Labels(np.zeros((8, 8), np.uint8)))
    assert list(pairs) == []
