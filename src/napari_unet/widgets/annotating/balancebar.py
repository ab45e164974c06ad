"""BalanceBar: how much of what is painted is of a class, as a bar in its colour."""

from typing import Any

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QSizePolicy, QWidget

HEIGHT = 8  # px


class BalanceBar(QWidget):
    """A bar of a share from 0 to 1 on a faint track."""

    def __init__(self) -> None:
        super().__init__()
        self._share = 0.0
        self._color = QColor("gray")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setMinimumWidth(24)

    @property
    def share(self) -> float:
        """The share that is shown."""
        return self._share

    def show_share(self, share: float, color: str) -> None:
        """Show ``share`` in ``color``."""
        self._share, self._color = share, QColor(color)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Take what is left beside the name."""
        return QSize(60, HEIGHT)

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw the track in the colour of the text, and the share over it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        track = QRectF(0, (self.height() - HEIGHT) / 2, self.width(), HEIGHT)
        faint = self.palette().color(self.foregroundRole())
        faint.setAlpha(40)
        painter.setBrush(faint)
        painter.drawRoundedRect(track, 2, 2)
        if self._share:
            track.setWidth(max(2.0, self._share * self.width()))
            painter.setBrush(self._color)
            painter.drawRoundedRect(track, 2, 2)
        painter.end()
