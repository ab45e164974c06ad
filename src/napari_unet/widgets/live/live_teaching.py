"""Live teaching of one annotation layer, for as long as the layer exists.

It belongs to the layer and not to a dock: a dock that is closed and opened again finds it
unchanged. Frozen requests go to the teaching loop in the compute thread, frozen events come back.
"""

import weakref
from typing import Any

from napari.layers import Image, Labels
from napari.utils.events import Event
from qtpy.QtCore import QObject

from napari_unet.widgets.layers.coordinates import labels_shape, pixels_of, region_to_layer
from napari_unet.widgets.layers.label_classes import code_of
from napari_unet.widgets.layers.layers import full_shape
from napari_unet.widgets.live.blind_check_bar import BlindCheckTool
from napari_unet.widgets.live.confirm_brush import ConfirmBrush
from napari_unet.widgets.live.preview_layer import ViewTracker
from napari_unet.widgets.live.suggestion_tour import SuggestionTour
from napari_unet.widgets.live.taught_networks import StartFromLast
from napari_unet.widgets.live.teaching_state import TeachingState
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.job import Job
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.scheduler import Outcome, Urgency
from napari_unet.workflows.teaching_events import Status, TileDrawn, WorkingSizeChanged
from napari_unet.workflows.teaching_loop import Request, TeachingLoop

ALL_LABELLED = "Live needs unlabelled pixels: untick '0 is background' under This layer"


def why_not_teachable(image: Image, labels: Labels) -> str:
    """Say why nothing can be learned from ``labels``; empty where it can."""
    if code_of(labels).zero == "background":
        return ALL_LABELLED
    try:
        wanted = labels_shape(image)
    except ValueError as error:
        return str(error)
    fits = full_shape(labels) == wanted
    return "" if fits else f"'{labels.name}' does not have the shape of '{image.name}': {wanted}"


LIVE = True  # from the first stroke on

_ALL: "weakref.WeakKeyDictionary[Labels, LiveTeaching]" = weakref.WeakKeyDictionary()


