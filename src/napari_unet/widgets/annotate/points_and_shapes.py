"""Gathering: annotation out of points (a disc each) and of shapes (fully labelled regions)."""

from typing import Any

from napari.layers import Labels, Points, Shapes
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unet.core.text import count
from napari_unet.widgets.annotate.class_editing import chosen_class
from napari_unet.widgets.annotate.shapes_to_labels import (
    disc_of,
    draw_discs,
    fill_outlines,
    outlines_in,
    points_in,
    write_discs,
)
from napari_unet.widgets.annotate.undo_follower import UndoFollower
from napari_unet.widgets.layers.label_classes import classes_of, code_of
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.latest_request import LatestRequest
from napari_unet.widgets.shared.layer_choice import LayerChoice
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.scheduler import Outcome

RADIUS, RING = 5.0, 3.0  # px until somebody says otherwise


class Gathering(QWidget):
    """Turns a points or shapes layer into annotation; Ctrl+Z takes it back."""

    done = Signal()

    def __init__(self, viewer: Any, session: Session) -> None:
        super().__init__()
        self._viewer = viewer
        self._labels: Labels | None = None
        self._edits: UndoFollower | None = None
        self._latest = LatestRequest(session, parent=self)
        self._latest.answered.connect(self._write)
        self._latest.failed.connect(self._failed)
        self.choice = LayerChoice(viewer, (Points, Shapes), "Points or shapes")
        self.radius = _sizes(RADIUS, "Radius of the disc drawn around each point, in pixels")
        self.ring = _sizes(
            RING, "Width of the ring around each disc that is left unlabelled, in pixels"
        )
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.button = QPushButton()
        self.told = QLabel()
        self.told.setWordWrap(True)
        self._lay_out()
        self.choice.changed.connect(self.refresh)
        self.button.clicked.connect(self.gather)

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow("&Layer", self.choice)
        self.sizes = QWidget()
        line = QHBoxLayout(self.sizes)
        line.setContentsMargins(0, 0, 0, 0)
        for name, editor in (("Radius", self.radius), ("Ring", self.ring)):
            editor.setAccessibleName(f"{name} in pixels")
            line.addWidget(QLabel(name))
            line.addWidget(editor, 1)
        line.addWidget(QLabel("px"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 0, 0, 4)
        layout.setSpacing(3)
        layout.addLayout(form)
        for part in (self.about, self.sizes, self.button, self.told):
            layout.addWidget(part)
        self.told.hide()

    def set_layer(self, labels: Labels | None, edits: UndoFollower | None) -> None:
        """Write into ``labels`` from now on."""
        if self._edits is not None:
            self._edits.restyled.disconnect(self.refresh)
        self._latest.drop()
        self._labels, self._edits = labels, edits
        if edits is not None:
            edits.restyled.connect(self.refresh)
        self.told.hide()
        self.refresh()

    def refresh(self, layer: Any = None) -> None:
        """Say what the button would do with the chosen layer."""
        layer, labels = self.choice.value(), self._labels
        points = isinstance(layer, Points)
        self.sizes.setVisible(points)
        self.button.setText("Make discs" if points else "Mark as fully labelled")
        why = self._why_not()
        self.button.setEnabled(not why)
        plain = "Written into the annotation as one step: Ctrl+Z takes it back"
        self.button.setToolTip(why or plain)
        if why or labels is None:
            self.about.setText(why)
        elif points:
            name = classes_of(labels)[self._number()].name
            self.about.setText(
                f"A disc of '{name}' around each of {count(len(layer.data), 'point')}"
            )
        else:
            self.about.setText("What is unlabelled inside the shapes becomes background")

    def gather(self) -> None:
        """Draw, or fill."""
        layer, labels, edits = self.choice.value(), self._labels, self._edits
        if labels is None or edits is None or self._why_not():
            return
        if isinstance(layer, Shapes):
            self._fill(labels, layer)
            return
        sizes = self.radius.value(), self.ring.value()
        points = points_in(labels, layer, self._viewer)
        free = int(labels.selected_label) + 1 if edits.free is None else edits.free
        self._latest.ask(draw_discs, disc_of(labels, points, sizes, self._number(), free))

    def _fill(self, labels: Labels, layer: Shapes) -> None:
        try:
            outlines = outlines_in(labels, layer, self._viewer)
            changed = fill_outlines(labels, outlines)
        except ValueError as error:
            self._tell(f"{str(error)[0].upper()}{str(error)[1:]}.")
            return
        inside = f"{count(len(outlines), 'closed shape')}: {count(changed, 'pixel')}"
        self._tell(f"{inside} became background in '{labels.name}'.")

    def _write(self, drawn: Any) -> None:
        labels = self._labels
        if labels is None:
            return
        try:
            changed = write_discs(labels, *drawn)
        except (ValueError, IndexError) as error:
            self._tell(messages.in_words(error))
            return
        self._tell(f"{count(changed, 'pixel')} painted in '{labels.name}'.")

    def _failed(self, outcome: Outcome) -> None:
        assert outcome.error is not None
        self._tell(messages.in_words(outcome.error))

    def _tell(self, sentence: str) -> None:
        self.told.setText(sentence)
        self.told.show()
        self.done.emit()

    def _number(self) -> int:
        """Return the class discs are made of: the chosen one, or the first."""
        assert self._labels is not None
        return chosen_class(self._labels) or 1

    def _why_not(self) -> str:
        layer = self.choice.value()
        if layer is None:
            return "Add a points or a shapes layer and set points or shapes in it"
        if self._labels is None:
            return "There is no annotation layer to write into"
        if not len(layer.data):
            return f"'{layer.name}' is empty"
        if isinstance(layer, Shapes) and not code_of(self._labels).background:
            return "0 is background in this annotation: every pixel of it is labelled"
        return ""


def _sizes(value: float, tooltip: str) -> QDoubleSpinBox:
    editor = QDoubleSpinBox()
    editor.setRange(0.0, 500.0)
    editor.setDecimals(1)
    editor.setValue(value)
    editor.setToolTip(tooltip)
    return editor
