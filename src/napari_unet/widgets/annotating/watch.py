"""Watch: tells with a Qt signal, which Qt forgets with a dock, that an image has other data."""

import weakref
from typing import Any

from napari.layers import Image
from qtpy.QtCore import QObject, Signal

_ALL: "weakref.WeakKeyDictionary[Image, Watch]" = weakref.WeakKeyDictionary()


class Watch(QObject):
    """Watches one image layer; ``Watch.of(image)`` finds it."""

    replaced = Signal()

    def __init__(self, image: Image) -> None:
        super().__init__()
        image.events.data.connect(self._tell)

    @classmethod
    def of(cls, image: Image) -> "Watch":
        """Return the watch of ``image``."""
        if image not in _ALL:
            _ALL[image] = cls(image)
        return _ALL[image]

    def _tell(self, event: Any) -> None:
        self.replaced.emit()
