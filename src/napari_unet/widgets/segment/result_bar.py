"""The controls below a result: threshold, sizes and shape of objects, export, and More."""

from dataclasses import replace

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_unet.core.text import count
from napari_unet.widgets.segment.inputs import add_row, beside, form
from napari_unet.widgets.segment.object_class import ClassChoice
from napari_unet.widgets.segment.result import Result
from napari_unet.widgets.shared.session import Session
from napari_unet.widgets.shared.settings_form import NumberEdit
from napari_unet.widgets.shared.sliders import AreaSlider, ValueSlider
from napari_unet.workflows.segment_request import LabelOptions

RIMS = (0, 3, 10)  # px around changed pixels that are used as well
NOTHING = "Nothing is segmented in this image yet"


class ResultBar(QWidget):
    """Shows the result of the chosen image in words, and its buttons; the dock handles them."""

    table = Signal()
    evaluate = Signal()
    annotate_all = Signal()
    annotate_changes = Signal(int)  # px around

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.summary = QLabel()
        self.choice = ClassChoice(session)
        self.table_button = QPushButton("Table")
        self.annotate_button = QPushButton("Use as annotation")
        self.evaluate_button = QPushButton("Evaluate…")
        menu = QMenu(self.annotate_button)
        menu.addAction("All of the result", self.annotate_all.emit)
        for rim in RIMS:
            around = f", and {rim} px around" if rim else ""
            action = menu.addAction(f"Only the pixels I changed{around}")
            action.triggered.connect(lambda _=False, rim=rim: self.annotate_changes.emit(rim))
        self.annotate_button.setMenu(menu)
        self.table_button.clicked.connect(self.table)
        self.evaluate_button.clicked.connect(self.evaluate)
        self._lay_out()

    def show_result(self, result: Result | None) -> None:
        """Show the result of the chosen image."""
        layer = None if result is None else result.layer
        objects = result is not None and result.options.objects
        self.summary.setText(_summary(result) if layer is not None else "")
        self.summary.setVisible(bool(self.summary.text()))
        self.choice.show_result(result)
        tables = layer is not None and objects
        self.table_button.setEnabled(tables)
        self.table_button.setToolTip(
            "Show class, area, place and mean score of each object, and save them as CSV"
            if tables
            else (NOTHING if layer is None else "Classes have no table: choose objects")
        )
        self.annotate_button.setEnabled(layer is not None)
        self.annotate_button.setToolTip(
            NOTHING if layer is None else "Make training labels of it, to train on once corrected"
        )
        self.evaluate_button.setEnabled(layer is not None)
        self.evaluate_button.setToolTip(
            NOTHING if layer is None else "Open Evaluate, to compare it with true labels"
        )

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        for button, share in (
            (self.table_button, 0),
            (self.annotate_button, 1),
            (self.evaluate_button, 0),
        ):
            buttons.addWidget(button, share)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.summary)
        layout.addWidget(self.choice)
        layout.addLayout(buttons)


def _summary(result: Result | None) -> str:
    if result is None or result.layer is None or result.running or result.busy:
        return ""
    what = count(result.objects, "object") if result.options.objects else "classes"
    return f"{what} in '{result.layer.name}'"


LARGEST = 16384  # px of a tile


