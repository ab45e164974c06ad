"""An image, its annotation layer and who teaches, with the requests written down, not answered."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_unet.widgets.layers.annotation_layers import new_annotation_layer
from napari_unet.widgets.live.blind_check_bar import BlindCheckTool
from napari_unet.widgets.live.confirm_brush import ConfirmBrush
from napari_unet.widgets.live.suggestion_tour import SuggestionTour
from napari_unet.widgets.live.teaching_state import TeachingState
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.teaching_events import Status


class Teaching(TeachingState):
    """The tools are the real ones; what they ask for is kept in ``asked``."""

    def __init__(self, session, image, labels):
        super().__init__(session, image, labels)
        self.asked = []
        self.live, self.busy = True, False
        self.tour, self.confirm, self.check = (
            SuggestionTour(self), ConfirmBrush(self), BlindCheckTool(self)
        )  # fmt: skip

    def ask(self, request):
        self.asked.append(request)

    def rest(self, resting):
        self.resting = resting

    def switch(self):
        self.live = not self.live
        self.changed.emit()

    def update_once(self):
        self.asked.append("once")

    def learned(self, **changes):
        """There is a preview from now on."""
        status = {"message": "Settled", "by": "nano", "epoch": 1, "strokes": 2, "learning": False}
        self.status = Status(**(status | changes))
        self.changed.emit()

    def names(self):
        """What was asked for, by name."""
        return [one if isinstance(one, str) else name_of(one) for one in self.asked]


def name_of(request):
    return getattr(request, "func", request).__name__


@pytest.fixture
def teaching(qapp):
    """Return a stack of two planes whose annotation layer is taught; nothing is painted."""
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((2, 40, 50), np.uint8), name="stack", scale=(1, 0.5, 0.5))
    labels = new_annotation_layer(viewer, image)
    made = Teaching(Session.of(viewer), image, labels)
    made.viewer = viewer  # kept as long as the teaching
    return made
