"""The blind check: a person judges windows drawn at random, in a bar with two answers."""

from functools import partial

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_unet.widgets.live import suggestion_tour
from napari_unet.widgets.live.teaching_state import TeachingState
from napari_unet.workflows import teaching_requests
from napari_unet.workflows.teaching_events import Answer, Judged, Window

ASKING = "Window {}: is all in the frame right?"
DRAWING = "Window {}: correct what is wrong in the frame, then go on"


class BlindCheckTool(QObject):
    """Draws windows and counts each one as right or wrong, as it was before it is corrected."""

    changed = Signal()

    def __init__(self, teaching: TeachingState) -> None:
        super().__init__(teaching)
        self.open = False
        self.drawing = False  # the window was judged wrong and is being corrected
        self.asked = ""  # the question for the person
        self.result = ""  # the share of right windows, in a sentence
        self._teaching = teaching
        self._number = 0  # windows judged
        self._window = False  # a window is shown and not judged yet
        teaching.answered.connect(self._answered)

    def start(self) -> None:
        """Draw the first window, or the next one."""
        if not self._teaching.shown:
            return
        self._teaching.tool_started.emit(self)
        self.open, self.drawing, self._window = True, False, False
        self._teaching.ask(teaching_requests.draw_window)
        self.changed.emit()

    def right(self) -> None:
        """Count the window as right, unless it was counted before, and draw the next one."""
        if self.drawing:
            self.start()
        elif self._window:
            self._judge(True)
            self.start()

    def wrong(self) -> None:
        """Count the window as wrong, and let it be corrected."""
        if self._window:
            self._judge(False)
            self.drawing = True
            self.asked = DRAWING.format(self._number)
            self.changed.emit()

    def stop(self) -> None:
        """End the check; the counts stay."""
        self.open = self.drawing = self._window = False
        session, image = self._teaching.session, self._teaching.image
        if session is not None and image is not None:
            suggestion_tour.hide(session, image)
        self.changed.emit()

    def forget(self) -> None:
        """End the check and forget the counts, because another Teacher begins."""
        self._number, self.result = 0, ""
        self.stop()

    def _judge(self, right: bool) -> None:
        self._window = False
        self._number += 1
        self._teaching.ask(partial(teaching_requests.judge, right=right))

    def _answered(self, event: Answer) -> None:
        if isinstance(event, Judged):
            self.result = event.message
            self.changed.emit()
        elif isinstance(event, Window) and self.open:
            session, image, labels = (
                self._teaching.session,
                self._teaching.image,
                self._teaching.labels,
            )
            if session is not None and image is not None and labels is not None:
                self._window = True
                self.asked = ASKING.format(self._number + 1)
                suggestion_tour.show(session, image, labels, event.box)
                self.changed.emit()


class CheckBar(QWidget):
    """The question and its buttons: right, let me draw, end; after a correction next window."""

    def __init__(self) -> None:
        super().__init__()
        self.question = QLabel()
        self.right = QPushButton("Right  O")
        self.wrong = QPushButton("Let me draw  D")
        self.end = QPushButton("End")
        self._check: BlindCheckTool | None = None
        self.question.setWordWrap(True)
        self.wrong.setToolTip("Count the window as wrong, then correct it with the brush (D)")
        self.end.setToolTip("Look at no more windows; those judged stay counted")
        row = QHBoxLayout()
        for button in (self.right, self.wrong, self.end):
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 0, 0, 0)
        layout.addWidget(self.question)
        layout.addLayout(row)
        self.right.clicked.connect(self._right)
        self.wrong.clicked.connect(self._wrong)
        self.end.clicked.connect(self._end)
        self.hide()

    def set_check(self, check: BlindCheckTool | None) -> None:
        """Show this check from now on."""
        if self._check is not None:
            self._check.changed.disconnect(self.refresh)
        self._check = check
        if check is not None:
            check.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the question."""
        check = self._check
        self.setVisible(check is not None and check.open)
        if check is None:
            return
        self.question.setText(check.asked)
        self.right.setText("Next window  O" if check.drawing else "Right  O")
        self.right.setToolTip(
            "Go to the next window (O)"
            if check.drawing
            else "All in the frame is right: count it and go to the next window (O)"
        )
        self.wrong.setVisible(not check.drawing)

    def _right(self) -> None:
        if self._check is not None:
            self._check.right()

    def _wrong(self) -> None:
        if self._check is not None:
            self._check.wrong()

    def _end(self) -> None:
        if self._check is not None:
            self._check.stop()
