"""The findings of ``Annotation.check`` in a list, a line for each; a click shows the place."""

import re
from collections.abc import Sequence
from math import prod

import numpy as np
import psutil
from napari.layers import Image, Labels
from napari.viewer import Viewer
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_unet.core.annotation.annotation import Finding
from napari_unet.core.annotation.label_codes import LabelClass
from napari_unet.core.arrays.boxes import Box
from napari_unet.core.text import count, memory
from napari_unet.widgets.annotate.undo_follower import UndoFollower
from napari_unet.widgets.layers.annotation_layers import snapshot
from napari_unet.widgets.layers.coordinates import point_to_layer
from napari_unet.widgets.layers.label_classes import classes_of
from napari_unet.widgets.layers.layers import look_at
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.session import LatestRequest, Session
from napari_unet.workflows.scheduler import Outcome
from napari_unet.workflows.training_sources import LayerSnapshot

MARKS = {"error": ("✕", "Error"), "warning": ("⚠", "Warning"), "note": ("·", "Note")}
GOOD = "✓ Nothing to mend in image, sizes, values and objects."


class FindingRow(QWidget):
    """A finding with its remedy; a click shows the place."""

    going = Signal(object)  # Finding

    def __init__(self, finding: Finding, classes: Sequence[LabelClass]) -> None:
        super().__init__()
        self.finding = finding
        message, remedy = (_named(text, classes) for text in (finding.message, finding.remedy))
        mark, kind = MARKS[finding.severity]
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 2, 2, 2)
        sign = QLabel(mark)
        sign.setToolTip(kind)
        sign.setFixedWidth(16)
        sign.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter)
        text = QLabel(message if finding.severity == "note" else f"{message} {remedy}")
        text.setWordWrap(True)
        text.setToolTip(f"{kind}. {remedy}")
        self.setAccessibleName(f"{kind}: {message} {remedy}")
        layout.addWidget(sign)
        layout.addWidget(text, 1)
        self.go = QPushButton("Go")
        self.go.setToolTip(f"Show the place. {remedy}")
        self.go.clicked.connect(self._go)
        if finding.where is None:
            self.go.hide()
        else:
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        layout.addWidget(self.go, 0, Qt.AlignmentFlag.AlignTop)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Show the place of the finding."""
        self._go()

    def _go(self) -> None:
        if self.finding.where is not None:
            self.going.emit(self.finding)


class AnnotationCheck(QWidget):
    """A button that checks the annotation, the findings, and a note when they are out of date."""

    def __init__(self, viewer: Viewer, session: Session) -> None:
        super().__init__()
        self.rows: list[FindingRow] = []
        self._viewer = viewer
        self._image: Image | None = None
        self._labels: Labels | None = None
        self._edits: UndoFollower | None = None
        self._strokes = 0  # since the last check
        self._checked = False
        self._latest = LatestRequest(session, parent=self)
        self._latest.answered.connect(self._answered)
        self._latest.failed.connect(self._failed)
        self._slow = QTimer(self)  # shows 'checking' only if it takes long
        self._slow.setSingleShot(True)
        self._slow.setInterval(200)
        self._slow.timeout.connect(self._say_checking)
        self.button = QPushButton("Check")
        self.button.setToolTip(
            "Look for what would spoil a training: sizes, values, specks, objects painted as one, "
            "classes without pixels. Nothing is changed"
        )
        self.button.clicked.connect(self.check)
        self.status = QLabel("Not checked yet.")
        self.status.setWordWrap(True)
        line = QHBoxLayout()
        line.setContentsMargins(8, 0, 0, 0)
        line.addWidget(self.status, 1)
        line.addWidget(self.button)
        self._page = QVBoxLayout()
        self._page.setSpacing(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(line)
        layout.addLayout(self._page)

    def set_layers(
        self, image: Image | None, labels: Labels | None, edits: UndoFollower | None
    ) -> None:
        """Check this pair from now on, and forget the findings of another one."""
        if self._edits is not None:
            self._edits.painted.disconnect(self._painted)
        self._image, self._labels, self._edits = image, labels, edits
        if edits is not None:
            edits.painted.connect(self._painted)
        self._latest.drop()
        self._slow.stop()
        self._strokes, self._checked = 0, False
        self._show([])
        self.status.setText("Not checked yet.")
        self.button.setEnabled(labels is not None)

    def check(self) -> None:
        """Ask for the findings."""
        if self._image is None or self._labels is None:
            return
        try:
            taken = snapshot(self._image, self._labels)
        except ValueError as error:
            self._show([])
            self.status.setText(str(error))
            return
        self._strokes = 0
        self._slow.start()
        self._latest.ask(_check, taken)

    def _answered(self, findings: list[Finding]) -> None:
        self._slow.stop()
        self._checked = True
        self._show(findings)
        self._say_state()

    def _failed(self, outcome: Outcome) -> None:
        self._slow.stop()
        assert outcome.error is not None
        self._show([])
        self.status.setText(f"It could not be checked: {messages.in_words(outcome.error)}")

    def _painted(self, box: Box) -> None:
        if self._checked:
            self._strokes += 1
            self._say_state()

    def _say_checking(self) -> None:
        self.status.setText("Checking …")

    def _say_state(self) -> None:
        findings = [row.finding for row in self.rows]
        text = f"{count(len(findings), 'finding')}, the gravest first." if findings else GOOD
        if self._strokes:
            since = "stroke" if self._strokes == 1 else count(self._strokes, "stroke")
            text = f"Checked before the last {since}."
        self.status.setText(text)

    def _show(self, findings: list[Finding]) -> None:
        for row in self.rows:
            self._page.removeWidget(row)
            row.hide()
            row.deleteLater()
        classes = () if self._labels is None else classes_of(self._labels)
        self.rows = [FindingRow(finding, classes) for finding in findings]
        for row in self.rows:
            row.going.connect(self._go)
            self._page.addWidget(row)

    def _go(self, finding: Finding) -> None:
        """Show the place of ``finding``, if the layer still exists with the same shape."""
        if self._image is None or self._labels is None or finding.where is None:
            return
        point = point_to_layer(self._image, finding.where)
        if self._labels in self._viewer.layers:
            look_at(self._viewer, self._labels, point)


def _named(text: str, classes: Sequence[LabelClass]) -> str:
    """Replace class numbers in ``text`` by names; ``core`` knows numbers only."""

    def name(match: re.Match[str]) -> str:
        place = int(match[1])
        return f"'{classes[place].name}'" if place < len(classes) else match[0]

    return re.sub(r"\bclass (\d+)\b", name, text)


def _check(taken: LayerSnapshot) -> list[Finding]:
    data = taken.pixels.data
    wanted, free = prod(data.shape) * data.dtype.itemsize, psutil.virtual_memory().available
    if not isinstance(data, np.ndarray) and wanted > free / 2:
        raise ValueError(
            f"a check reads the whole image, {memory(wanted)}, and {memory(free)} of "
            "memory are free: check a part of it, cropped to a layer of its own"
        )
    return taken.annotation().check()
