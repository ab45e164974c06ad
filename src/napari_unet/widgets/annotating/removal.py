"""Removal: a class goes, and one Ctrl+Z brings its pixels and its place in the list back."""

from typing import Any

import numpy as np
from napari.layers import Labels

from napari_unet.core.painted import pieces
from napari_unet.widgets.annotating.classediting import choose_class, put_in, take_out
from napari_unet.widgets.annotating.edits import Edits
from napari_unet.widgets.classes import LabelClass, classes_of, code_of, value_of


class Removal:
    """A class that was removed, as long as it can be brought back with one click."""

    def __init__(self, labels: Labels, edits: Edits, number: int) -> None:
        """Remove class ``number``: its pixels become 0, the classes after it move down."""
        self.entry: LabelClass = classes_of(labels)[number]
        self.number = number
        value = value_of(labels, number)
        counts = edits.counts
        self.pixels = 0 if counts is None else counts.get(value, 0)
        self._labels, self._edits = labels, edits
        self._before = edits.last
        if counts is None or any(painted >= value for painted in counts):
            places, values = _moved_down(labels.data, value)
            self.pixels = int((values == 0).sum())
            self._write(places, values)
        self._edit = edits.last
        take_out(labels, number)
        if labels.selected_label not in range(len(classes_of(labels)) + code_of(labels).background):
            choose_class(labels, 1)

    @property
    def open(self) -> bool:
        """Whether nothing was painted or undone since."""
        return self._edits.last is self._edit

    def bring_back(self) -> None:
        """Undo it."""
        if self._edit is not self._before:
            self._labels.undo()
        else:
            put_in(self._labels, self.number, self.entry)

    def _write(self, places: tuple[np.ndarray, ...], values: np.ndarray) -> None:
        """Write as one entry of the undo history, also in the middle of a stroke."""
        with (
            self._edits.removing(self.number, self.entry),
            self._labels.block_history(),
        ):
            self._labels.data_setitem(places, values)


def _moved_down(data: Any, value: int) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Return the pixels from ``value`` on, and what they become."""
    places, values = [], []
    for box in pieces(data.shape):
        part = np.asarray(data[box])
        found = np.nonzero(part >= value)
        corner = [piece.start for piece in box]
        places.append([index + start for index, start in zip(found, corner, strict=True)])
        values.append(part[found])
    joined = np.concatenate(values)
    down = np.where(joined == value, joined.dtype.type(0), joined - joined.dtype.type(1))
    return tuple(np.concatenate(axis) for axis in zip(*places, strict=True)), down
