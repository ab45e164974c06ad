"""Sliders with an exact number beside them, for shares, areas and settings.

superqt's labelled sliders are linear; settings need a finer low end, and areas a logarithm.
"""

from dataclasses import fields
from typing import Any, get_type_hints

from qtpy.QtCore import QObject, QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSlider,
    QSpinBox,
    QWidget,
)

from napari_unet.core.training.settings import TrainSettings
from napari_unet.widgets.shared.settings_form import Editor, editor_for, tooltip

TICKS = 1000  # positions of a slider

FIELDS = {item.name: item for item in fields(TrainSettings)}
KINDS: dict[str, type] = get_type_hints(TrainSettings)


class SettingRow(QObject):
    """One setting of TrainSettings in a row of a grid; ``edited`` tells its name and value."""

    edited = Signal(str, object)

    def __init__(self, name: str, title: str, unit: str = "", hint: str = "") -> None:
        super().__init__()
        self.name = name
        item = FIELDS[name]
        tip = " ".join(part for part in (tooltip(item), hint) if part)
        self.editor: Editor = editor_for(item, KINDS[name])
        self.title, self.unit = QLabel(title), QLabel(unit)
        self.title.setBuddy(self.editor.widget)
        for widget in (self.title, self.editor.widget):
            widget.setToolTip(tip)
        self.editor.widget.setAccessibleName(title)
        self.editor.changed.connect(self._edited)

    def add_to(self, grid: QGridLayout) -> None:
        """Add the row to ``grid``."""
        row = grid.rowCount()
        grid.addWidget(self.title, row, 0)
        grid.addWidget(self.editor.widget, row, 1, 1, 2)
        grid.addWidget(self.unit, row, 3)

    def show_value(self, value: Any) -> None:
        """Show a value that was set elsewhere."""
        if value != self.editor.value():
            blocker = QSignalBlocker(self.editor.widget)
            self.editor.set_value(value)
            blocker.unblock()

    def set_visible(self, visible: bool) -> None:
        """Show the row, or hide it."""
        for widget in (self.title, self.editor.widget, self.unit):
            widget.setVisible(visible)

    def _edited(self, *_: Any) -> None:
        self.edited.emit(self.name, self.editor.value())


class SliderRow(SettingRow):
    """A setting with a slider; a higher ``power`` makes its low end finer."""

    def __init__(
        self, name: str, title: str, unit: str = "", *, power: float = 1.0, hint: str = ""
    ) -> None:
        super().__init__(name, title, unit, hint)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, TICKS)
        self.slider.setPageStep(TICKS // 20)
        self.slider.setAccessibleName(f"{title}, slider")
        self.slider.setToolTip(self.editor.widget.toolTip())
        self.slider.valueChanged.connect(self._slid)
        self.editor.widget.setFixedWidth(78)
        limits = FIELDS[name].metadata
        self._low, self._high, self._power = limits["low"], limits["high"], power
        self._whole = KINDS[name] is int

    def add_to(self, grid: QGridLayout) -> None:
        """Add the row to ``grid``."""
        row = grid.rowCount()
        for column, widget in enumerate((self.title, self.slider, self.editor.widget, self.unit)):
            grid.addWidget(widget, row, column)

    def show_value(self, value: Any) -> None:
        """Show a value that was set elsewhere."""
        super().show_value(value)
        blocker = QSignalBlocker(self.slider)
        if self._value() != value:  # a value between two ticks stays as it is
            share = (value - self._low) / (self._high - self._low)
            self.slider.setValue(round(TICKS * share ** (1 / self._power)))
        blocker.unblock()

    def set_visible(self, visible: bool) -> None:
        """Show the row, or hide it."""
        super().set_visible(visible)
        self.slider.setVisible(visible)

    def _value(self) -> float:
        """Return the value of the tick, with three digits."""
        share = (self.slider.value() / TICKS) ** self._power
        value = float(f"{self._low + share * (self._high - self._low):.3g}")
        value = min(max(value, self._low), self._high)
        return round(value) if self._whole else value

    def _slid(self) -> None:
        value = self._value()
        if value != self.editor.value():
            SettingRow.show_value(self, value)
            self.edited.emit(self.name, self.editor.value())


STEPS = 100  # positions of a slider
LARGEST = 100_000  # px
PER_TENFOLD = STEPS / 5  # positions from an area to one ten times as large


class ValueSlider(QWidget):
    """A share between 0.01 and 0.99."""

    changed = Signal()

    def __init__(self, name: str, tooltip: str, value: float) -> None:
        super().__init__()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.number = self._number()
        for part in (self.slider, self.number):
            part.setToolTip(tooltip)
            part.setAccessibleName(name)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.number)
        self.slider.valueChanged.connect(self._slid)
        self.number.valueChanged.connect(self._typed)
        self.setFocusProxy(self.slider)
        self.set_value(value)

    def value(self) -> float:
        """Return the number shown."""
        return float(self.number.value())

    def set_value(self, value: float) -> None:
        """Show ``value`` without emitting a signal."""
        blockers = QSignalBlocker(self.slider), QSignalBlocker(self.number)
        self.number.setValue(self._shown(value))
        self.slider.setValue(self._position(value))
        del blockers

    def _number(self) -> QWidget:
        self.slider.setRange(1, 99)
        box = QDoubleSpinBox()
        box.setRange(0.01, 0.99)
        box.setSingleStep(0.01)
        box.setFixedWidth(NUMBER_WIDTH)
        return box

    def _shown(self, value: float) -> float:
        return value

    def _position(self, value: float) -> int:
        return round(value * 100)

    def _at(self, position: int) -> float:
        return position / 100

    def _slid(self, position: int) -> None:
        blocker = QSignalBlocker(self.number)
        self.number.setValue(self._shown(self._at(position)))
        blocker.unblock()
        self.changed.emit()

    def _typed(self) -> None:
        blocker = QSignalBlocker(self.slider)
        self.slider.setValue(self._position(self.value()))
        blocker.unblock()
        self.changed.emit()


NUMBER_WIDTH = 108  # px


class AreaSlider(ValueSlider):
    """An area in pixels on a logarithmic slider."""

    def _number(self) -> QWidget:
        self.slider.setRange(0, STEPS)
        box = QSpinBox()
        box.setRange(0, LARGEST)
        box.setSuffix(" px")
        box.setStepType(QSpinBox.StepType.AdaptiveDecimalStepType)
        box.setFixedWidth(NUMBER_WIDTH)
        return box

    def _shown(self, value: float) -> int:
        return round(value)

    def _position(self, value: float) -> int:
        position = 0
        while position < STEPS and self._at(position) < value:
            position += 1
        return position

    def _at(self, position: int) -> float:
        area: float = 10 ** (position / PER_TENFOLD)
        return round(area) if position else 0
