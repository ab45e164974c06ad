"""The list of classes of an annotation layer, to choose, add, rename, recolour and remove them.

One Ctrl+Z brings the pixels of a removed class and its place in the list back.
"""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from napari.layers import Labels
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_unet.core.annotation.label_codes import LAST_CLASS, LabelClass
from napari_unet.core.arrays.boxes import Pixels, pieces
from napari_unet.core.text import count
from napari_unet.widgets.annotate.class_counts import ClassFigures, class_figures, summary
from napari_unet.widgets.annotate.class_editing import (
    add_class,
    choose_class,
    chosen_class,
    put_in,
    recolour_class,
    rename_class,
    take_out,
)
from napari_unet.widgets.annotate.class_row import ClassRow, RowState
from napari_unet.widgets.annotate.shortcuts import key_of
from napari_unet.widgets.annotate.undo_follower import UndoFollower
from napari_unet.widgets.layers.label_classes import classes_of, code_of, value_of
from napari_unet.widgets.layers.layers import full_shape
from napari_unet.widgets.shared import messages


class Removal:
    """A class that was removed, and what is needed to bring it back with one click."""

    def __init__(self, labels: Labels, edits: UndoFollower, number: int) -> None:
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
        """Whether nothing was painted or undone since the removal."""
        return self._edits.last is self._edit

    def bring_back(self) -> None:
        """Undo the removal."""
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


def _moved_down(data: Pixels, value: int) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Return the places of pixels of at least ``value``, and their new values, one less."""
    places, values = [], []
    for box in pieces(data.shape):
        part = np.asarray(data[box])
        moving = np.nonzero(part >= value)
        corner = [piece.start for piece in box]
        places.append([index + start for index, start in zip(moving, corner, strict=True)])
        values.append(part[moving])
    joined = np.concatenate(values)
    down = np.where(joined == value, joined.dtype.type(0), joined - joined.dtype.type(1))
    return tuple(np.concatenate(axis) for axis in zip(*places, strict=True)), down


HINT = "brush 2 · polygon 3 · fill 4 · erase E"


class ClassList(QWidget):
    """One row for each class, the number of labelled pixels, and the class removed last."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[ClassRow] = []
        self.removal: Removal | None = None
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.add = QPushButton("+ add class")
        self.removed = QLabel()
        self.back = QPushButton("Bring back")
        self.back.setToolTip("Give the class its place, name, colour and pixels back (Ctrl+Z)")
        self._labels: Labels | None = None
        self._edits: UndoFollower | None = None
        self._lay_out()
        self.add.clicked.connect(self._add)
        self.back.clicked.connect(self._bring_back)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self._page = QVBoxLayout()
        self._page.setSpacing(1)
        layout.addLayout(self._page)
        self.notice = QWidget()
        line = QHBoxLayout(self.notice)
        line.setContentsMargins(8, 0, 2, 0)
        self.removed.setWordWrap(True)
        line.addWidget(self.removed, 1)
        line.addWidget(self.back)
        self.notice.hide()
        layout.addWidget(self.notice)
        foot = QHBoxLayout()
        foot.addWidget(self.add)
        foot.addWidget(self.summary, 1)
        layout.addLayout(foot)
        layout.addWidget(_hint())

    def set_layer(self, labels: Labels | None, edits: UndoFollower | None) -> None:
        """Show the classes of ``labels``."""
        if self._edits is not None:
            self._edits.counted.disconnect(self.refresh)
            self._edits.restyled.disconnect(self.refresh)
        self._labels, self._edits, self.removal = labels, edits, None
        if edits is not None:
            edits.counted.connect(self.refresh)
            edits.restyled.connect(self.refresh)
        self.setVisible(labels is not None)
        self.refresh()

    def refresh(self) -> None:
        """Show the layer as it is now."""
        if self._labels is None or self._edits is None:
            return
        labels, whole = self._labels, prod(full_shape(self._labels))
        figures = class_figures(labels, self._edits.counts, whole)
        self._make_rows(len(figures))
        chosen = chosen_class(labels)
        for row, figure in zip(self.rows, figures, strict=True):
            row.show_state(self._state(row.number, figure, row.number == chosen))
        self.summary.setText(summary(labels, self._edits.counts, whole))
        self._show_adding(labels)
        self._show_removal()

    def _state(self, number: int, figures: ClassFigures, chosen: bool) -> RowState:
        return RowState(
            figures.entry,
            key_of(number),
            figures.amount,
            figures.share,
            figures.sentence,
            chosen,
            self._kept(number),
        )

    def _kept(self, number: int) -> str:
        """Return why a class cannot be removed."""
        assert self._labels is not None
        if not number:
            return "The background stays: a network always tells it from the classes"
        if code_of(self._labels).instances:
            return "Each id is an object: their one class stays"
        return "" if len(classes_of(self._labels)) > 2 else "One class must stay: add another first"

    def _make_rows(self, wanted: int) -> None:
        while len(self.rows) > wanted:
            row = self.rows.pop()
            self._page.removeWidget(row)
            row.hide()
            row.deleteLater()
        while len(self.rows) < wanted:
            row = ClassRow(len(self.rows))
            row.chosen.connect(self._choose)
            row.renamed.connect(self._rename)
            row.recolouring.connect(self._recolour)
            row.removing.connect(self._remove)
            self.rows.append(row)
            self._page.addWidget(row)

    def _show_adding(self, labels: Labels) -> None:
        instances, full = code_of(labels).instances, len(classes_of(labels)) >= LAST_CLASS
        self.add.setEnabled(not (instances or full))
        why = "Each id is an object of one class" if instances else f"{LAST_CLASS} are the most"
        plain = "Add a class with a colour of its own; double-click it to rename it"
        self.add.setToolTip(why if instances or full else plain)

    def _show_removal(self) -> None:
        if self.removal is not None and not self.removal.open:
            self.removal = None
        self.notice.setVisible(self.removal is not None)
        if self.removal is not None:
            name, pixels = self.removal.entry.name, self.removal.pixels
            self.removed.setText(f"Removed '{name}', {count(pixels, 'pixel')}.")

    def _choose(self, number: int) -> None:
        self._try(choose_class, number, self._edits.free if self._edits is not None else None)

    def _rename(self, number: int, name: str) -> None:
        self._try(rename_class, number, name)

    def _recolour(self, number: int) -> None:
        row = self.rows[number]
        color = QColorDialog.getColor(
            QColor(row.square.color), self, f"Colour of {row.name.text()}"
        )
        if color.isValid():
            self._try(recolour_class, number, color.name())

    def _add(self) -> None:
        if self._labels is not None and self._try(add_class):
            number = len(classes_of(self._labels)) - 1
            self._choose(number)
            self.rows[number].rename()

    def _remove(self, number: int) -> None:
        if self._labels is not None and self._edits is not None:
            self.removal = Removal(self._labels, self._edits, number)
            self.refresh()

    def _bring_back(self) -> None:
        if self.removal is not None:
            removal, self.removal = self.removal, None
            removal.bring_back()
            self.refresh()

    def _try(self, change: Callable[..., Any], *args: Any) -> bool:
        """Change the layer, or show why that is impossible."""
        try:
            change(self._labels, *args)
        except ValueError as error:
            messages.problem(str(error))
            return False
        finally:
            self.refresh()
        return True


def _hint() -> QLabel:
    """Return a line about napari's tools."""
    hint = QLabel(HINT)
    hint.setToolTip(
        "napari's own tools and keys; with the brush, dragging with the right button draws an "
        "outline and fills it; [ and ] change the size of the brush"
    )
    return hint
