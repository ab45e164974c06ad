"""The Train dock: images with roles, an estimate, and a network that is kept however it ends."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari.utils.events import Event
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from napari_unet.core.training.settings import TrainSettings
from napari_unet.widgets.networks import KeptNetwork
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.dock import Dock, Section
from napari_unet.widgets.shared.preferences import machine
from napari_unet.widgets.shared.settings_form import SettingsForm
from napari_unet.widgets.train.controls import Controls, ResumeBar, best_of
from napari_unet.widgets.train.image_list import ImageList
from napari_unet.widgets.train.loss_plot import LossPlot
from napari_unet.widgets.train.network_list import NetworkList, Shown
from napari_unet.widgets.train.start_form import EstimateLine, StartForm, with_preset
from napari_unet.widgets.train.trainings import Training, Trainings
from napari_unet.workflows.scheduler import Outcome, Urgency
from napari_unet.workflows.scripts import training_script
from napari_unet.workflows.training_estimate import TrainingEstimate
from napari_unet.workflows.training_sources import Recipe

if TYPE_CHECKING:
    import napari

PLOT = 145  # px, so that the whole dock fits on a small screen
NO_SOURCE = "Add an image with its annotation first, with the role train"


class TrainDock(Dock):
    """The dock. Trainings and networks belong to the session and outlive it."""

    def __init__(self, napari_viewer: "napari.viewer.Viewer") -> None:
        super().__init__(napari_viewer)
        self.trainings = Trainings.of(self.session)
        self.offer = ResumeBar(self.trainings)
        self.images = ImageList(self.trainings)
        self.start_form = StartForm(self.session)
        self.form = SettingsForm(self.session.settings)
        self.expected = EstimateLine(self.session, self._recipe_to_estimate)
        self.networks = NetworkList(self.trainings)
        self.controls = Controls()
        self.plot = LossPlot(self.viewer)
        self.plot.setMaximumHeight(PLOT)
        self.best = QLabel()
        self.tile = QPushButton("Show validation tile")
        self.tile.setCheckable(True)
        self.script = QPushButton("Copy as script")
        self._shown: Shown | None = None
        self._lay_out()
        self._connect()
        self._choose(self.networks.current())
        self.request_estimate()

    def recipe(self) -> Recipe:
        """Return a copy of all that decides the training; ValueError if it is not possible."""
        sources = self.images.sources()
        train = [source for source in sources if source.role == "train"]
        if not train:
            raise ValueError(NO_SOURCE)
        before = self.start_form.before
        return Recipe(
            name=self.trainings.free_name(train[0].name),
            sources=sources,
            settings=self.session.settings,
            hold_back=None if self.images.hold_back.isChecked() else 0.0,
            network=None if before is None else before.network,
            before="" if before is None else before.name,
            before_path=None if before is None else before.path,
            device=machine().device,
        )

    def train(self) -> None:
        """Start a training, or show why it cannot start."""
        try:
            recipe = self.recipe()
            training = self.trainings.start(recipe)
        except (ValueError, OSError) as error:
            messages.problem(str(error))
            return
        self.networks.choose(training.name)

    def copy_script(self) -> None:
        """Copy Python code that repeats this training."""
        shown = self._shown
        try:
            recipe = shown.recipe if isinstance(shown, Training) else self.recipe()
        except ValueError as error:
            messages.problem(str(error))
            return
        job = self.session.start(lambda: training_script(recipe), Urgency.VIEW, "Copying as script")
        job.ended.connect(_copied)

    def request_estimate(self, *_: Any) -> None:
        """Request a new estimate after a short rest."""
        self.expected.request_estimate()

    def refresh_when_shown(self) -> None:
        """Request an estimate, because none is measured while the dock is hidden."""
        self.request_estimate()

    def reset_choices(self, event: Event | None = None) -> None:
        """Follow the layer list."""
        super().reset_choices(event)
        if hasattr(self, "images"):
            self.images.refresh()

    def _lay_out(self) -> None:
        self.body.addWidget(self.offer)
        self.body.addWidget(_title("Images"))
        self.body.addWidget(self.images)
        self.body.addWidget(_title("Network"))
        self.body.addWidget(self.start_form)
        self.body.addWidget(Section("More", self.form))
        self.body.addWidget(_title("Networks in this session"))
        self.body.addWidget(self.networks)
        self.foot.addWidget(self.expected)
        self.foot.addWidget(self.controls)
        self.foot.addWidget(self.plot)
        self.foot.addWidget(self.best)
        row = QHBoxLayout()
        row.addWidget(self.tile)
        row.addWidget(self.script)
        self.foot.addLayout(row)
        self.script.setToolTip("Put Python that repeats this training from files on the clipboard")

    def _connect(self) -> None:
        self.controls.start.connect(self.train)
        self.script.clicked.connect(self.copy_script)
        self.tile.toggled.connect(self._want_tile)
        self.networks.chosen.connect(self._choose)
        self.networks.go_on.connect(self.start_form.go_on_from)
        self.form.changed.connect(self._take_settings)
        self.session.settings_changed.connect(self.form.setValue)
        self.trainings.changed.connect(self._refresh_start)
        self.trainings.edited.connect(self.request_estimate)
        for signal in (self.session.settings_changed, self.start_form.changed, self.images.changed):
            signal.connect(self.request_estimate)
        self.images.changed.connect(self._refresh_start)
        self.expected.estimated.connect(self._show_estimate)

    def _take_settings(self, settings: TrainSettings) -> None:
        self.session.settings = settings

    def _recipe_to_estimate(self) -> Recipe | None:
        """Return what to estimate; None if the dock is hidden or no image is listed."""
        self.trainings.watch()
        if not self.in_front() or self._cannot_start():
            return None
        return self.recipe()

    def _show_estimate(self, estimate: TrainingEstimate) -> None:
        self.images.show_facts(estimate.facts)
        self.start_form.show_estimate(estimate)
        self._fit_to_device(estimate)
        self._refresh()

    def _fit_to_device(self, estimate: TrainingEstimate) -> None:
        """Choose time and preset for the device, if nobody has changed the settings."""
        if estimate.kind and self.session.settings == TrainSettings.preset("standard"):
            timed = replace(self.session.settings, minutes=estimate.minutes)
            self.session.settings = with_preset(timed, estimate.suggested)
            self.expected.setText("measuring a step …")

    def _cannot_start(self) -> str:
        """Return why there is nothing to train on; empty if there is something."""
        there = any(row.role == "train" for row in self.images.rows())
        return "" if there else NO_SOURCE

    def _refresh_start(self) -> None:
        running = self.trainings.running
        self.controls.can_start(self._cannot_start(), running[-1].name if running else "")
        if self.controls.training is not None:
            self.controls.refresh()

    def _choose(self, shown: Shown | None) -> None:
        """Show the curves and the state of a training or a network."""
        if isinstance(self._shown, Training) and self._shown is not shown:
            self._shown.stepped.disconnect(self._stepped)
            self._shown.changed.disconnect(self._refresh)
        if isinstance(shown, Training) and self._shown is not shown:
            shown.stepped.connect(self._stepped)
            shown.changed.connect(self._refresh)
        another = shown is not self._shown
        self._shown = shown
        if another:
            self.plot.forget()
            self.plot.add(shown.steps if shown is not None else ())
        ended = self.trainings.ended
        is_its = (
            ended is not None
            and isinstance(shown, KeptNetwork)
            and shown.name == ended.network_name
        )
        self.controls.show_training(
            shown if isinstance(shown, Training) else ended if is_its or shown is None else None
        )
        self._refresh()

    def _stepped(self, steps: list[Any]) -> None:
        self.plot.add(steps)

    def _refresh(self) -> None:
        """Show the best step, and whether a validation tile can be shown."""
        shown = self._shown
        self.plot.setVisible(shown is not None and bool(shown.steps))
        training = isinstance(shown, Training)
        self.expected.setVisible(bool(self.expected.text()) and not training)
        best = best_of(() if shown is None else shown.steps)
        self.best.setText(best)
        self.best.setVisible(bool(best))
        begun = shown.begun if isinstance(shown, Training) else None
        tile_place = begun.tile_place if begun is not None else None
        self.tile.setEnabled(tile_place is not None)
        self.tile.setToolTip(
            f"Segment a tile of {tile_place.image} after each validation, in a layer of its own"
            if tile_place is not None
            else "A tile can be shown while a network trains and validates on an open layer"
        )
        blocked = self.tile.blockSignals(True)
        self.tile.setChecked(self.trainings.tile.wanted and tile_place is not None)
        self.tile.blockSignals(blocked)
        self._refresh_start()

    def _want_tile(self, wanted: bool) -> None:
        begun = self._shown.begun if isinstance(self._shown, Training) else None
        self.trainings.tile.want(wanted, begun)


def _title(text: str) -> QWidget:
    label = QLabel(f"<b>{text}</b>")
    label.setObjectName("title")
    return label


def _copied(outcome: Outcome) -> None:
    if outcome.value is not None:
        QGuiApplication.clipboard().setText(outcome.value)
        messages.info("The script is on the clipboard: paste it into a .py file, or a notebook")
