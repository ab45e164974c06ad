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
        """Return the heritage of ``session``."""
        if session not in _ALL:
            _ALL[session] = cls(session)
        return _ALL[session]

    def keep(self, network: "UNet") -> None:
        """Keep a network, whose classes have their names, for the next image."""
        self._last = network

    def fitting(self, channels: int, classes: tuple[str, ...]) -> "UNet | None":
        """Return the network to go on from: the one taught last here, or one that was opened."""
        opened = sorted(self._networks, key=lambda item: item.made, reverse=True)
        for network in [self._last, *(item.network for item in opened)]:
            if network is not None and _taught(network) and network.channels == channels:
                names = tuple(entry["name"] for entry in network.about["classes"])
                if names == classes:
                    return network
        return None

    def enlist(self) -> str:
        """Put what was taught last among the networks of the session, to be saved with them."""
        known = self._networks.get(NAME)
        if self._last is None or (known is not None and known.network is self._last):
            return NAME
        if known is None:
            return self._networks.add(KeptNetwork(NAME, self._last)).name
        return self._networks.change(NAME, network=self._last, path=None).name


class StartFromLast(QObject):
    """Lets a classroom go on from what was taught on another image, until it has its own."""

    def __init__(self, room: TeachingState) -> None:
        super().__init__()
        self._room = weakref.ref(room)
        self._waits = True
        room.answered.connect(self._answered)
        if room.session is not None:
            room.session.networks.changed.connect(self.inherit)
        self.inherit()

    def inherit(self) -> None:
        """Go on from a network that fits, where nothing is shown yet."""
        room = self._room()
        if room is None or not self._waits or room.shown or room.problem:
            return
        session, image, labels = room.session, room.image, room.labels
        if session is None or image is None or labels is None:
            return
        pixels, names = pixels_of(image), tuple(entry.name for entry in taught_classes(labels))
        channels = int(pixels.data.shape[pixels.axes.index("C")]) if "C" in pixels.axes else 1
        network = LastTaught.of(session).fitting(channels, names)
        if network is not None:
            self._waits = False
            room.ask(partial(teaching_requests.adopt, network=network))

    def start_over(self) -> None:
        """Forget what was learned, here and elsewhere, and learn the strokes anew."""
        room = self._room()
        if room is not None:
            self._waits = False
            room.begin()

    def _answered(self, news: Answer) -> None:
        room = self._room()
        if not isinstance(news, Taught) or room is None or room.session is None:
            return
        if room.labels is not None:
            classes = tuple((entry.name, entry.color) for entry in taught_classes(room.labels))
            teaching_requests.call_classes(news.network, classes)
            LastTaught.of(room.session).keep(news.network)


def _taught(network: "UNet") -> bool:
    """Tell whether live teaching was the last thing that happened to a network."""
    history = network.about["history"]
    return bool(history) and history[-1].get("event") == "taught"
