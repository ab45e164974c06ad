"""One row of the list of classes: colour, name, key, share of the painted pixels, pixel count."""

from dataclasses import dataclass

from qtpy.QtCore import QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import (
    QAbstractButton,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from napari_unet.core.annotation.label_codes import LabelClass

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
        """Return a square size."""
        return QSize(SIDE, SIDE)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the colour, with a rim that is visible on every background."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rim = self.palette().color(self.foregroundRole())
        rim.setAlpha(255 if self.hasFocus() or self.underMouse() else 110)
        painter.setPen(rim)
        painter.setBrush(self.color)
        painter.drawRoundedRect(QRectF(1.5, 1.5, SIDE - 3, SIDE - 3), 3, 3)
        painter.end()


HEIGHT = 8  # px


class BalanceBar(QWidget):
    """A bar of a share from 0 to 1 on a faint track."""

    def __init__(self) -> None:
        super().__init__()
        self.share = 0.0  # what is shown
        self._color = QColor("gray")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setMinimumWidth(24)

    def show_share(self, share: float, color: str) -> None:
        """Show ``share`` in ``color``."""
        self.share, self._color = share, QColor(color)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Ask for little width: the layout gives the bar the rest of the row."""
        return QSize(60, HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the track in the colour of the text, and the share over it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        track = QRectF(0, (self.height() - HEIGHT) / 2, self.width(), HEIGHT)
        faint = self.palette().color(self.foregroundRole())
        faint.setAlpha(40)
        painter.setBrush(faint)
        painter.drawRoundedRect(track, 2, 2)
        if self.share:
            track.setWidth(max(2.0, self.share * self.width()))
            painter.setBrush(self._color)
            painter.drawRoundedRect(track, 2, 2)
        painter.end()


NAME = 84, 130  # px of the name: least, and most before the bar gets the rest


@dataclass(frozen=True)
class RowState:
    """What a row shows."""

    entry: LabelClass
    key: str
    amount: str  # '3 100 px'
    share: float  # of all labelled pixels
    figures: str  # the amount in a sentence
    chosen: bool
    removable: str  # why it cannot be removed; empty when it can


class ClassRow(QWidget):
    """Click chooses, double-click renames, the square recolours, the cross removes.

    By keyboard: Space or Enter chooses, F2 renames, Delete removes.
    """

    chosen = Signal(int)
    renamed = Signal(int, str)
    recolouring = Signal(int)
    removing = Signal(int)

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self._state: RowState | None = None
        self.square = ColorSquare()
        self.name = QLabel()
        self.edit = QLineEdit()
        self.key = QLabel()
        self.bar = BalanceBar()
        self.amount = QLabel()
        self.cross = QToolButton()
        self._lay_out()
        self.square.clicked.connect(self._recolour)
        self.cross.clicked.connect(self._remove)
        self.edit.editingFinished.connect(self._finish)

    def _lay_out(self) -> None:
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.name.setMinimumWidth(NAME[0])
        self.name.setMaximumWidth(NAME[1])
        self.name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.edit.setMaximumWidth(NAME[1] + 60)
        self.edit.hide()
        self.key.setFixedWidth(16)
        self.key.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.amount.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.amount.setMinimumWidth(72)
        self.cross.setText("✕")
        self.cross.setAutoRaise(True)
        self.cross.setFixedSize(18, 18)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 2, 2, 2)
        layout.setSpacing(6)
        for part, stretch in (
            (self.square, 0), (self.name, 3), (self.edit, 3), (self.key, 0), (self.bar, 2),
            (self.amount, 0), (self.cross, 0),
        ):  # fmt: skip
            layout.addWidget(part, stretch)

    def show_state(self, state: RowState) -> None:
        """Show ``state``; only what changed is redrawn."""
        if state == self._state:
            return
        self._state = state
        name = state.entry.name
        self.square.set_color(state.entry.color)
        self.square.setToolTip(f"Colour of '{name}': click to choose another")
        self.square.setAccessibleName(f"Colour of {name}")
        self._show_name(name, state.chosen)
        self.key.setText(state.key)
        self.key.setToolTip(f"Key {state.key} paints '{name}'" if state.key else "")
        self.bar.show_share(state.share, state.entry.color)
        self.amount.setText(state.amount)
        self.cross.setEnabled(not state.removable)
        removing = f"Remove '{name}'; its pixels become unlabelled, Ctrl+Z brings them back"
        self.cross.setToolTip(state.removable or removing)
        self.cross.setAccessibleName(f"Remove {name}")
        key = f", or key {state.key}" if state.key else ""
        self.setToolTip(f"{state.figures}\nClick to paint it{key}; double-click to rename (F2)")
        self.setAccessibleName(f"Class {name}, {state.amount}")
        self.update()

    def rename(self) -> None:
        """Edit the name in the row."""
        if self._state is not None:
            self.edit.setText(self._state.entry.name)
            self.name.hide()
            self.edit.show()
            self.edit.setFocus()
            self.edit.selectAll()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Choose the class."""
        self.chosen.emit(self.number)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Rename the class."""
        self.rename()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Choose, rename or remove by key."""
        key = event.key()
        if key in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.chosen.emit(self.number)
        elif key == Qt.Key.Key_F2:
            self.rename()
        elif key == Qt.Key.Key_Delete and self.cross.isEnabled():
            self._remove()
        elif key == Qt.Key.Key_Escape and not self.edit.isHidden():
            self._leave()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Mark the chosen row with a shade and an edge, both in the colour of the text."""
        chosen = self._state is not None and self._state.chosen
        if not (chosen or self.hasFocus()):
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        shade = self.palette().color(self.foregroundRole())
        shade.setAlpha(36 if chosen else 18)
        painter.setBrush(shade)
        painter.drawRoundedRect(QRectF(self.rect()), 3, 3)
        if chosen:
            shade.setAlpha(220)
            painter.setBrush(shade)
            painter.drawRoundedRect(QRectF(0, 3, 3, self.height() - 6), 1.5, 1.5)
        painter.end()

    def _show_name(self, name: str, chosen: bool) -> None:
        font = self.name.font()
        font.setBold(chosen)
        self.name.setFont(font)
        self.name.setText(name)

    def _finish(self) -> None:
        if not self.edit.isHidden():
            text = self.edit.text()
            self._leave()
            self.renamed.emit(self.number, text)

    def _leave(self) -> None:
        self.edit.hide()
        self.name.show()

    def _recolour(self) -> None:
        self.recolouring.emit(self.number)

    def _remove(self) -> None:
        self.removing.emit(self.number)
