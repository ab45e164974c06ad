"""The table of measures with intervals, the settings of a match, and the names of both.

Names and colours of measures and kinds of errors are here; the command line reads them, too.
"""

from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from napari_unet.widgets.shared.dock import Section
from napari_unet.workflows.evaluate_pair import PairResult


@dataclass(frozen=True)
class MeasureText:
    """The name of a measure, and a sentence on what it tells."""

    name: str
    about: str


MEASURES = {
    "iou": MeasureText(
        "IoU", "Foreground of truth and result: what they share, of what either has."
    ),
    "average_precision": MeasureText(
        "AP", "Objects found, of all that are true, false or missed; a match has the IoU set below."
    ),
    "mean_average_precision": MeasureText(
        "mean AP", "AP averaged over matches at IoU 0.50 to 0.95."
    ),
    "f1": MeasureText("F1", "The harmonic mean of precision and recall of the objects."),
    "precision": MeasureText("precision", "Objects of the result that match a true one."),
    "recall": MeasureText("recall", "True objects that the result has found."),
    "panoptic_quality": MeasureText("PQ", "F1 times the mean IoU of the matches."),
    "seg": MeasureText("SEG", "Mean IoU over the true objects, as in the Cell Tracking Challenge."),
    "v_rand": MeasureText("V_Rand", "How alike the objects group the pixels, as in ISBI 2012."),
    "v_info": MeasureText("V_Info", "Information that the two groupings of the pixels share."),
    "rand_error": MeasureText("Rand error", "1 less the Rand F-score; 0 is best."),
    "dice": MeasureText("Dice", "Foreground: twice what both share, of what each has."),
    "pixel_error": MeasureText("pixel error", "Pixels that are wrong; 0 is best."),
    "mean_iou": MeasureText("mean IoU", "The IoU of each class, averaged."),
    "mean_dice": MeasureText("mean Dice", "The Dice of each class, averaged."),
    "warping_error": MeasureText(
        "warping error", "Pixels wrong after borders were moved as far as topology allows; 0 best."
    ),
    "warping_events": MeasureText(
        "splits, merges", "Splits, merges, holes and objects wrong for each pixel; 0 is best."
    ),
}
FIRST = ("iou", "average_precision", "mean_iou", "mean_dice")  # shown while the long list is closed


@dataclass(frozen=True)
class ErrorText:
    """A kind of error: its name, its colour, and what is wrong."""

    name: str
    color: str  # distinguishable with any colour blindness, and visible on black
    about: str


ERRORS = (
    ErrorText("missed", "#e60000", "True objects that the result has not found"),
    ErrorText("false", "#6680ff", "Objects of the result that are none"),
    ErrorText("split", "#ffff33", "True objects that the result cuts into several"),
    ErrorText("merged", "#803366", "Objects of the result that cover several true ones"),
    ErrorText("border", "#00ffe6", "Objects found whose border is more than 2 px off"),
)


def wording(measure: str, iou: float) -> MeasureText:
    """Return the text of a measure; for a measure of one class it has the name of the class."""
    name, _, of = measure.partition(" of ")
    text = MEASURES[name]
    if of:
        return MeasureText(f"{text.name} of class {of}", text.about)
    matched = name in ("average_precision", "f1", "precision", "recall", "panoptic_quality")
    return MeasureText(f"{text.name} @{iou:g}", text.about) if matched else text


def number(figure: float) -> str:
    """Return a figure with two or three significant digits."""
    return f"{figure:.3f}" if figure == 0 or figure >= 0.001 else f"{figure:.1e}"


HEADINGS = ("", "value", "95 % interval")


