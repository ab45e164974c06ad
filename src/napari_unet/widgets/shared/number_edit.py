"""NumberEdit: a spin box that keeps every digit of a float, from 1e-9 to 1e5."""

import math
from typing import Any

from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QDoubleSpinBox, QWidget

DIGITS = 30  # after the point; Qt rounds there, and 1e-9 still keeps all its 17
SIGNS = set("0123456789+-.,eE")


class NumberEdit(QDoubleSpinBox):
    """Shows a float as Python writes it; steps go by the size of the value."""

    def __init__(
        self, low: float | None = None, high: float | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setDecimals(DIGITS)
        self.setRange(-1e15 if low is None else low, 1e15 if high is None else high)
        self.setKeyboardTracking(False)  # half a number is no value

    def textFromValue(self, value: float) -> str:  # noqa: N802 - Qt's name
        """Write the fewest digits that mean this very float."""
        return repr(float(value)).removesuffix(".0")

    def valueFromText(self, text: str) -> float:  # noqa: N802 - Qt's name
        """Read what ``textFromValue`` writes; a decimal comma is understood."""
        return _number(text, self.value())

    def validate(self, text: str, position: int) -> tuple[Any, str, int]:
        """Accept numbers within the limits, and bear with what may become one."""
        if set(text.strip()) - SIGNS:
            return QValidator.State.Invalid, text, position
        number = _number(text, math.nan)
        good = self.minimum() <= number <= self.maximum()
        state = QValidator.State.Acceptable if good else QValidator.State.Intermediate
        return state, text, position

    def stepBy(self, steps: int) -> None:  # noqa: N802 - Qt's name
        """Change the second digit of the value; at 0 begin with a hundredth of the range."""
        value = self.value()
        size = abs(value) or min(abs(self.maximum()), 1e3) / 10
        step = 10.0 ** (math.floor(math.log10(size)) - 1)
        wanted = round(value / step) * step + steps * step
        self.setValue(float(f"{wanted:.12g}"))

    def minimumSizeHint(self) -> Any:  # noqa: N802 - Qt's name
        """Qt would leave room for the 30 digits."""
        hint = super().minimumSizeHint()
        hint.setWidth(80)
        return hint

    def sizeHint(self) -> Any:  # noqa: N802 - Qt's name
        """Qt would leave room for the 30 digits."""
        hint = super().sizeHint()
        hint.setWidth(110)
        return hint


def _number(text: str, otherwise: float) -> float:
    try:
        return float(text.replace(",", ".").strip())
    except ValueError:
        return otherwise
