"""What a training starts with: network, preset and time; and the estimate of what it takes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLabel, QWidget
from superqt import QElidingLabel

from napari_unet.core.text import count, duration, memory, short_duration
from napari_unet.core.training.settings import PRESETS, TrainSettings
from napari_unet.widgets.networks import KeptNetwork
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.layer_events import timer
from napari_unet.widgets.shared.session import LatestRequest, Session
from napari_unet.workflows.scheduler import Outcome, Urgency
from napari_unet.workflows.training_estimate import TrainingEstimate, estimate_training
from napari_unet.workflows.training_sources import Recipe

TIMES = (1, 2, 5, 10, 20, 30, 60, 180, 600)  # minutes
ABOUT = {
    "paper": "as published in 2015: base 64, depth 4; wants a GPU",
    "standard": "the most accurate one after 10 min on a CPU",
    "small": "half the work of a step; for a few minutes on a CPU",
    "nano": "learns in seconds, less exact",
}
CHANGED = "changed"


class StartForm(QWidget):
    """Edits the most used settings of the session; More shows all of them."""

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.network = _combo("The network to begin with: a new one, or one to train further")
        self.preset = _combo("Settings to begin with; each of them can be changed under More")
        self.time = _combo("Time to train, validation included; Stop and keep ends it earlier")
        self.time.setMinimumContentsLength(9)  # as long as 1 000 steps
        self.architecture = QElidingLabel()
        self.device = QElidingLabel()
        self.device.setToolTip("Chosen in Preferences ▸ napari-unet ▸ Machine")
        rows = QFormLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addRow("begin with", self.network)
        rows.addRow("preset", _beside(self.preset, self.architecture))
        rows.addRow("time", _beside(self.time, self.device))
        self.network.currentIndexChanged.connect(self._began_with)
        self.preset.activated.connect(self._chose_preset)
        self.time.activated.connect(self._chose_time)
        session.settings_changed.connect(self.show_settings)
        session.networks.changed.connect(self.refresh)
        self.refresh()
        self.show_settings(session.settings)

    @property
    def before(self) -> KeptNetwork | None:
        """The network to train further, None for a new one."""
        return self._session.networks.get(self.network.currentData())

    def go_on_from(self, name: str) -> None:
        """Choose the network called ``name``, or a new network if there is none."""
        self.network.setCurrentIndex(max(self.network.findData(name), 0))

    def refresh(self) -> None:
        """List the networks of the session."""
        before = self.network.currentData()
        blocker = QSignalBlocker(self.network)
        self.network.clear()
        self.network.addItem("a new network", "")
        for network in self._session.networks:
            self.network.addItem(f"{network.name}, trained further", network.name)
        place = max(self.network.findData(before), 0)
        self.network.setCurrentIndex(place)
        blocker.unblock()
        if before and not place:
            self._began_with()

    def show_settings(self, settings: TrainSettings) -> None:
        """Show ``settings``."""
        self._fill_presets(preset_of(settings))
        minutes = sorted({*TIMES, *([settings.minutes] if settings.minutes else [])})
        self.time.clear()
        for value in minutes:
            self.time.addItem(duration(value * 60), float(value))
        self.time.addItem(count(settings.steps, "step"), 0.0)
        self.time.setCurrentIndex(self.time.findData(float(settings.minutes)))
        self._show_architecture()

    def show_estimate(self, estimate: TrainingEstimate) -> None:
        """Show the device, and the preset that suits it."""
        if estimate.device:
            self.device.setText(estimate.device)
        settings = self._session.settings
        other = estimate.suggested and preset_of(settings) not in ("", estimate.suggested)
        self.preset.setToolTip(
            f"Settings to begin with. Suggested: {estimate.reason}" if other
            else "Settings to begin with; each of them can be changed under More"
        )  # fmt: skip

    def _fill_presets(self, name: str) -> None:
        self.preset.clear()
        for preset in PRESETS:
            self.preset.addItem(preset, preset)
            self.preset.setItemData(self.preset.count() - 1, ABOUT[preset], 3)  # Qt.ToolTipRole
        if not name:
            self.preset.addItem(CHANGED, "")
        self.preset.setCurrentIndex(self.preset.findData(name))

    def _show_architecture(self) -> None:
        network, settings = self.before, self._session.settings
        of: Any = settings if network is None else network.network  # whose shape never changes
        extra = "" if network is None else ", as it is"
        self.architecture.setText(f"base {of.base}, depth {of.depth}{extra}")
        self.architecture.setToolTip(
            f"{of.base} channels at the first level, {of.depth} levels; tiles of {settings.tile} px"
        )

    def _began_with(self) -> None:
        self._show_architecture()
        self.changed.emit()

    def _chose_preset(self) -> None:
        name = self.preset.currentData()
        if name:
            self._session.settings = with_preset(self._session.settings, name)

    def _chose_time(self) -> None:
        minutes = float(self.time.currentData())
        self._session.settings = replace(self._session.settings, minutes=minutes)


def expectation(estimate: TrainingEstimate) -> str:
    """Return in words what a training will take: time, steps, memory."""
    if not estimate.seconds:
        return ""
    steps, total = count(estimate.steps, "step"), duration(estimate.seconds * estimate.steps)
    room = f"{memory(estimate.memory)} of {memory(estimate.free)} free"
    return f"≈ {steps} of {short_duration(estimate.seconds)} in {total} · {room}"


def preset_of(settings: TrainSettings) -> str:
    """Return the preset that equals ``settings``, without the budget; empty if none does."""
    return next((name for name in PRESETS if with_preset(settings, name) == settings), "")


def with_preset(settings: TrainSettings, name: str) -> TrainSettings:
    """Return the preset called ``name`` with the budget of ``settings``."""
    kept = {
        item.name: getattr(settings, item.name)
        for item in settings.__dataclass_fields__.values()
        if item.metadata["group"] == "budget"
    }
    return TrainSettings.preset(name, **kept)


def _beside(box: QComboBox, label: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.addWidget(box, 9)
    row.addWidget(label, 10)
    return row


def _combo(tip: str) -> QComboBox:
    box = QComboBox()
    box.setToolTip(tip)
    box.setAccessibleName(tip.split(":")[0].split(";")[0])
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(4)
    return box


QUIET = 700  # ms without a change after which a step is measured


class EstimateLine(QLabel):
    """Shows the estimate of ``recipe()``, requested when nothing has changed for a moment."""

    estimated = Signal(object)  # TrainingEstimate

    def __init__(self, session: Session, recipe: Callable[[], Recipe | None]) -> None:
        super().__init__()
        self.setWordWrap(True)
        self._recipe = recipe
        self._latest = LatestRequest(session, Urgency.VIEW, self)
        self._latest.answered.connect(self.show_estimate)
        self._latest.failed.connect(self._show_failure)
        self._timer = timer(self, QUIET, self._request)

    def request_estimate(self) -> None:
        """Request a new estimate after QUIET."""
        self._timer.start()

    def show_estimate(self, estimate: TrainingEstimate) -> None:
        """Show the estimate, or why there is none."""
        text = f"⚠ {estimate.problem}" if estimate.problem else expectation(estimate)
        if not estimate.fits:
            text = f"⚠ {text}: choose a smaller tile, or a preset such as small"
        self.setText(text)
        self.setToolTip(" ".join(estimate.messages))
        self.estimated.emit(estimate)

    def _request(self) -> None:
        try:
            recipe = self._recipe()
        except ValueError as error:
            self._latest.drop()
            self.show_estimate(TrainingEstimate(problem=str(error)))
            return
        if recipe is None:
            self._latest.drop()
            self.show_estimate(TrainingEstimate())
            return
        if not self.text():
            self.setText("measuring a step …")
        self._latest.ask(estimate_training, recipe)

    def _show_failure(self, outcome: Outcome) -> None:
        assert outcome.error is not None
        self.show_estimate(TrainingEstimate(problem=messages.in_words(outcome.error)))