class FigureTable(QWidget):
    """Shows the figures of a PairResult; ``text`` has them for a spreadsheet."""

    def __init__(self) -> None:
        super().__init__()
        self._answer: PairResult | None = None
        self._first = _Rows(headings=True)
        self._rest = _Rows()
        self.section = Section("All figures", self._rest)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._first)
        layout.addWidget(self.section)

    def show_answer(self, answer: PairResult | None) -> None:
        """Show the figures of ``answer``, or an empty table."""
        self._answer = answer
        self.setVisible(answer is not None)
        rows = [] if answer is None else _rows(answer)
        self._first.show_rows([row for row in rows if row.first])
        self._rest.show_rows([row for row in rows if not row.first])

    @property
    def text(self) -> str:
        """The figures and the numbers of errors, a tab between two columns."""
        if self._answer is None:
            return ""
        lines = ["measure\tvalue\tlow\thigh\tunits"]
        for figure in self._answer.figures:
            name = wording(figure.measure, self._answer.request.iou).name
            interval = figure.pooled_interval
            ends = (f"{interval.low:.6g}\t{interval.high:.6g}\t{interval.number} {interval.units}"
                    if interval is not None else "\t\t")  # fmt: skip
            lines.append(f"{name}\t{figure.pooled:.6g}\t{ends}")
        lines.append("error\tnumber\tpixels")
        for words in ERRORS:
            areas = [item.area for item in self._answer.items if item.kind == words.name]
            lines.append(f"{words.name}\t{len(areas)}\t{sum(areas)}")
        return "\n".join(lines) + "\n"


class _Row:
    """A line of the table as it is shown."""

    def __init__(self, name: str, about: str, value: str, interval: str, first: bool) -> None:
        self.cells = (name, value, interval)
        self.about = about
        self.first = first


def _rows(answer: PairResult) -> list[_Row]:
    rows = []
    for figure in answer.figures:
        words, bounds = wording(figure.measure, answer.request.iou), figure.pooled_interval
        interval, drawn = "–", "There is only one unit, so no interval."
        if bounds is not None:
            interval = f"{number(bounds.low)} – {number(bounds.high)}"
            drawn = f"95 % interval: bootstrap over {bounds.number} {bounds.units}."
        about = f"{words.about} {drawn}"
        first = figure.measure in FIRST
        rows.append(_Row(words.name, about, number(figure.pooled), interval, first))
    return sorted(rows, key=lambda row: not row.cells[0].startswith("IoU"))


class _Rows(QWidget):
    """A grid of three columns whose labels are used again."""

    def __init__(self, headings: bool = False) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(2, 0, 2, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnStretch(0, 1)
        self._labels: list[list[QLabel]] = []
        self._offset = int(headings)
        if headings:
            for label, text in zip(self._line(0), HEADINGS, strict=True):
                label.setText(text)
                label.setEnabled(False)  # so that a heading is fainter than its column

    def show_rows(self, rows: list[_Row]) -> None:
        """Show ``rows`` and hide the labels that are not needed."""
        while len(self._labels) < len(rows):
            self._labels.append(self._line(len(self._labels) + self._offset))
        for place, labels in enumerate(self._labels):
            shown = place < len(rows)
            for column, label in enumerate(labels):
                label.setVisible(shown)
                label.setText(rows[place].cells[column] if shown else "")
                label.setToolTip(rows[place].about if shown else "")

    def _line(self, row: int) -> list[QLabel]:
        labels = [QLabel() for _ in HEADINGS]
        for column, label in enumerate(labels):
            if column:
                label.setAlignment(Qt.AlignmentFlag.AlignRight)
                label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._grid.addWidget(label, row, column)
        return labels


class MatchSettings(QWidget):
    """The IoU from which objects match, and whether slow measures are computed."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.iou = QDoubleSpinBox()
        self.iou.setRange(0.5, 0.95)
        self.iou.setSingleStep(0.05)
        self.iou.setValue(0.5)
        self.iou.setKeyboardTracking(False)
        self.iou.setToolTip("Intersection over union from which on two objects match, 0.5 to 0.95")
        self.warping = QCheckBox("warping error")
        self.warping.setToolTip(
            "Also measure errors of topology alone; takes about a second for each megapixel"
        )
        form = QFormLayout(self)
        form.setContentsMargins(8, 0, 0, 0)
        form.addRow("&Match from IoU", self.iou)
        form.addRow(self.warping)
        self.iou.valueChanged.connect(self._emit_changed)
        self.warping.toggled.connect(self._emit_changed)

    def values(self) -> dict[str, Any]:
        """Return both as arguments of a request."""
        return {"iou": self.iou.value(), "warping": self.warping.isChecked()}

    def _emit_changed(self, value: Any) -> None:
        self.changed.emit()
