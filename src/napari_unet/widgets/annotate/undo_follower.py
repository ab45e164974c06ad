"""Follows an annotation layer through strokes, undo and redo, and counts its pixels.

Only what a stroke changed is counted. A large image is counted whole once, in the compute thread.
An UndoFollower belongs to its layer and not to a dock, so that it survives closing the dock. Its
listeners are Qt slots, which Qt disconnects when a dock is deleted.
"""

import weakref
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from math import prod

import numpy as np
from napari.layers import Labels
from napari.utils.events import Event
from qtpy.QtCore import QObject, Signal

from napari_unet.core.annotation.label_codes import LabelClass
from napari_unet.core.arrays.boxes import Pixels
from napari_unet.core.arrays.label_values import Counts, add, count_values, counting
from napari_unet.widgets.annotate.class_editing import put_in, take_out
from napari_unet.widgets.annotate.edit_record import ConfirmedEdits, Edit
from napari_unet.widgets.shared.layer_events import timer
from napari_unet.widgets.shared.session import LatestRequest, Session
from napari_unet.workflows.confirmed_pixels import Confirmed
from napari_unet.workflows.scheduler import Urgency

AT_ONCE = 2**20  # px counted in the GUI thread, in a few milliseconds
WATCHED = 2**24  # px up to which all is counted again after an unknown change
HISTORY = 100  # edits that napari keeps
REST = 300  # ms without a change before all is counted again

_ALL: "weakref.WeakKeyDictionary[Labels, UndoFollower]" = weakref.WeakKeyDictionary()


