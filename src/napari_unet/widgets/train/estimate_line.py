"""Expectation: the line that says what a training would take, before it starts."""

from collections.abc import Callable

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QLabel

from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.latest_request import LatestRequest
from napari_unet.widgets.shared.session import Session
from napari_unet.widgets.train.text import expectation
from napari_unet.workflows.scheduler import Outcome, Urgency
from napari_unet.workflows.training_estimate import TrainingEstimate, outlook
from napari_unet.workflows.training_sources import Recipe

QUIET = 700  # ms without a change after which a step is measured


class Expectation(QLabel):
    """Asks for the outlook of ``recipe()`` when nothing has changed for a moment, and shows it."""

    told = Signal(object)  # Outlook

    def __init__(self, session: Session, recipe: Callable[[], Recipe | None]) -> None:
        super().__init__()
        self.setWordWrap(True)
        self._recipe = recipe
        self._latest = LatestRequest(session, Urgency.VIEW, self)
        self._latest.answered.connect(self.show_outlook)
        self._latest.failed.connect(self._show_failure)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(QUIET)
        self._timer.timeout.connect(self._look)

    def look_again(self) -> None:
        """Something has changed."""
        self._timer.start()

    def show_outlook(self, found: TrainingEstimate) -> None:
        """Say what is to be expected, or why nothing is."""
        text = f"⚠ {found.problem}" if found.problem else expectation(found)
        if not found.fits:
            text = f"⚠ {text}: choose a smaller tile, or a preset such as small"
        self.setText(text)
        self.setToolTip(" ".join(found.said))
        self.told.emit(found)

    def _look(self) -> None:
        try:
            recipe = self._recipe()
        except ValueError as error:
            self._latest.drop()
            self.show_outlook(TrainingEstimate(problem=str(error)))
            return
        if recipe is None:
            self._latest.drop()
            self.show_outlook(TrainingEstimate())
            return
        if not self.text():
            self.setText("measuring a step …")
        self._latest.ask(outlook, recipe)

    def _show_failure(self, outcome: Outcome) -> None:
        assert outcome.error is not None
        self.show_outlook(TrainingEstimate(problem=messages.in_words(outcome.error)))
