"""The buttons that start, pause and stop a training, its state in words, and resuming one."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_unet.core.text import duration, number
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.messages import show_progress
from napari_unet.widgets.shared.preferences import machine
from napari_unet.widgets.shared.session import LatestRequest
from napari_unet.widgets.train.image_list import confirmed_by_user
from napari_unet.widgets.train.trainings import Training, Trainings
from napari_unet.workflows.scheduler import Outcome, Urgency
from napari_unet.workflows.unfinished_runs import (
    UnfinishedRun,
    cut_off,
    discard,
    resumed,
)

if TYPE_CHECKING:
    from napari_unet.core.training.step import Step

SENTENCES = 1  # number of messages that are shown; the tooltip has all


class Controls(QWidget):
    """Shows the state of one training; the buttons act on it."""

    start = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.training: Training | None = None
        self.train = QPushButton("▶ Train")
        self.train.setDefault(True)
        self.train.clicked.connect(self.start)
        self.pause = QPushButton("❚❚ Pause")
        self.pause.clicked.connect(self._pause)
        self.stop = QPushButton("■ Stop and keep")
        self.stop.clicked.connect(self._stop)
        buttons = QHBoxLayout()
        buttons.addWidget(self.train, 2)
        buttons.addWidget(self.pause, 1)
        buttons.addWidget(self.stop, 2)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(8)
        self.bar.setAccessibleName("Share of the time that is used")
        self.status = QLabel()
        self.messages = QLabel()
        for label in (self.status, self.messages):
            label.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        for widget in (self.bar, self.status, self.messages):
            layout.addWidget(widget)
        self.refresh()

    def show_training(self, training: Training | None) -> None:
        """Show ``training`` from now on."""
        if self.training is not training:
            if self.training is not None:
                self.training.changed.disconnect(self.refresh)
            if training is not None:
                training.changed.connect(self.refresh)
            self.training = training
        self.refresh()

    def can_start(self, why_not: str, waits: str = "") -> None:
        """Enable the start button or show why not, and which training it would wait for."""
        self.train.setEnabled(not why_not)
        self.train.setText("▶ Train next" if waits else "▶ Train")
        waiting = f"Begins when {waits} is done; it waits until then"
        self.train.setToolTip(why_not or (waiting if waits else "Train with what is set above"))

    def refresh(self) -> None:
        """Show the state of the training."""
        training = self.training
        running = training is not None and training.job.running
        stopping = running and training is not None and training.job.work.stopping
        paused = training is not None and training.job.work.paused
        self.pause.setText("▶ Go on" if paused else "❚❚ Pause")
        self.pause.setEnabled(running and not stopping)
        self.stop.setEnabled(running and not stopping)
        none = "Nothing is training"
        self.pause.setToolTip("Rest after this step, or go on" if running else none)
        self.stop.setToolTip(
            "End after this step; the best network so far is kept" if running else none
        )
        self.bar.setVisible(running)
        self._show_words(training if training is not None else None)

    def _show_words(self, training: Training | None) -> None:
        text = state(training) if training is not None else ""
        self.status.setText(text)
        self.status.setVisible(bool(text))
        messages = training.messages if training is not None else []
        self.messages.setText(" ".join(messages[-SENTENCES:]))
        self.messages.setToolTip("\n".join(messages))
        self.messages.setVisible(bool(messages))
        if training is not None and training.last is not None:
            show_progress(self.bar, round(1000 * share_done(training.last)))
        else:
            show_progress(self.bar, 0)

    def _pause(self) -> None:
        if self.training is not None:
            job = self.training.job
            (job.resume if job.work.paused else job.pause)()

    def _stop(self) -> None:
        if self.training is not None:
            self.training.job.stop()


def state(training: Training) -> str:
    """Return the state of ``training`` in words."""
    job, step = training.job, training.newest
    if not job.running:
        return training.problem or ending(training)
    if job.work.stopping:
        return "stopping after this step; the best network is kept"
    if step is None:
        return f"{training.name}: {training.doing}"
    where = progress(step)
    return f"paused · {where}" if job.work.paused else where


def ending(training: Training) -> str:
    """Return in words how a training without an error ended."""
    if training.last is None:
        return f"{training.name} was stopped before its first step: there is no network to keep"
    outcome = training.job.outcome
    how = "stopped" if outcome is not None and outcome.stopped else "done"
    name = training.network_name or training.name
    return f"{how} at step {training.last.number}: the network {name} is kept, see the list above"


def progress(step: "Step") -> str:
    """Say where a training is."""
    doing = " · validating" if step.validating is not None else ""
    left = f"{duration(step.seconds_left)} left" if step.seconds_left else "finishing"
    return f"step {number(step.number)} · loss {step.loss:.3g} · {left}{doing}"


def share_done(step: "Step") -> float:
    """Return the share of the time that is used."""
    total = step.seconds + step.seconds_left
    return float(step.seconds / total) if total else 1.0


def best_of(steps: "Sequence[Step]") -> str:
    """Say which step was best."""
    scored = [(step.number, step.validation) for step in steps if step.validation is not None]
    if not scored:
        return ""
    best, scores = max(scored, key=lambda one: float(one[1]["score"]))
    return f"best: step {number(best)}, IoU {scores['iou']:.2f}"


class ResumeBar(QWidget):
    """Offers to resume a training that a crash cut short; hidden if there is none."""

    def __init__(self, trainings: Trainings) -> None:
        super().__init__()
        self._trainings = trainings
        self._found: list[UnfinishedRun] = []
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.go_on = QPushButton("Go on")
        self.go_on.setToolTip("Train on from its last checkpoint, with copies of its layers")
        self.go_on.clicked.connect(self._go_on)
        self.discard = QPushButton("Discard…")
        self.discard.setToolTip("Remove its checkpoints and copies for good; asks first")
        self.discard.clicked.connect(self._discard)
        self.later = QPushButton("Later")
        self.later.setToolTip("Keep it, and offer it again when this dock is next opened")
        self.later.clicked.connect(self._next)
        row = QHBoxLayout()
        for button in (self.go_on, self.later, self.discard):
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.words)
        layout.addLayout(row)
        self.hide()
        self._latest = LatestRequest(trainings.session, Urgency.VIEW, self)
        self._latest.answered.connect(self._answered)
        self._latest.ask(cut_off)

    def _answered(self, unfinished: tuple[UnfinishedRun, ...]) -> None:
        running = {training.folder for training in self._trainings.running}
        self._found = [run for run in unfinished if run.folder not in running]
        self._show()

    def _show(self) -> None:
        self.setVisible(bool(self._found))
        if self._found:
            more = f", and {len(self._found) - 1} more" if len(self._found) > 1 else ""
            self.words.setText(f"Cut off: {self._found[0]}{more}.")
            self.words.setToolTip(str(self._found[0].folder))

    def _next(self) -> None:
        self._found = self._found[1:]
        self._show()

    def _go_on(self) -> None:
        run = self._found[0]
        job = self._trainings.session.start(
            partial(resumed, run.folder), Urgency.VIEW, f"Reading {run.name}"
        )
        job.ended.connect(partial(_start, self._trainings, run.folder))
        self._next()

    def _discard(self) -> None:
        run = self._found[0]
        if not confirmed_by_user(
            self, f"Discard {run}? Its checkpoints and the copies of its labels are lost."
        ):
            return
        try:
            discard(run.folder)
        except (OSError, ValueError) as error:
            messages.problem(str(error))
        self._next()


def _start(trainings: Trainings, folder: Path, outcome: Outcome) -> None:
    if outcome.value is not None:
        trainings.start(replace(outcome.value, device=machine().device), folder)
