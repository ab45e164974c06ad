"""Connections to napari events that end with the widget they call, and single-shot timers."""

import weakref
from collections.abc import Callable
from typing import Any

from napari.layers import Layer
from napari.utils.events import Event
from qtpy.QtCore import QObject, QTimer, Signal

_ALL: "weakref.WeakKeyDictionary[Layer, dict[str, LayerEvents]]" = weakref.WeakKeyDictionary()


class LayerEvents(QObject):
    """Watches one kind of event of a layer; Qt disconnects a widget that is gone."""

    emitted = Signal()

    def __init__(self, layer: Layer, kind: str) -> None:
        super().__init__()
        getattr(layer.events, kind).connect(self._emit)

    @classmethod
    def of(cls, layer: Layer, kind: str) -> "LayerEvents":
        """Return the object that watches the events of this ``kind``, such as ``data``."""
        watched = _ALL.setdefault(layer, {})
        if kind not in watched:
            watched[kind] = cls(layer, kind)
        return watched[kind]

    def _emit(self, event: Event) -> None:
        self.emitted.emit()


Slot = Callable[[Any], None]


class Connections:
    """Connections to napari's events, which would outlive the widget they call."""

    def __init__(self) -> None:
        self._connected: list[tuple[Any, Slot]] = []

    def follow(self, slot: Slot, *emitters: Any) -> None:
        """Connect ``slot`` to each of ``emitters``."""
        for emitter in emitters:
            emitter.connect(slot)
            self._connected.append((emitter, slot))

    def forget(self) -> None:
        """Disconnect all."""
        for emitter, slot in self._connected:
            emitter.disconnect(slot)
        self._connected.clear()


def disconnect_all(watch: Connections, *_: Any) -> None:
    """Forget all; for the ``destroyed`` of a widget, bound so that the watch lives until then."""
    watch.forget()


def timer(parent: QObject, milliseconds: int, slot: Callable[[], None]) -> QTimer:
    """Return a timer that calls ``slot`` once, this long after it was started last.

    superqt's debouncer cannot be asked whether it waits (``isActive``), as some callers do.
    """
    new = QTimer(parent)
    new.setSingleShot(True)
    new.setInterval(milliseconds)
    new.timeout.connect(slot)
    return new
