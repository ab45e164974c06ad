"""Sends each stroke, undo and change of classes of a layer to the teaching loop."""

import weakref
from contextlib import AbstractContextManager
from functools import partial
from math import prod

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QObject, Signal

from napari_unet.core.annotation.label_codes import LabelClass
from napari_unet.core.arrays.boxes import Box, shape_of
from napari_unet.widgets.annotate.edit_record import Edit
from napari_unet.widgets.annotate.undo_follower import WATCHED, UndoFollower
from napari_unet.widgets.layers.coordinates import region_from_layer
from napari_unet.widgets.layers.label_classes import classes_of, code_of
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows import teaching_requests


class StrokeSender(QObject):
    """Sends painting, erasing, undo and redo alike: as the new labels of a box."""

    request = Signal(object)  # for the teaching loop
    painted = Signal(object)  # region of the layer whose strokes changed
    restyled = Signal()  # colours changed
    replaced = Signal()  # the values of the layer changed, or their meaning

    def __init__(self, session: Session, image: Image, labels: Labels) -> None:
        super().__init__()
        self._image, self._labels = weakref.ref(image), weakref.ref(labels)
        self._known: tuple[str, ...] = ()  # names of the classes that the teaching loop knows
        self._edits = UndoFollower.of(labels, session)
        self._edits.painted.connect(self._painted)
        self._edits.replaced.connect(self.replaced)
        self._edits.restyled.connect(self._restyled)

    def close(self) -> None:
        """Stop following the layer."""
        self._edits.painted.disconnect(self._painted)
        self._edits.replaced.disconnect(self.replaced)
        self._edits.restyled.disconnect(self._restyled)

    def begin(self, labels: Labels) -> int:
        """Note the classes of ``labels`` as known, and return their number."""
        self._known = tuple(entry.name for entry in taught_classes(labels))
        return len(self._known)

    def confirming(self) -> AbstractContextManager[None]:
        """Within, painted pixels count as confirmed."""
        return self._edits.confirming.on()

    def send_all(self) -> None:
        """Send all labels; those of a small image as a copy, made at once."""
        image, labels = self._image(), self._labels()
        if image is None or labels is None:
            return
        data = labels.data
        if prod(data.shape) <= WATCHED:
            data = np.array(data)
        numbers = tuple(slice(axis, axis + 1) for axis in range(labels.ndim))
        offset = tuple(part.start for part in region_from_layer(image, numbers))
        self.request.emit(
            partial(
                teaching_requests.paint_all,
                labels=data,
                confirmed=self._edits.confirming.pixels.copy(),
                kept=offset,
                code=code_of(labels),
            )
        )

    @property
    def empty(self) -> bool:
        """Whether nothing is painted, as far as it is counted already."""
        counts = self._edits.counts
        return counts is not None and not any(counts)

    def _painted(self, region: Box) -> None:
        image, labels, edit = self._image(), self._labels(), self._edits.last
        if image is None or labels is None:
            return
        if edit is not None and edit.box == region:
            self._notice(labels, edit)
        codes = teaching_requests.codes_of(np.asarray(labels.data[region]), code_of(labels))
        box = region_from_layer(image, region)
        codes = codes.reshape(shape_of(box))
        confirmed = self._edits.confirming.pixels[region].reshape(codes.shape)
        self.painted.emit(region)
        self.request.emit(
            partial(teaching_requests.paint, box=box, codes=codes, confirmed=confirmed)
        )

    def _notice(self, labels: Labels, edit: Edit) -> None:
        """If an edit removed a class, tell so first, before its pixels are sent."""
        if edit.removed is not None:
            number, entry = edit.removed
            if entry.name in [other.name for other in classes_of(labels)]:
                self._forget(number)

    def _restyled(self) -> None:
        """Follow classes that were added, removed, renamed or recoloured."""
        labels = self._labels()
        if labels is None:
            return
        self.restyled.emit()
        names = tuple(entry.name for entry in taught_classes(labels))
        while len(names) < len(self._known):
            pairs = zip(names, self._known, strict=False)
            self._forget(next((n for n, (a, b) in enumerate(pairs) if a != b), len(names)))
        if len(names) > len(self._known):
            self.request.emit(partial(teaching_requests.ensure_classes, classes=len(names)))
        self._known = names

    def _forget(self, number: int) -> None:
        if 0 < number < len(self._known):
            self._known = self._known[:number] + self._known[number + 1 :]
            self.request.emit(partial(teaching_requests.remove_class, number=number))


def taught_classes(labels: Labels) -> tuple[LabelClass, ...]:
    """Return the classes to teach; if each value is an object: background and one class."""
    classes = classes_of(labels)
    return classes[:2] if code_of(labels).instances else classes
