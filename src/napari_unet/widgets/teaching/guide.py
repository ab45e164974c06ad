"""Guide: the way to the places where a stroke would teach most, one after the other."""

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_unet.widgets.teaching import errands, frames
from napari_unet.widgets.teaching.follower import taught_classes
from napari_unet.widgets.teaching.news import Place, Refused, Suggested

if TYPE_CHECKING:
    from napari_unet.widgets.teaching.classroom import Classroom

NOTHING = "Every place is next to a stroke already"


class Guide(QObject):
    """Five places at a time; asked again when something was painted since."""

    changed = Signal()

    def __init__(self, room: "Classroom") -> None:
        super().__init__(room)
        self.said = ""
        self._room = room
        self._places: tuple[Place, ...] = ()
        self._at = 0
        self._strokes = -1  # when the places were found
        self._asked = False
        room.answered.connect(self._answered)

    def next(self) -> None:
        """Go to the next place."""
        told, labels = self._room.told, self._room.labels
        strokes = told.strokes if told is not None else 0
        if self._asked or labels is None:
            return
        self._room.check.stop()
        if self._at < len(self._places) and strokes == self._strokes:
            self._go()
            return
        self._asked, self._strokes = True, strokes
        names = tuple((entry.name, entry.color) for entry in taught_classes(labels))
        self._say("Looking for a place …")
        self._room.ask(partial(errands.suggest, classes=names))

    def stop(self) -> None:
        """Show no place any more."""
        self._places, self._at, self._asked = (), 0, False
        session, image = self._room.session, self._room.image
        if session is not None and image is not None:
            frames.hide(session, image)
        self._say("")

    def _answered(self, news: Any) -> None:
        if isinstance(news, Suggested):
            self._asked = False
            self._places, self._at = news.places, 0
            if news.places:
                self._go()
            else:
                self._say(NOTHING)
        elif isinstance(news, Refused) and self._asked:
            self._asked = False
            self._say(news.said)

    def _go(self) -> None:
        session, image, labels = self._room.session, self._room.image, self._room.labels
        if session is None or image is None or labels is None:
            return
        place = self._places[self._at]
        self._at += 1
        self._say(f"Place {self._at} of {len(self._places)}: {place.reason}")
        frames.show(session, image, labels, place.box)

    def _say(self, sentence: str) -> None:
        self.said = sentence
        self.changed.emit()
