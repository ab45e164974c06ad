"""ResultBar: what was found, and what can be done with it."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unet.widgets.segmenting.classchoice import ClassChoice
from napari_unet.widgets.segmenting.result import Result
from napari_unet.widgets.segmenting.words import count
from napari_unet.widgets.session import Session

RIMS = (0, 3, 10)  # px around what was changed
NOTHING = "Nothing is segmented in this image yet"


class ResultBar(QWidget):
    """Tells of the result of the chosen image; the dock does what the buttons ask for."""

    table = Signal()
    evaluate = Signal()
    annotate_all = Signal()
    annotate_changes = Signal(int)  # px around

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.found = QLabel()
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
        """Show what there is of the chosen image."""
        layer = None if result is None else result.layer
        objects = result is not None and result.look.objects
        self.found.setText(_found(result) if layer is not None else "")
        self.found.setVisible(bool(self.found.text()))
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
        layout.addWidget(self.found)
        layout.addWidget(self.choice)
        layout.addLayout(buttons)


def _found(result: Result | None) -> str:
    if result is None or result.layer is None or result.running or result.busy:
        return ""
    what = count(result.objects, "object") if result.look.objects else "classes"
    return f"{what} in '{result.layer.name}'"
