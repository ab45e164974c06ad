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
    """Return why a network cannot learn from ``labels``; empty if it can."""
    if code_of(labels).zero == "background":
        return ALL_LABELLED
    try:
        wanted = labels_shape(image)
    except ValueError as error:
        return str(error)
    fits = full_shape(labels) == wanted
    return "" if fits else f"'{labels.name}' does not have the shape of '{image.name}': {wanted}"


LIVE = True  # whether learning begins with the first stroke

_ALL: "weakref.WeakKeyDictionary[Labels, LiveTeaching]" = weakref.WeakKeyDictionary()


class LiveTeaching(TeachingState):
    """Teaches from ``labels`` on ``image``; ``LiveTeaching.of(...)`` finds it. GUI thread only."""

    def __init__(self, session: Session, image: Image, labels: Labels) -> None:
        super().__init__(session, image, labels)
        self._layers = session.viewer.layers
        self._live = LIVE
        self._code = code_of(labels)
        self._loop: TeachingLoop | None = None
        self._job: Job | None = None
        self.resting = False  # another image is annotated
        self._view = ViewTracker(session.viewer)
        self._view.moved.connect(self.draw_view)
        self._layers.events.removed.connect(self._removed)
        self.sender.request.connect(self.ask)
        self.sender.painted.connect(self.preview.repaint)
        self.sender.restyled.connect(self._restyled)
        self.sender.replaced.connect(self._replaced)
        self.tour = SuggestionTour(self)
        self.check = BlindCheckTool(self)
        self.confirm = ConfirmBrush(self)
        self.tool_started.connect(self._stop_other)
        self.begin()
        self.from_last = StartFromLast(self)

    @classmethod
    def of(cls, session: Session, image: Image, labels: Labels) -> "LiveTeaching":
        """Return the live teaching of ``labels``; a new one if they belong to another image now."""
        teaching = _ALL.get(labels)
        if teaching is None or teaching.image is not image:
            if teaching is not None:
                teaching.close()
            teaching = _ALL[labels] = cls(session, image, labels)
        return teaching

    @classmethod
    def find(cls, labels: Labels) -> "LiveTeaching | None":
        """Return the live teaching of ``labels``, if there is one."""
        return _ALL.get(labels)

    @property
    def live(self) -> bool:
        """Whether every stroke is learned at once."""
        return self._live

    @live.setter
    def live(self, wanted: bool) -> None:
        self._live = wanted
        if self._loop is None:
            self.begin()
        else:
            self._loop.live = wanted
            self._go_on()
        self.changed.emit()

    def rest(self, resting: bool) -> None:
        """Rest while another image is annotated, or go on."""
        self.resting = resting
        if job := self._job:
            (job.pause if resting else job.resume)()

    def switch(self) -> None:
        """Turn live teaching on or off."""
        self.live = not self.live

    @property
    def busy(self) -> bool:
        """Whether its job runs."""
        return self._job is not None

    def ask(self, request: Request) -> None:
        """Send a request to the teaching loop; the answer comes with ``answered``."""
        if self._loop is not None:
            self._loop.post(request)
            self._go_on()

    def update_once(self) -> None:
        """Learn until the next preview."""
        if self._loop is not None:
            self._loop.update_once()
            self._go_on()

    def draw_view(self) -> None:
        """Draw the preview of what is on the screen now."""
        image, labels = self.image, self.labels
        if self._loop is not None and image is not None and labels is not None:
            self._loop.set_view(self._view.region(image, labels))
            if self.shown:
                self._go_on()

    def begin(self) -> None:
        """Forget what was learned, and start anew with the painted labels."""
        self._leave()
        image, labels = self.image, self.labels
        if image is None or labels is None:
            return
        self._code, self.problem = code_of(labels), why_not_teachable(image, labels)
        if not self.problem:
            self._loop = TeachingLoop(pixels_of(image), self.sender.begin(labels))
            self._loop.live = self._live
            if not self.sender.empty:
                self.sender.send_all()
            self.draw_view()
            self._go_on()
        self.changed.emit()

    def close(self) -> None:
        """End the teaching: the layer was removed, or belongs to another image now."""
        self._leave()
        self._view.close()
        self.sender.close()
        self._layers.events.removed.disconnect(self._removed)
        labels = self.labels
        if labels is not None and _ALL.get(labels) is self:
            del _ALL[labels]

    def _leave(self) -> None:
        """Stop the job and forget all that was learned."""
        self._loop, self.status, self.working_size = None, None, WorkingSizeChanged(1)
        job, self._job = self._job, None
        if job is not None:
            job.arrived.disconnect(self._arrived)
            job.ended.disconnect(self._ended)
            job.stop()
        self.confirm.put_down()
        self.tour.stop()
        self.check.forget()
        self.preview.remove()

    def _go_on(self) -> None:
        session = self._session()
        if self._job is None and self._loop is not None and session and not session.closed:
            self._job = session.start(self._loop.work, Urgency.TEACHING, idle=self._loop.idle)
            if self.resting:
                self._job.pause()
            self._job.arrived.connect(self._arrived)
            self._job.ended.connect(self._ended)
            self.changed.emit()

    def _arrived(self, events: list[Any]) -> None:
        """Handle the events of the job; the layer is drawn once for all of them."""
        drawn = False
        for event in events:
            if isinstance(event, TileDrawn):
                drawn = self._write(event) or drawn
            elif isinstance(event, Status):
                self.status = event
            elif event is not None:
                if isinstance(event, WorkingSizeChanged):
                    self.working_size = event
                self.answered.emit(event)
        if drawn:
            self.preview.show()
        self.changed.emit()

    def _write(self, drawn: TileDrawn) -> bool:
        image = self.image
        late = self.status is not None and drawn.epoch < self.status.epoch
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
        elif self._loop is not None and self._loop.waiting and not outcome.stopped:
            self._go_on()
        self.changed.emit()

    def _stop_other(self, tool: QObject) -> None:
        """Stop the other tool that moves the camera when ``tool`` starts."""
        if tool in (self.tour, self.check):
            (self.check if tool is self.tour else self.tour).stop()

    def _restyled(self) -> None:
        if self.labels is not None and code_of(self.labels) != self._code:
            self.begin()
        else:
            self.preview.restyle()

    def _replaced(self) -> None:
        """Follow a layer whose values were replaced, or whose meaning changed."""
        image, labels = self.image, self.labels
        if image is None or labels is None:
            return
        if self._loop is None or why_not_teachable(image, labels):
            self.begin()
        else:
            self.sender.send_all()
            self.preview.repaint_all()

    def _removed(self, event: Event) -> None:
        if event.value is self.labels or event.value is self.image:
            self.close()
