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
    """A window is counted once: as it was before it is corrected."""

    changed = Signal()

    def __init__(self, room: TeachingState) -> None:
        super().__init__(room)
        self.open = False
        self.drawing = False  # judged wrong, and being corrected
        self.said = ""  # what is asked
        self.result = ""  # what the windows so far say
        self._room = room
        self._number = 0  # windows judged
        self._window = False  # one is shown and not judged
        room.answered.connect(self._answered)

    def start(self) -> None:
        """Draw the first window, or the next one."""
        if not self._room.shown:
            return
        self._room.tool_started.emit(self)
        self.open, self.drawing, self._window = True, False, False
        self._room.ask(teaching_requests.draw_window)
        self.changed.emit()

    def right(self) -> None:
        """Count the window as right and go on; a corrected one is counted already."""
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
            self.said = DRAWING.format(self._number)
            self.changed.emit()

    def stop(self) -> None:
        """Look at no more windows; what was counted stays."""
        self.open = self.drawing = self._window = False
        session, image = self._room.session, self._room.image
        if session is not None and image is not None:
            suggestion_tour.hide(session, image)
        self.changed.emit()

    def forget(self) -> None:
        """Another Teacher counts from nothing."""
        self._number, self.result = 0, ""
        self.stop()

    def _judge(self, right: bool) -> None:
        self._window = False
        self._number += 1
        self._room.ask(partial(teaching_requests.judge, right=right))

    def _answered(self, news: Answer) -> None:
        if isinstance(news, Judged):
            self.result = news.said
            self.changed.emit()
        elif isinstance(news, Window) and self.open:
            session, image, labels = self._room.session, self._room.image, self._room.labels
            if session is not None and image is not None and labels is not None:
                self._window = True
                self.said = ASKING.format(self._number + 1)
                suggestion_tour.show(session, image, labels, news.box)
                self.changed.emit()


class CheckBar(QWidget):
    """[Right O] [Wrong, I draw D] [End] under the question; after a correction [Next window O]."""

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
        """Show what is asked."""
        check = self._check
        self.setVisible(check is not None and check.open)
        if check is None:
            return
        self.question.setText(check.said)
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
