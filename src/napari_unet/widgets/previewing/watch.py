"""Watch: what napari tells of viewer and layers, forgotten when the dock is gone; and timers."""

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QTimer

Slot = Callable[[Any], None]


class Watch:
    """Connections to napari's events, which would outlive the widget they call."""

    def __init__(self) -> None:
        self._connected: list[tuple[Any, Slot]] = []

    def follow(self, slot: Slot, *emitters: Any) -> None:
        """Call ``slot`` with what each of ``emitters`` tells."""
        for emitter in emitters:
            emitter.connect(slot)
            self._connected.append((emitter, slot))

    def forget(self) -> None:
        """Follow nothing any more."""
        for emitter, slot in self._connected:
            emitter.disconnect(slot)
        self._connected.clear()


def forget(watch: Watch, *_: Any) -> None:
    """Forget all; for the ``destroyed`` of a widget, bound so that the watch lives until then."""
    watch.forget()


def timer(parent: QObject, milliseconds: int, slot: Callable[[], None]) -> QTimer:
    """Return a timer that calls ``slot`` once, this long after it was started last."""
    made = QTimer(parent)
    made.setSingleShot(True)
    made.setInterval(milliseconds)
    made.timeout.connect(slot)
    return made