class MoreActions(QWidget):
    """Seldom used controls: tile, splitting, scores and uncertainty as layers, the script."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.tile = QSpinBox()
        self.tile.setRange(0, LARGEST)
        self.tile.setSpecialValueText("what fits")
        self.tile.setSuffix(" px")
        self.tile.setKeyboardTracking(False)
        self.tile.setToolTip(
            "Edge of what the network sees at a time, in pixels; the result is the same for all. "
            "Memory is limited under File ▸ Preferences ▸ napari-unet. Usually what fits"
        )
        self.split = NumberEdit(0.0, 50.0)
        self.split.setSuffix(" px")
        self.split.setToolTip(
            "Split objects at necks that are this much narrower than their bodies, as a radius in "
            "pixels; 0 never splits. Acts on a finished result at once. Usually 0"
        )
        self.scores = QPushButton("Show scores")
        self.uncertainty = QPushButton("Show uncertainty")
        self.script = QPushButton("Copy as script")
        self.script.setToolTip("Copy the Python that repeats this segmentation from files")
        rows = form(self)
        add_row(rows, "Tile", self.tile)
        add_row(rows, "Split", self.split)
        rows.addRow(beside(self.scores, self.uncertainty))
        rows.addRow(self.script)
        self.tile.valueChanged.connect(self.changed)
        self.show_result(False)

    def show_result(self, there: bool) -> None:
        """Enable what needs a result."""
        for button, what in (
            (self.scores, "the score of each class, 0 to 1, as image layers"),
            (self.uncertainty, "where the network hesitates, 0 sure to 1 undecided, as a layer"),
        ):
            button.setEnabled(there)
            button.setToolTip(f"Show {what}" if there else "Nothing is segmented in this image yet")


RESULTS = (
    ("objects", "Each object gets a number of its own"),
    ("classes", "Each pixel gets its class"),
)


class LabelOptionsForm(QWidget):
    """Edits LabelOptions; ``changed`` is emitted while a slider is dragged."""

    changed = Signal(object)  # LabelOptions

    def __init__(self) -> None:
        super().__init__()
        self._options = LabelOptions()
        self.results = QButtonGroup(self)
        self.threshold = ValueSlider(
            "threshold",
            "Score, from 0 to 1, above which a pixel is no background. Higher: smaller objects. "
            "Acts on a finished result at once. Usually 0.5",
            0.5,
        )
        self.min_area = AreaSlider(
            "minimum area",
            "Smaller objects are left out, in pixels. Acts on a finished result at once. Usually 0",
            0,
        )
        self.holes = AreaSlider(
            "fill holes",
            "Holes in one object up to this area are filled, in pixels; 0 leaves all open. Acts on "
            "a finished result at once. Usually 0",
            0,
        )
        rows = form(self)
        add_row(rows, "Result", self._switch())
        add_row(rows, "Threshold", self.threshold, self.threshold.slider)
        add_row(rows, "Min area", self.min_area, self.min_area.slider)
        add_row(rows, "Fill holes", self.holes, self.holes.slider)
        for part in (self.threshold, self.min_area, self.holes):
            part.changed.connect(self._edited)
        self.results.idToggled.connect(self._toggled)

    def value(self) -> LabelOptions:
        """Return what is chosen."""
        return self._options

    def set_value(self, options: LabelOptions) -> None:
        """Show ``options`` without emitting ``changed``."""
        self._options = options
        blocker = QSignalBlocker(self.results)
        self.results.button(0 if options.objects else 1).setChecked(True)
        blocker.unblock()
        self.threshold.set_value(options.threshold)
        self.min_area.set_value(options.min_area)
        self.holes.set_value(options.holes)

    def change(self, **changes: object) -> None:
        """Change options that other widgets edit."""
        self._set_options(replace(self._options, **changes))  # type: ignore[arg-type]

    def _switch(self) -> QWidget:
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for number, (title, tooltip) in enumerate(RESULTS):
            button = QPushButton(title)
            button.setCheckable(True)
            button.setToolTip(f"{tooltip}. Switching needs no new segmentation")
            self.results.addButton(button, number)
            layout.addWidget(button)
        self.results.button(0).setChecked(True)
        return row

    def _toggled(self, number: int, on: bool) -> None:
        if on:
            self._edited()

    def _edited(self) -> None:
        self._set_options(
            replace(
                self._options,
                objects=self.results.checkedId() == 0,
                threshold=self.threshold.value(),
                min_area=int(self.min_area.value()),
                holes=int(self.holes.value()),
            )
        )

    def _set_options(self, options: LabelOptions) -> None:
        if options != self._options:
            self._options = options
            self.changed.emit(options)
