"""Offer: a training that was cut off by a crash or by closing napari can be gone on with."""

from functools import partial
from typing import Any

from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.latest_request import LatestRequest
from napari_unet.widgets.shared.preferences import machine
from napari_unet.widgets.train.image_list import sure
from napari_unet.widgets.train.trainings import Trainings
from napari_unet.workflows.scheduler import Outcome, Urgency
from napari_unet.workflows.unfinished_runs import CutOff, cut_off, discard, resumed, with_device


class ResumeBar(QWidget):
    """Hidden while there is nothing to go on with; looks when it is made."""

    def __init__(self, trainings: Trainings) -> None:
        super().__init__()
        self._trainings = trainings
        self._found: list[CutOff] = []
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

    def _answered(self, found: Any) -> None:
        running = {training.recipe.run for training in self._trainings.running}
        self._found = [run for run in found if run.folder not in running]
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
            partial(resumed, run), Urgency.VIEW, f"Reading {run.name}"
        )
        job.ended.connect(partial(_start, self._trainings))
        self._next()

    def _discard(self) -> None:
        run = self._found[0]
        if not sure(self, f"Discard {run}? Its checkpoints and the copies of its labels are lost."):
            return
        try:
            discard(run.folder)
        except (OSError, ValueError) as error:
            messages.problem(str(error))
        self._next()


def _start(trainings: Trainings, outcome: Outcome) -> None:
    if outcome.value is not None:
        trainings.start(with_device(outcome.value, machine().device))
