"""The trainings of a viewer that run or wait; the session holds them, so they outlive docks."""

import weakref
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.events import Event
from qtpy.QtCore import QObject, Signal

from napari_unet.widgets.networks import KeptNetwork
from napari_unet.widgets.shared.job import Job
from napari_unet.widgets.shared.messages import in_words
from napari_unet.widgets.shared.session import Session
from napari_unet.widgets.train.validation_tile import TileView
from napari_unet.workflows.scheduler import Outcome, Urgency
from napari_unet.workflows.training_run import RunStarted, training_events
from napari_unet.workflows.training_sources import FileSource, Recipe
from napari_unet.workflows.unfinished_runs import close_run, new_run

if TYPE_CHECKING:
    from napari_unet.core.training.step import Step


class Training(QObject):
    """One training, with the steps and messages that it has yielded so far."""

    changed = Signal()
    stepped = Signal(list)  # the new Steps
    progressed = Signal()  # it started, or was validated

    def __init__(self, recipe: Recipe, folder: Path, job: Job, tile: TileView) -> None:
        super().__init__()
        self.recipe = recipe
        self.folder = folder  # of the run
        self.job = job
        self.tile = tile
        self.begun: RunStarted | None = None
        self.steps: list[Any] = []  # of all trainings of the network, each number once
        self.doing = "waiting"  # in words, until the first step
        self.messages: list[str] = []
        self.problem = ""
        self.network_name = ""  # the name of its network in the session
        self.newest: Any = None  # Step, which may tell of a validation that goes on
        self._offset = 0

    @property
    def name(self) -> str:
        """The name that its network will get."""
        return self.recipe.name

    @property
    def last(self) -> "Step | None":
        """The last Step of this training, or None."""
        step = self.steps[-1] if self.steps else None
        return step if step is not None and step.number > self._offset else None

    @property
    def best(self) -> "Step | None":
        """The Step with the best validation of this training, or None."""
        scored = [s for s in self.steps if s.validation is not None and s.number > self._offset]
        return max(scored, key=lambda step: float(step.validation["score"]), default=None)

    def follow(self, earlier: tuple[Any, ...]) -> None:
        """Continue the step numbers of the network that is trained further."""
        self.steps = list(earlier)
        self._offset = earlier[-1].number if earlier else 0

    def take(self, values: list[Any]) -> None:
        """Handle the values that the job yielded."""
        steps = []
        for value in values:
            if isinstance(value, str):
                self.doing = value
            elif isinstance(value, RunStarted):
                self._begin(value)
            else:
                steps.append(replace(value, number=value.number + self._offset))
        self._add(steps)
        self.newest = steps[-1] if steps else self.newest
        if any(isinstance(v, RunStarted) or getattr(v, "validation", None) for v in values):
            self.progressed.emit()
        self.stepped.emit(steps)
        self.changed.emit()

    def _begin(self, begun: RunStarted) -> None:
        self.begun = begun
        self.doing = "first step"
        self.messages += begun.messages
        if begun.earlier:
            self.steps += begun.earlier

    def _add(self, steps: list[Any]) -> None:
        for step in steps:
            if step.said:
                self.messages.append(step.said)
            if step.validating is None:
                while len(self.steps) and self.steps[-1].number >= step.number:
                    self.steps.pop()  # it was undone after a divergence
                self.steps.append(step)
        if self.begun is not None and any(step.validation is not None for step in steps):
            self.tile.ask(self.begun)


class Trainings(QObject):
    """The trainings of a session; ``Trainings.of(session)`` finds them. GUI thread only."""

    changed = Signal()  # a training was queued, started, was validated, or ended
    edited = Signal()  # pixels of an image or labels layer of a pair changed

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = weakref.ref(session)
        self._running: list[Training] = []
        self.ended: Training | None = None  # the training that ended last
        self.folders: list[FileSource] = []
        self.tile = TileView(session)
        self._watched: weakref.WeakSet[Any] = weakref.WeakSet()

    @classmethod
    def of(cls, session: Session) -> "Trainings":
        """Return the trainings of ``session``."""
        trainings = session.findChild(cls, "trainings")
        if trainings is None:
            trainings = cls(session)
            trainings.setObjectName("trainings")
        return trainings

    @property
    def running(self) -> tuple[Training, ...]:
        """The trainings that run or wait, in the order of their start."""
        return tuple(self._running)

    @property
    def session(self) -> Session:
        """The session of these trainings."""
        session = self._session()
        assert session is not None
        return session

    def free_name(self, stem: str) -> str:
        """Return the first of ``stem``-1, -2 … that no network has or will get."""
        taken = {training.name for training in self._running}
        number = 1
        while (name := f"{stem}-{number}") in taken or name in self.session.networks:
            number += 1
        return name

    def start(self, recipe: Recipe, folder: Path | None = None) -> Training:
        """Train by ``recipe`` in the compute thread, after the trainings started before.

        ``folder`` is the run folder to resume; None makes a new one.
        """
        folder = folder or new_run(recipe.name)
        work = partial(training_events, recipe, folder)
        job = self.session.start(work, Urgency.TRAINING, f"Training {recipe.name}")
        training = Training(recipe, folder, job, self.tile)
        if recipe.before in self.session.networks and not recipe.resumed:
            training.follow(self.session.networks[recipe.before].steps)
        training.setParent(self)
        job.arrived.connect(training.take)
        training.progressed.connect(self.changed)
        job.changed.connect(training.changed)
        job.ended.connect(partial(self._ended, training))
        self._running.append(training)
        self.changed.emit()
        return training

    def watch(self) -> None:
        """Emit ``edited`` from now on when layers of the pairs are painted in or get new data."""
        for pair in self.session.pairs:
            for layer, names in ((pair.image, ("data",)), (pair.labels, ("data", "paint"))):
                if layer not in self._watched:
                    self._watched.add(layer)
                    for name in names:
                        getattr(layer.events, name).connect(self._tell_edited)

    def _tell_edited(self, event: Event) -> None:
        self.edited.emit()

    def _ended(self, training: Training, outcome: Outcome) -> None:
        """Keep the network, whether the training came to its end, was stopped or went wrong."""
        self._running.remove(training)
        if self.session.closed:
            return  # its run can be resumed when a dock is opened next
        self.ended = training
        if outcome.error is not None:
            training.problem = in_words(outcome.error)
        if training.begun is not None and training.last is not None:
            self._keep(training, training.begun)
        self.changed.emit()

    def _keep(self, training: Training, begun: RunStarted) -> None:
        best = training.best
        validation = None if best is None else best.validation
        network = self.session.networks.add(
            KeptNetwork(
                training.name,
                begun.network,
                score=None if validation is None else float(validation["iou"]),
                settings=begun.settings,
                steps=tuple(training.steps),
            )
        )
        training.network_name = network.name
        job = self.session.start(
            partial(close_run, training.folder),
            Urgency.VIEW,
            f"Keeping {network.name}",
        )
        job.ended.connect(partial(self._kept, network.name))

    def _kept(self, name: str, outcome: Outcome) -> None:
        networks = self.session.networks
        if outcome.value is not None and name in networks and networks[name].path is None:
            networks.change(name, path=outcome.value)
