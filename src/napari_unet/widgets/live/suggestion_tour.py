"""Goes from one suggested place to the next, with a rectangle around it and the camera on it."""

from functools import partial

import numpy as np
from napari.layers import Image, Labels, Vectors
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_unet.core.arrays.boxes import Box
from napari_unet.widgets.layers.coordinates import region_to_layer
from napari_unet.widgets.layers.layers import NOTES, like, look_at
from napari_unet.widgets.live.preview_layer import undisturbed
from napari_unet.widgets.live.stroke_sender import taught_classes
from napari_unet.widgets.live.teaching_state import TeachingState
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows import teaching_requests
from napari_unet.workflows.teaching_events import Answer, Refused, Suggested, SuggestedPlace

KIND = "place"
MARK = {NOTES: {"preview": True}}
COLOUR = "#ffd54a"  # visible on dark and on bright images
SCREEN = 2.5  # width of the lines, in pixels of the screen
NEAREST, FARTHEST = 0.25, 0.7  # share of the canvas that the rectangle may fill


def show(session: Session, image: Image, labels: Labels, box: Box) -> None:
    """Bring ``box`` to the middle and draw a rectangle around it."""
    region = region_to_layer(image, box)
    viewer = session.viewer
    look_at(viewer, labels, [(part.start + part.stop - 1) / 2 for part in region])
    zoom = viewer.scene.camera.zoom = _zoom(viewer, labels, region)
    width = SCREEN / (zoom * float(min(np.abs(labels.scale[-2:]))))
    with undisturbed(viewer):
        layer = session.results.show(
            Vectors, image, KIND, _lines(region, labels.ndim), like(labels), metadata=MARK,
            edge_color=COLOUR, vector_style="line", opacity=1.0,
        )  # fmt: skip
        layer.edge_width, layer.visible = width, True
        layers = viewer.layers
        layers.move(layers.index(layer), layers.index(labels))


def hide(session: Session, image: Image) -> None:
    """Hide the rectangle."""
    layer = session.results.find(image, KIND)
    if layer is not None:
        layer.visible = False


def _lines(region: Box, axes: int) -> np.ndarray:
    """Return the four edges of the last two axes of ``region`` as lines (4, 2, axes)."""
    low = np.array([part.start for part in region], float)
    rows, columns = ((part.start - 0.5, part.stop - 0.5) for part in region[-2:])
    corners = [(y, x) for y in rows for x in columns]
    lines = np.zeros((4, 2, axes))
    lines[:, 0] = low
    for line, (start, end) in enumerate(((0, 1), (0, 2), (3, 1), (3, 2))):
        lines[line, 0, -2:] = corners[start]
        lines[line, 1, -2:] = np.subtract(corners[end], corners[start])
    return lines


def _zoom(viewer: Viewer, labels: Labels, region: Box) -> float:
    """Return the zoom at which ``region`` is well visible: the present one if it is now."""
    edges = [
        (part.stop - part.start) * abs(float(scale))
        for part, scale in zip(region[-2:], labels.scale[-2:], strict=True)
    ]
    canvas = float(min(viewer.canvas.size))
    lowest, highest = NEAREST * canvas / max(edges), FARTHEST * canvas / max(edges)
    return min(max(float(viewer.scene.camera.zoom), lowest), highest)


NOTHING = "Every place is next to a stroke already"


class SuggestionTour(QObject):
    """Shows five suggested places in turn; asks for new ones after a stroke."""

    changed = Signal()

    def __init__(self, teaching: TeachingState) -> None:
        super().__init__(teaching)
        self.message = ""
        self._teaching = teaching
        self._places: tuple[SuggestedPlace, ...] = ()
        self._at = 0
        self._strokes = -1  # number of strokes when the places were suggested
        self._asked = False
        teaching.answered.connect(self._answered)

    def next(self) -> None:
        """Go to the next place."""
        state, labels = self._teaching.status, self._teaching.labels
        strokes = state.strokes if state is not None else 0
        if self._asked or labels is None:
            return
        self._teaching.tool_started.emit(self)
        if self._at < len(self._places) and strokes == self._strokes:
            self._go()
            return
        self._asked, self._strokes = True, strokes
        names = tuple((entry.name, entry.color) for entry in taught_classes(labels))
        self._say("Looking for a place …")
        self._teaching.ask(partial(teaching_requests.suggest, classes=names))

    def stop(self) -> None:
        """End the tour and hide the rectangle."""
        self._places, self._at, self._asked = (), 0, False
        session, image = self._teaching.session, self._teaching.image
        if session is not None and image is not None:
            hide(session, image)
        self._say("")

    def _answered(self, event: Answer) -> None:
        if isinstance(event, Suggested):
            self._asked = False
            self._places, self._at = event.places, 0
            if event.places:
                self._go()
            else:
                self._say(NOTHING)
        elif isinstance(event, Refused) and self._asked:
            self._asked = False
            self._say(event.message)

    def _go(self) -> None:
        session, image, labels = self._teaching.session, self._teaching.image, self._teaching.labels
        if session is None or image is None or labels is None:
            return
        place = self._places[self._at]
        self._at += 1
        self._say(f"Place {self._at} of {len(self._places)}: {place.reason}")
        show(session, image, labels, place.box)

    def _say(self, sentence: str) -> None:
        self.message = sentence
        self.changed.emit()
