"""ValueSlider: a slider with its number beside it; AreaSlider: one from 0 to 100 000 pixels."""

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QSlider, QSpinBox, QWidget

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
        """Show ``value``, without telling of it."""
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
    """An area in pixels; the slider moves by factors, so that cells and specks have room on it."""

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
