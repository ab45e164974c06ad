"""The network that was taught last in a session, as the start for the next image."""

import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

from napari_unet.widgets.layers.coordinates import pixels_of
from napari_unet.widgets.live.stroke_sender import taught_classes
from napari_unet.widgets.live.teaching_state import TeachingState
from napari_unet.widgets.networks import KeptNetwork
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows import teaching_requests
from napari_unet.workflows.teaching_events import Answer, Taught

if TYPE_CHECKING:
    from napari_unet.core.network.unet import UNet

NAME = "taught live"  # among the networks of a project

_ALL: "weakref.WeakKeyDictionary[Session, LastTaught]" = weakref.WeakKeyDictionary()


class LastTaught:
    """The network taught last in a session; ``LastTaught.of(session)`` finds it."""

    def __init__(self, session: Session) -> None:
        self._networks = session.networks
        self._last: Any = None

    @classmethod
    def of(cls, session: Session) -> "LastTaught":
        """Return the one of ``session``; it is made at the first call."""
        if session not in _ALL:
            _ALL[session] = cls(session)
        return _ALL[session]

    def keep(self, network: "UNet") -> None:
        """Keep a network, whose classes have their names, for the next image."""
        self._last = network

    def fitting(self, channels: int, classes: tuple[str, ...]) -> "UNet | None":
        """Return the network to start with: the one taught last, or one that was opened."""
        opened = sorted(self._networks, key=lambda item: item.made, reverse=True)
        for network in [self._last, *(item.network for item in opened)]:
            if network is not None and _taught(network) and network.channels == channels:
                names = tuple(entry["name"] for entry in network.about["classes"])
                if names == classes:
                    return network
        return None

    def enlist(self) -> str:
        """Add the network taught last to those of the session, so that it is saved with them."""
        earlier = self._networks.get(NAME)
        if self._last is None or (earlier is not None and earlier.network is self._last):
            return NAME
        if earlier is None:
            return self._networks.add(KeptNetwork(NAME, self._last)).name
        return self._networks.change(NAME, network=self._last, path=None).name


class StartFromLast(QObject):
    """Starts live teaching with the network of another image, if nothing is shown yet."""

    def __init__(self, teaching: TeachingState) -> None:
        super().__init__()
        self._teaching = weakref.ref(teaching)
        self._waits = True
        teaching.answered.connect(self._answered)
        if teaching.session is not None:
            teaching.session.networks.changed.connect(self.inherit)
        self.inherit()

    def inherit(self) -> None:
        """Start with a network that fits, if nothing is shown yet."""
        teaching = self._teaching()
        if teaching is None or not self._waits or teaching.shown or teaching.problem:
            return
        session, image, labels = teaching.session, teaching.image, teaching.labels
        if session is None or image is None or labels is None:
            return
        pixels, names = pixels_of(image), tuple(entry.name for entry in taught_classes(labels))
        channels = int(pixels.data.shape[pixels.axes.index("C")]) if "C" in pixels.axes else 1
        network = LastTaught.of(session).fitting(channels, names)
        if network is not None:
            self._waits = False
            teaching.ask(partial(teaching_requests.adopt, network=network))

    def start_over(self) -> None:
        """Forget what was learned on this and other images, and learn the strokes anew."""
        teaching = self._teaching()
        if teaching is not None:
            self._waits = False
            teaching.begin()

    def _answered(self, event: Answer) -> None:
        teaching = self._teaching()
        if not isinstance(event, Taught) or teaching is None or teaching.session is None:
            return
        if teaching.labels is not None:
            classes = tuple((entry.name, entry.color) for entry in taught_classes(teaching.labels))
            teaching_requests.name_classes(event.network, classes)
            LastTaught.of(teaching.session).keep(event.network)


def _taught(network: "UNet") -> bool:
    """Return whether live teaching changed a network last."""
    history = network.about["history"]
    return bool(history) and history[-1].get("event") == "taught"
