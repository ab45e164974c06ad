"""SliderRow: a setting on a slider, with the exact number beside it."""

from dataclasses import fields
from typing import Any, get_type_hints

from qtpy.QtCore import QObject, QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QSlider

from napari_unet.core.settings import TrainSettings
from napari_unet.widgets.editors import Editor, editor_for, tooltip

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
        said = " ".join(part for part in (tooltip(item), hint) if part)
        self.editor: Editor = editor_for(item, KINDS[name])
        self.title, self.unit = QLabel(title), QLabel(unit)
        self.title.setBuddy(self.editor.widget)
        for widget in (self.title, self.editor.widget):
            widget.setToolTip(said)
        self.editor.widget.setAccessibleName(title)
        self.editor.changed.connect(self._edited)

    def add_to(self, grid: QGridLayout) -> None:
        """Become the last row of ``grid``."""
        row = grid.rowCount()
        grid.addWidget(self.title, row, 0)
        grid.addWidget(self.editor.widget, row, 1, 1, 2)
        grid.addWidget(self.unit, row, 3)

    def show_value(self, value: Any) -> None:
        """Show a value that was chosen elsewhere."""
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
    """A number on a slider whose low end is finer by the ``power``."""

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
        """Become the last row of ``grid``."""
        row = grid.rowCount()
        for column, widget in enumerate((self.title, self.slider, self.editor.widget, self.unit)):
            grid.addWidget(widget, row, column)

    def show_value(self, value: Any) -> None:
        """Show a value that was chosen elsewhere."""
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
