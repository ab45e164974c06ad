"""A job of the compute thread: its values and its end arrive in the thread of the window."""

import subprocess
import sys
import threading
import time
from functools import partial

import pytest
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QLabel

from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.scheduler import Urgency

pytestmark = pytest.mark.usefixtures("bare_thread")


class Dock(QObject):
    """Writes down what arrives, and in which thread."""

    def __init__(self):
        super().__init__()
        self.values, self.batches, self.outcomes, self.threads = [], 0, [], set()

    def follow(self, job):
        job.arrived.connect(self.arrived)
        job.ended.connect(self.ended)
        return job

    def arrived(self, values):
        self.values += values
        self.batches += 1
        self.threads.add(threading.current_thread())

    def ended(self, outcome):
        self.outcomes.append(outcome)
        self.threads.add(threading.current_thread())


def counting(count, pause=0.0):
    for number in range(count):
        time.sleep(pause)
        yield number
    return "all"


def test_values_arrive_whole_in_the_gui_thread_at_most_20_times_a_second(qtbot):
    dock = Dock()
    session = Session(ViewerModel())
    begun = time.monotonic()
    dock.follow(session.start(partial(counting, 300, 0.001), Urgency.TRAINING))
    qtbot.waitUntil(lambda: bool(dock.outcomes))
    taken = time.monotonic() - begun
    assert dock.values == list(range(300))
    assert dock.outcomes[0].value == "all"
    assert dock.threads == {threading.main_thread()}
    # the first batch, the last one with the end, and between them one every 50 ms, or nearly
    assert dock.batches <= 2 + taken / 0.045
    assert not session.jobs


def test_stop_pause_and_resume_through_the_job(qtbot):
    dock = Dock()
    session = Session(ViewerModel())
    job = dock.follow(session.start(partial(counting, 10**9, 0.001), Urgency.TRAINING, "Training"))
    qtbot.waitUntil(lambda: len(dock.values) > 3)
    job.pause()
    other = session.start(lambda: None, Urgency.TRAINING)  # its turn comes when the first rests
    qtbot.waitUntil(lambda: not other.running and not job.work.yielded)
    before = len(dock.values)
    qtbot.wait(100)
    assert len(dock.values) == before
    assert job.work.paused
    assert session.job(Urgency.TRAINING) is job
    job.resume()
    qtbot.waitUntil(lambda: len(dock.values) > before)
    job.stop()
    qtbot.waitUntil(lambda: not job.running)
    assert [outcome.stopped for outcome in dock.outcomes] == [True]


def test_an_error_is_told_in_words_without_traceback_once(qtbot):
    def breaks():
        yield 1
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    records = notification_manager.records
    before = len(records)
    dock = Dock()
    session = Session(ViewerModel())
    dock.follow(session.start(breaks, Urgency.TRAINING, "Training cells-1"))
    qtbot.waitUntil(lambda: bool(dock.outcomes))
    (told,) = [str(record.message) for record in records[before:]]
    assert told.startswith("Training cells-1: something unexpected happened")
    assert "Traceback" not in told
    assert "in breaks" in dock.outcomes[0].details


def test_a_dock_that_is_gone_stops_nothing(qtbot):
    session = Session(ViewerModel())
    label = QLabel()
    job = session.start(partial(counting, 20, 0.01), Urgency.TRAINING)
    job.arrived.connect(lambda values: None)
    job.ended.connect(label.clear)
    label.deleteLater()
    del label
    before = len(notification_manager.records)
    qtbot.waitUntil(lambda: not job.running)
    assert job.outcome.value == "all"
    assert len(notification_manager.records) == before


def test_a_script_that_just_ends_ends(tmp_path):
    """No event loop, no closed window, a job in the middle of its work: exit status 0."""
    code = """
import threading, time, napari_unet.widgets.shared.job as j
from napari_unet.workflows.scheduler import Urgency
from qtpy.QtWidgets import QApplication
app = QApplication([])
begun = threading.Event()
def work():
    try:
        while True:
            begun.set(); time.sleep(0.01); yield 1
    finally:
        print("closed")
j.warm_up = lambda threads: None
j.dispatch().start(work, Urgency.TRAINING, "x")
begun.wait(60)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert (done.returncode, done.stdout.strip(), done.stderr.strip()) == (0, "closed", "")
