"""Controls: start, pause and stop, and in words where the training that is shown is."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_unet.widgets.shared.messages import show_progress
from napari_unet.widgets.train.text import progress, share_done
from napari_unet.widgets.train.trainings import Training

SENTENCES = 1  # shown of what a training has said; the tooltip has all


class Controls(QWidget):
    """Shows one Training, or none; the buttons act on the one that is shown."""

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
        self.said = QLabel()
        for label in (self.status, self.said):
            label.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        for widget in (self.bar, self.status, self.said):
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
        """Say whether a training can be started, and for which one it would wait."""
        self.train.setEnabled(not why_not)
        self.train.setText("▶ Train next" if waits else "▶ Train")
        waiting = f"Begins when {waits} is done; it waits until then"
        self.train.setToolTip(why_not or (waiting if waits else "Train with what is set above"))

    def refresh(self) -> None:
        """Show where the training is."""
        training = self.training
        running = training is not None and training.job.running
        stopping = running and training is not None and training.job.stopping
        paused = training is not None and training.job.paused
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
        said = training.said if training is not None else []
        self.said.setText(" ".join(said[-SENTENCES:]))
        self.said.setToolTip("\n".join(said))
        self.said.setVisible(bool(said))
        if training is not None and training.last is not None:
            show_progress(self.bar, round(1000 * share_done(training.last)))
        else:
            show_progress(self.bar, 0)

    def _pause(self) -> None:
        if self.training is not None:
            job = self.training.job
            (job.resume if job.paused else job.pause)()

    def _stop(self) -> None:
        if self.training is not None:
            self.training.job.stop()


def state(training: Training) -> str:
    """Say where ``training`` is."""
    job, step = training.job, training.newest
    if not job.running:
        return training.problem or ending(training)
    if job.stopping:
        return "stopping after this step; the best network is kept"
    if step is None:
        return f"{training.name}: {training.doing}"
    where = progress(step)
    return f"paused · {where}" if job.paused else where


def ending(training: Training) -> str:
    """Say how a training without an error has ended."""
    if training.last is None:
        return f"{training.name} was stopped before its first step: there is no network to keep"
    outcome = training.job.outcome
    how = "stopped" if outcome is not None and outcome.stopped else "done"
    kept = training.kept or training.name
    return f"{how} at step {training.last.number}: the network {kept} is kept, see the list above"