class LiveTeaching(TeachingState):
    """Teaches from ``labels`` on ``image``; ``LiveTeaching.of(...)`` finds it. GUI thread only."""

    def __init__(self, session: Session, image: Image, labels: Labels) -> None:
        super().__init__(session, image, labels)
        self._layers = session.viewer.layers
        self._live = LIVE
        self._code = code_of(labels)
        self._desk: TeachingLoop | None = None
        self._job: Job | None = None
        self._eye = ViewTracker(session.viewer)
        self._eye.moved.connect(self.look)
        self._layers.events.removed.connect(self._removed)
        self.follower.errand.connect(self.ask)
        self.follower.painted.connect(self.preview.repaint)
        self.follower.restyled.connect(self._restyled)
        self.follower.replaced.connect(self._replaced)
        self.guide, self.check, self.confirm = (
            SuggestionTour(self),
            BlindCheckTool(self),
            ConfirmBrush(self),
        )
        self.tool_started.connect(self._stop_other)
        self.begin()
        self.heir = StartFromLast(self)

    @classmethod
    def of(cls, session: Session, image: Image, labels: Labels) -> "LiveTeaching":
        """Return the classroom of ``labels``, a new one where they belong to another image."""
        teaching = _ALL.get(labels)
        if teaching is None or teaching.image is not image:
            if teaching is not None:
                teaching.close()
            teaching = _ALL[labels] = cls(session, image, labels)
        return teaching

    @classmethod
    def find(cls, labels: Labels) -> "LiveTeaching | None":
        """Return the classroom of ``labels``, if there is one."""
        return _ALL.get(labels)

    @property
    def live(self) -> bool:
        """Whether every stroke is learned from at once."""
        return self._live

    @live.setter
    def live(self, wanted: bool) -> None:
        self._live = wanted
        if self._desk is None:
            self.begin()
        else:
            self._desk.live = wanted
            self._go_on()
        self.changed.emit()

    def switch(self) -> None:
        """Turn live on or off."""
        self.live = not self.live

    @property
    def busy(self) -> bool:
        """Whether it computes."""
        return self._job is not None

    def ask(self, errand: Request) -> None:
        """Send an errand to the desk; the answer comes with ``answered``."""
        if self._desk is not None:
            self._desk.post(errand)
            self._go_on()

    def update_once(self) -> None:
        """Learn until the next preview."""
        if self._desk is not None:
            self._desk.update_once()
            self._go_on()

    def look(self) -> None:
        """Draw what is on the screen now."""
        image, labels = self.image, self.labels
        if self._desk is not None and image is not None and labels is not None:
            self._desk.look_at(self._eye.look(image, labels))
            if self.shown:
                self._go_on()

    def begin(self) -> None:
        """Forget what was learned, and begin with what is painted."""
        self._leave()
        image, labels = self.image, self.labels
        if image is None or labels is None:
            return
        self._code, self.problem = code_of(labels), why_not_teachable(image, labels)
        if not self.problem:
            self._desk = TeachingLoop(pixels_of(image), self.follower.begin(labels))
            self._desk.live = self._live
            if not self.follower.empty:
                self.follower.send_all()
            self.look()
            self._go_on()
        self.changed.emit()

    def close(self) -> None:
        """Teach no more: the layer is gone, or belongs to another image."""
        self._leave()
        self._eye.close()
        self.follower.close()
        self._layers.events.removed.disconnect(self._removed)
        labels = self.labels
        if labels is not None and _ALL.get(labels) is self:
            del _ALL[labels]

    def _leave(self) -> None:
        """Stop, and let go of all that was learned."""
        self._desk, self.told, self.sized = None, None, WorkingSizeChanged(1)
        job, self._job = self._job, None
        if job is not None:
            job.arrived.disconnect(self._arrived)
            job.ended.disconnect(self._ended)
            job.stop()
        self.confirm.put_down()
        self.guide.stop()
        self.check.forget()
        self.preview.remove()

    def _go_on(self) -> None:
        session = self._session()
        if self._job is None and self._desk is not None and session and not session.closed:
            self._job = session.start(self._desk.work, Urgency.TEACHING)
            self._job.arrived.connect(self._arrived)
            self._job.ended.connect(self._ended)
            self.changed.emit()

    def _arrived(self, news: list[Any]) -> None:
        """Take over what was computed; the layer is drawn once for all of it."""
        drawn = False
        for one in news:
            if isinstance(one, TileDrawn):
                drawn = self._write(one) or drawn
            elif isinstance(one, Status):
                self.told = one
            elif one is not None:
                self.sized = one if isinstance(one, WorkingSizeChanged) else self.sized
                self.answered.emit(one)
        if drawn:
            self.preview.show()
        self.changed.emit()

    def _write(self, drawn: TileDrawn) -> bool:
        image = self.image
        late = self.told is not None and drawn.epoch < self.told.epoch
        if late or image is None:
            return False
        region = region_to_layer(image, drawn.box)
        shape = [part.stop - part.start for part in region]
        self.preview.write(region, drawn.codes.reshape(shape))
        return True

    def _ended(self, outcome: Outcome) -> None:
        self._job = None
        if outcome.error is not None:
            messages.log_details("teaching", outcome)
            self._leave()
            self.problem = f"Teaching stopped: {messages.in_words(outcome.error)}"
        elif self._desk is not None and self._desk.waiting and not outcome.stopped:
            self._go_on()
        self.changed.emit()

    def _stop_other(self, tool: QObject) -> None:
        """Stop the tool that shows places in the view, as another one starts."""
        if tool is self.guide:
            self.check.stop()
        elif tool is self.check:
            self.guide.stop()

    def _restyled(self) -> None:
        labels = self.labels
        if labels is not None and code_of(labels) != self._code:
            self.begin()
        else:
            self.preview.restyle()

    def _replaced(self) -> None:
        """Follow a layer whose values were exchanged, or mean something else now."""
        image, labels = self.image, self.labels
        if image is None or labels is None:
            return
        if self._desk is None or why_not_teachable(image, labels):
            self.begin()
        else:
            self.follower.send_all()
            self.preview.repaint_all()

    def _removed(self, event: Event) -> None:
        if event.value is self.labels or event.value is self.image:
            self.close()
