"""ErrorKinds: how many errors there are of each kind; a kind can be left out."""

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QGridLayout, QToolButton, QWidget

from napari_unet.widgets.evaluating.words import ERRORS

COLUMNS = 3
SQUARE = 12  # px


class ErrorKinds(QWidget):
    """A button for each kind: its colour, its name, its number. ``changed``: one was switched."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        self.buttons: list[QToolButton] = []
        for place, words in enumerate(ERRORS):
            button = QToolButton()
            button.setIconSize(QSize(SQUARE, SQUARE))
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setCheckable(True)
            button.setChecked(True)
            button.setToolTip(f"{words.about}. Click to leave them out, or to show them again")
            button.setSizePolicy(
                button.sizePolicy().Policy.Expanding, button.sizePolicy().Policy.Fixed
            )
            button.toggled.connect(self._toggled)
            grid.addWidget(button, place // COLUMNS, place % COLUMNS)
            self.buttons.append(button)
        self.show_counts([0] * len(ERRORS))
        self._fill_squares()

    def wanted(self) -> frozenset[str]:
        """Return the names of the kinds that are shown."""
        pairs = zip(ERRORS, self.buttons, strict=True)
        return frozenset(words.name for words, button in pairs if button.isChecked())

    def show_counts(self, counts: list[int]) -> None:
        """Show how many there are of each kind."""
        for words, button, count in zip(ERRORS, self.buttons, counts, strict=True):
            button.setText(f"{words.name} {count}")
            button.setAccessibleName(f"{words.name}: {count} errors")

    def _toggled(self, on: bool) -> None:
        self._fill_squares()
        self.changed.emit()

    def _fill_squares(self) -> None:
        for words, button in zip(ERRORS, self.buttons, strict=True):
            button.setIcon(square(words.color, button.isChecked(), self.devicePixelRatioF()))


def square(color: str, filled: bool, ratio: float) -> QIcon:
    """Return a square of ``color``; one that is not filled has a thick rim."""
    picture = QPixmap(round(SQUARE * ratio), round(SQUARE * ratio))
    picture.setDevicePixelRatio(ratio)
    picture.fill(QColor(color) if filled else Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setPen(QColor(128, 128, 128) if filled else QPen(QColor(color), 3))
    painter.drawRect(0, 0, SQUARE - 1, SQUARE - 1)
    painter.end()
    return QIcon(picture)
