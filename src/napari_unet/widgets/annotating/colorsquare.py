"""ColorSquare: the colour of a class, as a button that changes it."""

from typing import Any

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QAbstractButton

SIDE = 18  # px


class ColorSquare(QAbstractButton):
    """A square of a colour; works by mouse and keyboard."""

    def __init__(self) -> None:
        super().__init__()
        self.color = QColor("gray")
        self.setFixedSize(SIDE, SIDE)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def set_color(self, color: str) -> None:
        """Show ``color``."""
        self.color = QColor(color)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Be square."""
        return QSize(SIDE, SIDE)

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw the colour, with a rim that is seen on it and around it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rim = self.palette().color(self.foregroundRole())
        rim.setAlpha(255 if self.hasFocus() or self.underMouse() else 110)
        painter.setPen(rim)
        painter.setBrush(self.color)
        painter.drawRoundedRect(QRectF(1.5, 1.5, SIDE - 3, SIDE - 3), 3, 3)
        painter.end()
