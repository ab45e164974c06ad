"""The Evaluate dock: measures of a result against the truth, and its errors, worst first."""

import weakref
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.events import Event
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLabel,
    QPushButton,
    QWidget,
)

from napari_unet.widgets.evaluate.error_list import (
    ErrorKinds,
    ErrorOutlines,
    ErrorSteps,
    go_to,
    show_errors,
    show_kinds,
)
from napari_unet.widgets.evaluate.figures import ERRORS, FigureTable, MatchSettings
from napari_unet.widgets.evaluate.layer_pair import TwoLayers, evaluation_request, pixels_of
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.dock import Dock, Section
from napari_unet.widgets.shared.session import LatestRequest
from napari_unet.workflows.evaluate_pair import PairResult, evaluate_pair, summary_text
from napari_unet.workflows.scheduler import Outcome, Urgency

if TYPE_CHECKING:
    import napari

    from napari_unet.core.evaluation.error_objects import ErrorItem

AT_ONCE = 2**22  # px up to which every edit is evaluated at once
COMPARE = ("objects", "classes")
MISSING = "Two labels layers are needed: segment an image, or open labels with File ▸ Open."


class EvaluateDock(Dock):
    """Compares two labels layers, and compares them again after a correction."""

    def __init__(self, napari_viewer: "napari.viewer.Viewer") -> None:
        super().__init__(napari_viewer)
        self._of: tuple[Any, ...] = ()  # weak references to the layers being compared
        self._answer: PairResult | None = None
        self._errors: weakref.ref[Labels] | None = None
        self._make_parts()
        self._lay_out()
        self._latest = LatestRequest(self.session, Urgency.VIEW, self)
        self._latest.answered.connect(self._answered)
        self._latest.failed.connect(self._failed)
        self._latest.busy_changed.connect(self._show_button)
        self.layers.changed.connect(self._ask)
        self.layers.edited.connect(self._edited)
        self.kinds.changed.connect(self._show_kinds)
        self.steps.stepped.connect(self._go_to)
        self.outlines.toggled.connect(self._draw_outlines)
        self.compare.currentIndexChanged.connect(self._ask)
        self.matching.changed.connect(self._ask)
        self._ask()

    def reset_choices(self, event: Event | None = None) -> None:
        """Follow the layer list."""
        super().reset_choices(event)
        self.layers.reset_choices()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Stop following layers, and restore how they are drawn."""
        self.layers.let_go()
        self._drawn.draw(())
        super().closeEvent(event)

    def _make_parts(self) -> None:
        self.layers = TwoLayers(self.viewer, self.session)
        self.compare = QComboBox()
        self.compare.addItems(COMPARE)
        self.compare.setAccessibleName("Compare")
        self.compare.setToolTip(
            "objects: whether each object was found. classes: whether each pixel has its class. "
            "Connected pixels are an object where the values of a layer are classes"
        )
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.table = FigureTable()
        self.kinds = ErrorKinds()
        self.steps = ErrorSteps()
        self.outlines = QCheckBox("Truth and result as outlines")
        self.outlines.setToolTip("Draw both as lines 2 px wide, to see the errors on the image")
        self._drawn = ErrorOutlines()
        self.matching = MatchSettings()
        self.copy = QPushButton("Copy table")
        self.copy.clicked.connect(self._copy)
        self.run = QPushButton("▶ Evaluate")
        self.run.clicked.connect(self._ask)

    def _lay_out(self) -> None:
        form = self.layers.layout()
        form.addRow("&Compare", self.compare)
        self.errors = QWidget()
        inside = QFormLayout(self.errors)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addRow(_heading("Errors"))
        inside.addRow(self.kinds)
        inside.addRow(self.steps)
        inside.addRow(self.outlines)
        for part in (
            self.layers,
            self.status,
            self.table,
            self.errors,
            Section("More", self.matching),
        ):
            self.body.addWidget(part)
        self.foot.addWidget(self.copy)
        self.foot.addWidget(self.run)
        self.errors.setVisible(False)
        self.table.show_answer(None)

    def _edited(self) -> None:
        """Compare again after an edit, at once if the image is small."""
        two = self.layers.value()
        if two is not None and prod(pixels_of(two[1]).shape) <= AT_ONCE:
            self._ask()
        else:
            self._of = ()
            self._latest.drop()
            self.status.setText("The labels were edited: evaluate them again.")
            self._show_button()

    def refresh_when_shown(self) -> None:
        """Compare again if a layer changed while the dock was hidden."""
        if not self._of:
            self._ask()

    def _ask(self, value: Any = None) -> None:
        if not self.in_front():
            self._of = ()
            return
        two = self.layers.value()
        if two is None:
            self._give_up(MISSING)
            return
        classes = self.compare.currentText() == COMPARE[1]
        if self._unpainted(two[1]):
            self._give_up(f"Nothing is painted in '{two[1].name}' yet: choose another result.")
            return
        try:
            asked = evaluation_request(*two, classes=classes, **self.matching.values())
        except ValueError as error:
            self._give_up(f"{error}.")
            return
        self._of = tuple(weakref.ref(layer) for layer in two)
        self.status.setText("Measuring…")
        self._latest.ask(evaluate_pair, asked)
        self._show_button()

    def _unpainted(self, layer: Labels) -> bool:
        """Whether ``layer`` is an annotation that nobody has painted in."""
        pixels = pixels_of(layer)
        annotation = self.session.pairs.image_of(layer) is not None
        return annotation and prod(pixels.shape) <= AT_ONCE and not np.asarray(pixels).any()

    def _give_up(self, why: str) -> None:
        self._latest.drop()
        self._of, self._answer = (), None
        self.status.setText(why)
        self.table.show_answer(None)
        self.errors.setVisible(False)
        self._draw_outlines()
        self._show_button()

    def _answered(self, result: PairResult) -> None:
        two = self.layers.value()
        asked = [layer() for layer in self._of]
        if two is None or len(asked) != 2 or asked[0] is not two[0] or asked[1] is not two[1]:
            return
        if not self.in_front():
            self._of = ()  # compared when the dock is shown; no layer is added while one paints
            return
        self._answer = result
        self.status.setText(summary_text(result))
        self.table.show_answer(result)
        self.errors.setVisible(True)
        counts = [sum(item.kind == words.name for item in result.items) for words in ERRORS]
        self.kinds.show_counts(counts)
        layer = show_errors(self.session, two[1], result.errors)
        self._errors = weakref.ref(layer)
        self._show_kinds()
        self._draw_outlines()
        self._show_button()

    def _failed(self, outcome: Outcome) -> None:
        assert outcome.error is not None
        self._give_up(f"Nothing was measured: {messages.in_words(outcome.error)}.")

    def _show_kinds(self) -> None:
        layer = self._errors() if self._errors is not None else None
        wanted = self.kinds.wanted()
        items = self._answer.items if self._answer is not None else ()
        self.steps.show_items([item for item in items if item.kind in wanted])
        if layer is not None:
            show_kinds(layer, wanted)

    def _go_to(self, item: "ErrorItem") -> None:
        two = self.layers.value()
        if two is not None:
            go_to(self.viewer, two[1], item)

    def _draw_outlines(self) -> None:
        two = self.layers.value()
        wanted = self.outlines.isChecked() and self._answer is not None
        self._drawn.draw(two if two is not None and wanted else ())

    def _copy(self) -> None:
        QApplication.clipboard().setText(self.table.text)
        messages.info("The table is in the clipboard: paste it into a spreadsheet")

    def _show_button(self, busy: bool = False) -> None:
        """Enable the buttons that can be used, and say in tooltips why the others cannot."""
        ready = self.layers.value() is not None
        current = ready and bool(self._of) and not self._latest.busy
        self.run.setEnabled(ready and not current and not self._latest.busy)
        why = "Compare the two layers and find the errors"
        if not ready:
            why = "Choose a truth and a result first"
        elif self._latest.busy:
            why = "The layers are being compared"
        elif current:
            why = "The figures are of the layers as they are now; edits are evaluated by themselves"
        self.run.setToolTip(why)
        has = self._answer is not None
        self.copy.setEnabled(has)
        self.copy.setToolTip(
            "Copy all figures and numbers of errors, a tab between two columns"
            if has
            else "There are no figures yet"
        )


def _heading(text: str) -> QLabel:
    line = QLabel(f"<b>{text}</b>")
    line.setContentsMargins(0, 6, 0, 0)
    return line