class UndoFollower(QObject):
    """Follows the edits of one annotation layer. GUI thread only; see ``of``."""

    painted = Signal(object)  # the box that was painted, undone or redone: slices of layer.data
    counted = Signal()  # ``counts`` changed
    replaced = Signal()  # the layer got new data, or pixels changed without painting
    restyled = Signal()  # colours, names or the selected label changed

    def __init__(self, layer: Labels, session: Session) -> None:
        super().__init__()
        self.counts: Counts | None = None  # None while they are counted
        self._layer = weakref.ref(layer)
        self.confirming = ConfirmedEdits(layer.data.shape)
        self._data = layer.data
        self._done: deque[Edit] = deque(maxlen=HISTORY)
        self._undone: deque[Edit] = deque(maxlen=HISTORY)
        self._removing: tuple[int, LabelClass] | None = None
        self._depth = _depth(layer)
        self._unwritten: Edit | None = None  # napari reported it before writing its pixels
        self._version = 0
        self._count = LatestRequest(session, Urgency.VIEW, self)
        self._count.answered.connect(self._answered)
        self._rest = timer(self, REST, self._count_all)
        self._soon = timer(self, 0, self._written)
        layer.events.paint.connect(self._paint)
        layer.events.labels_update.connect(self._written)
        layer.events.set_data.connect(self._refreshed)
        layer.events.data.connect(self._refreshed)
        for event in (layer.events.selected_label, layer.events.colormap, layer.events.features):
            event.connect(self._restyled)
        self._count_all()

    @classmethod
    def of(cls, layer: Labels, session: Session) -> "UndoFollower":
        """Return the follower of ``layer``; it is made at the first call."""
        if layer not in _ALL:
            _ALL[layer] = cls(layer, session)
        return _ALL[layer]

    @property
    def free(self) -> int | None:
        """The value for a new object, above all painted ones; None while they are counted."""
        return None if self.counts is None else max(self.counts, default=0) + 1

    @property
    def last(self) -> Edit | None:
        """The edit that the next Ctrl+Z undoes, None if unknown."""
        return self._done[-1] if self._done else None

    @contextmanager
    def removing(self, number: int, entry: LabelClass) -> Iterator[None]:
        """Within, an edit counts as the removal of a class."""
        self._removing = number, entry
        try:
            yield
        finally:
            self._removing = None

    def confirm(self, pixels: Confirmed) -> None:
        """Set which pixels are confirmed, as they were saved."""
        self.confirming.pixels = pixels
        self.replaced.emit()

    def _paint(self, event: Event) -> None:
        """Note an edit; napari reports a polygon or a call of ``paint`` before it is written."""
        self._written()
        edit = Edit.of(event, self._removing)
        self.confirming.take(edit, event)
        self._done.append(edit)
        self._undone.clear()
        self._depth = _depth(self._layer())
        self._unwritten = edit
        self._add(edit, 1)
        if edit.is_done(self._data):
            self._written()
        else:
            self._soon.start()

    def _written(self, event: Event | None = None) -> None:
        edit, self._unwritten = self._unwritten, None
        if edit is not None:
            self.painted.emit(edit.box)

    def _refreshed(self, event: Event) -> None:
        """Find out why the layer was drawn again: undo, redo, new data, or another plane."""
        layer = self._layer()
        if layer is None:
            return
        if layer.data is not self._data:
            self._replace(layer)
        elif self._unwritten is None:
            known = self._went_back(layer) or self._went_on(layer)
            if not known and self._size() <= WATCHED:
                self._rest.start()

    def _went_back(self, layer: Labels) -> bool:
        """Follow undo; forget the edits if napari has dropped its history."""
        depth, before = _depth(layer), self._depth
        while self._depth > depth and self._done and self._done[-1].is_undone(self._data):
            edit = self._done.pop()
            self._undone.append(edit)
            self._depth -= 1
            if edit.removed is not None:
                put_in(layer, *edit.removed)  # before its pixels are counted: they have a class
            self._apply(edit, -1)
        undone = self._depth < before
        if self._depth > depth:
            self._done.clear()
            self._undone.clear()
            self._depth = depth
        return undone

    def _went_on(self, layer: Labels) -> bool:
        depth, before = _depth(layer), self._depth
        while self._depth < depth and self._undone and self._undone[-1].is_done(self._data):
            edit = self._undone.pop()
            self._done.append(edit)
            self._depth += 1
            self._apply(edit, 1)
            if edit.removed is not None:
                take_out(layer, edit.removed[0])
        return self._depth > before

    def _apply(self, edit: Edit, times: int) -> None:
        self._add(edit, times)
        self.confirming.turn(edit)
        self.painted.emit(edit.box)

    def _add(self, edit: Edit, times: int) -> None:
        self._version += 1
        if self.counts is not None:
            add(self.counts, edit.change, times)
        self.counted.emit()

    def _replace(self, layer: Labels) -> None:
        self._data, self.counts, self._unwritten = layer.data, None, None
        self.confirming = ConfirmedEdits(layer.data.shape)
        self._done.clear()
        self._undone.clear()
        self._depth = _depth(layer)
        self._count_all()
        self.replaced.emit()

    def _count_all(self) -> None:
        if _drawing(self._layer()):  # the pixels of a stroke are counted when it ends
            self._rest.start()
            return
        self._version += 1
        if self._size() <= AT_ONCE:
            self._take(count_values(np.asarray(self._data[...])))
        else:
            self._count.ask(_versioned, self._version, self._data)

    def _answered(self, answer: tuple[int, Counts]) -> None:
        version, counts = answer
        if version == self._version and not _drawing(self._layer()):
            self._take(counts)
        else:  # somebody painted meanwhile
            self._rest.start()

    def _take(self, counts: Counts) -> None:
        before, self.counts = self.counts, counts
        if counts != before:
            self.counted.emit()
            if before is not None:
                self.replaced.emit()

    def _restyled(self, event: Event | None = None) -> None:
        self.restyled.emit()

    def _size(self) -> int:
        return prod(self._data.shape)


def _depth(layer: Labels | None) -> int:
    """Return how many edits can be undone.

    Pixels alone do not tell an undo from an eraser that is still being drawn with.
    """
    return len(getattr(layer, "_undo_history", ()))


def _drawing(layer: Labels | None) -> bool:
    """Return whether a stroke has begun and not ended."""
    return bool(getattr(layer, "_block_history", False))


def _versioned(version: int, labels: Pixels) -> Generator[None, None, tuple[int, Counts]]:
    """Count pixels; if somebody paints meanwhile, ``version`` is out of date.

    The labels are not copied: that would take as long as counting, and twice the memory.
    """
    counts = yield from counting(labels)
    return version, counts
