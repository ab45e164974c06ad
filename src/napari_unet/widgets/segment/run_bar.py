"""The buttons that start, pause and stop a segmentation, its progress, and the plan before it."""

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_unet.core.text import count, duration, memory
from napari_unet.widgets.segment import region_choice
from napari_unet.widgets.segment.inputs import Inputs
from napari_unet.widgets.segment.runs import Segmentations
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.messages import show_progress
from napari_unet.widgets.shared.session import LatestRequest, Session
from napari_unet.workflows.scheduler import Outcome, Urgency
from napari_unet.workflows.segment_image import SegmentationEstimate, expect
from napari_unet.workflows.segment_request import SegmentRequest

FULL = 1000  # the value of a full progress bar
PLAY, PAUSE = "▶", "❚❚"


class RunBar(QWidget):
    """Shows the run of a session, whichever dock started it."""

    def __init__(self, segmentations: Segmentations) -> None:
        super().__init__()
        self._segmentations = segmentations
        self.plan = QLabel()
        self.plan.setWordWrap(True)
        self.start = QPushButton(f"{PLAY} Segment")
        self.rest = QPushButton(PAUSE)
        self.rest.setFixedWidth(36)
        self.rest.setAccessibleName("Pause")
        self.rest.setCheckable(True)
        self.cancel = QPushButton("■ Cancel, keep tiles")
        self.bar = QProgressBar()
        self.bar.setRange(0, FULL)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.bar.setAccessibleName("Progress")
        self.state = QLabel()
        self.state.setWordWrap(True)
        self._problem = ""
        self._lay_out()
        self.rest.clicked.connect(self._rest)
        self.cancel.clicked.connect(segmentations.cancel)
        segmentations.changed.connect(self.refresh)
        self.refresh()

    def set_plan(self, text: str, problem: str = "") -> None:
        """Show what a run will take, or why none can start."""
        self._problem = problem
        self.plan.setText(problem or text)
        self.refresh()

    def refresh(self) -> None:
        """Show the state of the run."""
        run, last = self._segmentations.run, self._segmentations.last
        running = run is not None
        self.plan.setVisible(not running and bool(self.plan.text()))
        self.start.setEnabled(not self._problem)
        self.start.setText(f"{PLAY} Segment next" if running else f"{PLAY} Segment")
        self.start.setToolTip(self._problem or self._start_tooltip(running))
        self._show_rest()
        self.cancel.setVisible(running)
        self.cancel.setToolTip("Stop within a second; what is segmented already stays")
        self.bar.setVisible(running)
        if run is not None:
            show_progress(self.bar, round(FULL * run.share))
        self.state.setText(self._state() if running else last.text if last else "")
        self.state.setVisible(bool(self.state.text()))

    def _show_rest(self) -> None:
        run = self._segmentations.run
        paused = run is not None and run.paused
        self.rest.setVisible(run is not None)
        self.rest.setChecked(paused)
        self.rest.setText(PLAY if paused else PAUSE)
        self.rest.setAccessibleName("Go on" if paused else "Pause")
        self.rest.setToolTip("Go on" if paused else "Rest after this tile, until it is resumed")

    def _state(self) -> str:
        run, waiting = self._segmentations.run, self._segmentations.waiting
        assert run is not None
        name = run.title.removeprefix("Segmenting ")
        paused = "paused, " if run.paused else ""
        queue = f"\nthen: {', '.join(one.title.removeprefix('Segmenting ') for one in waiting)}"
        return f"{name}: {paused}{run.text}{queue if waiting else ''}"

    def _start_tooltip(self, running: bool) -> str:
        if running:
            return "Segment this too, as soon as the segmentation that runs is done"
        return "Score the tiles next to the view first, and show each as soon as it is done"

    def _rest(self) -> None:
        if self._segmentations.run is not None:
            self._segmentations.run.pause(not self._segmentations.run.paused)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        buttons.addWidget(self.start, 1)
        buttons.addWidget(self.rest)
        buttons.addWidget(self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.plan)
        layout.addLayout(buttons)
        layout.addWidget(self.bar)
        layout.addWidget(self.state)


class PlanLine(QObject):
    """Reports in a line what a run will take, or the problem that prevents it."""

    planned = Signal(str, str)  # plan, problem

    def __init__(self, session: Session, inputs: Inputs) -> None:
        super().__init__(inputs)
        self._inputs = inputs
        self._latest = LatestRequest(session, Urgency.VIEW, self)
        self._latest.answered.connect(self._answered)
        self._latest.failed.connect(self._failed)
        inputs.edited.connect(self._check)
        inputs.changed.connect(self.ask)

    def ask(self) -> None:
        """Request the plan of the present choices."""
        try:
            if self._inputs.scope == region_choice.FOLDER:
                source, target = self._inputs.folder.folders()
                self._latest.ask(_expect_folder, source, target)
            else:
                requests = [request for _, request in self._inputs.requests()]
                self._latest.ask(_expect_all, requests)
        except ValueError as error:
            self._refuse(str(error))

    def _check(self) -> None:
        """Report a problem at once; a plan is requested later, after a short rest."""
        try:
            if self._inputs.scope == region_choice.FOLDER:
                self._inputs.folder.folders()
            else:
                self._inputs.requests()
        except ValueError as error:
            self._refuse(str(error))
        else:
            self.planned.emit("", "")

    def _refuse(self, problem: str) -> None:
        self._latest.drop()
        self.planned.emit("", problem[:1].upper() + problem[1:])

    def _answered(self, text: str) -> None:
        self.planned.emit(text, "")

    def _failed(self, outcome: Outcome) -> None:
        assert outcome.error is not None
        words = messages.in_words(outcome.error)
        self.planned.emit("", words[:1].upper() + words[1:])


def _expect_all(requests: Sequence[SegmentRequest]) -> str:
    """Return the plan of all images together; compute thread."""
    plans = [expect(request) for request in requests]
    return plan_line(plans)


def plan_line(plans: Sequence[SegmentationEstimate]) -> str:
    """Return '≈ 16 tiles · 9 s · 1.1 GB'."""
    tiles = count(sum(plan.tiles for plan in plans), "tile")
    seconds = duration(sum(plan.seconds for plan in plans))
    images = f"{len(plans)} images · " if len(plans) > 1 else ""
    return f"≈ {images}{tiles} · {seconds} · {memory(max(plan.memory for plan in plans))}"


def _expect_folder(source: Path, target: Path) -> str:
    """Return how many images there are; compute thread, because a disk may be slow."""
    from napari_unet.core.files.image_file import is_image

    files = sum(is_image(path) for path in source.iterdir())
    if not files:
        raise ValueError(f"the folder {source} holds no image file that can be read")
    if source.resolve() == target.resolve():
        raise ValueError("results would be mixed with the images: choose another folder for them")
    return f"{count(files, 'image')} · results go to {target}"
