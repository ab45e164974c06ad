"""RunBar: the buttons that start, rest and give up a segmentation, and how far it is."""

from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_unet.widgets.progress import show_progress
from napari_unet.widgets.segmenting.segmentations import Segmentations

FULL = 1000  # of the progress bar
PLAY, PAUSE = "▶", "❚❚"


class RunBar(QWidget):
    """Shows the run of a session, whichever dock has started it."""

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
        """Say what a run will take, or why none can start."""
        self._problem = problem
        self.plan.setText(problem or text)
        self.refresh()

    def refresh(self) -> None:
        """Show the run as it is."""
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
