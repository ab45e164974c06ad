"""BlindCheck: windows drawn at random, judged by a person: right, or to be drawn."""

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_unet.widgets.teaching import errands, frames
from napari_unet.widgets.teaching.news import Judged, Window

if TYPE_CHECKING:
    from napari_unet.widgets.teaching.classroom import Classroom

ASKING = "Window {}: is all in the frame right?"
DRAWING = "Window {}: correct what is wrong in the frame, then go on"


class BlindCheck(QObject):
    """A window is counted once: as it was before it is corrected."""

    changed = Signal()

    def __init__(self, room: "Classroom") -> None:
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
        self._room.guide.stop()
        self.open, self.drawing, self._window = True, False, False
        self._room.ask(errands.draw_window)
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
            frames.hide(session, image)
        self.changed.emit()

    def forget(self) -> None:
        """Another Teacher counts from nothing."""
        self._number, self.result = 0, ""
        self.stop()

    def _judge(self, right: bool) -> None:
        self._window = False
        self._number += 1
        self._room.ask(partial(errands.judge, right=right))

    def _answered(self, news: Any) -> None:
        if isinstance(news, Judged):
            self.result = news.said
            self.changed.emit()
        elif isinstance(news, Window) and self.open:
            session, image, labels = self._room.session, self._room.image, self._room.labels
            if session is not None and image is not None and labels is not None:
                self._window = True
                self.said = ASKING.format(self._number + 1)
                frames.show(session, image, labels, news.box)
                self.changed.emit()
