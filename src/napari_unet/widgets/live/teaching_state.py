"""What the tools of live teaching know of their image and layer.

Suggestions, blind check and confirm brush get this base class of ``LiveTeaching``, so that they
do not import the class that owns them.
"""

import weakref

from napari.layers import Image, Labels
from qtpy.QtCore import QObject, Signal

from napari_unet.widgets.live.preview_layer import PreviewLayer
from napari_unet.widgets.live.stroke_sender import StrokeSender
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.teaching_events import Status, WorkingSizeChanged
from napari_unet.workflows.teaching_loop import Request


class TeachingState(QObject):
    """The image, its annotation layer and what the teaching loop reported last. GUI thread only."""

    changed = Signal()  # the sentence, the figures or the switch
    answered = Signal(object)  # events other than Status and TileDrawn, for the one who asked
    tool_started = Signal(object)  # the tool that takes the view: another one stops

    def __init__(self, session: Session, image: Image, labels: Labels) -> None:
        super().__init__()
        self.status: Status | None = None
        self.working_size = WorkingSizeChanged(1)
        self.problem = ""  # why teaching is impossible
        self.preview = PreviewLayer(session, image, labels)
        self.sender = StrokeSender(session, image, labels)
        self._session = weakref.ref(session)
        self._image, self._labels = weakref.ref(image), weakref.ref(labels)

    @property
    def image(self) -> Image | None:
        """The image, None once it is gone."""
        return self._image()

    @property
    def labels(self) -> Labels | None:
        """The annotation layer, None once it is gone."""
        return self._labels()

    @property
    def session(self) -> Session | None:
        """The session, None once it is gone."""
        return self._session()

    @property
    def shown(self) -> bool:
        """Whether there is a preview."""
        return self.status is not None and bool(self.status.by)

    def ask(self, request: Request) -> None:
        """Send a request to the teaching loop; the answer comes with ``answered``."""
        raise NotImplementedError

    def begin(self) -> None:
        """Forget what was learned, and start anew with the painted labels."""
        raise NotImplementedError
