"""A form that edits any frozen dataclass, with limits, words and groups from its fields.

magicgui (0.10) would round: its FloatSpinBox turns 1e-9 into 0.0 and 1/3 into 0.33, and a learning
rate must come back as it was.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, fields, replace
from typing import Any, NamedTuple, get_type_hints

from qtpy.QtCore import QEvent, QObject, QSignalBlocker, QSize, Qt, Signal
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_unet.widgets.shared.dock import Section

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
        self.setKeyboardTracking(False)  # no signal while a number is being typed

    def textFromValue(self, value: float) -> str:  # noqa: N802 - Qt's name
        """Return the shortest text that gives exactly this float."""
        return repr(float(value)).removesuffix(".0")

    def valueFromText(self, text: str) -> float:  # noqa: N802 - Qt's name
        """Read what ``textFromValue`` writes; a decimal comma is understood."""
        return _parse_number(text, self.value())

    def validate(self, text: str, position: int) -> tuple[Any, str, int]:
        """Accept numbers within the limits, and text that may become one."""
        if set(text.strip()) - SIGNS:
            return QValidator.State.Invalid, text, position
        number = _parse_number(text, math.nan)
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

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a small size; Qt would leave space for 30 digits."""
        hint = super().minimumSizeHint()
        hint.setWidth(80)
        return hint

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a small size; Qt would leave space for 30 digits."""
        hint = super().sizeHint()
        hint.setWidth(110)
        return hint


def _parse_number(text: str, otherwise: float) -> float:
    try:
        return float(text.replace(",", ".").strip())
    except ValueError:
        return otherwise


LARGEST = 2**31 - 1  # of a Qt spin box


class Editor(NamedTuple):
    """A widget and its value."""

    widget: QWidget
    value: Callable[[], Any]
    set_value: Callable[[Any], None]
    changed: Any  # the Qt signal


def editor_for(item: "Field[Any]", kind: type) -> Editor:
    """Return the editor of a field of type ``kind`` with the limits and choices it declares."""
    choices = item.metadata.get("choices") or ()
    makers = {bool: _switch, int: _integer, float: _number, str: _text}
    if kind not in makers:
        raise TypeError(f"the field '{item.name}' is a {kind}: a form has no editor for it")
    editor = _choice(choices) if choices else makers[kind](item)
    editor.widget.setToolTip(tooltip(item))
    editor.widget.setAccessibleName(label(item))
    editor.widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    editor.widget.installEventFilter(_Wheel(editor.widget))
    return editor


def label(item: "Field[Any]") -> str:
    """Return the name of a field for people."""
    name: str = item.metadata.get("label") or item.name.replace("_", " ")
    return name


def tooltip(item: "Field[Any]") -> str:
    """Return what the field does, its limits and its default."""
    low, high = item.metadata.get("low"), item.metadata.get("high")
    about = item.metadata.get("about", "")
    sentences = [about[:1].upper() + about[1:]] if about else []
    if low is not None and high is not None:
        sentences.append(f"Between {low:g} and {high:g}")
    if item.default is not MISSING:
        usual = item.default
        if isinstance(usual, bool):
            usual = "on" if usual else "off"
        sentences.append(f"Usually {usual}")
    return "".join(f"{sentence}. " for sentence in sentences).strip()


class _Wheel(QObject):
    """Ignores the mouse wheel over an editor without the focus, so that scrolling is safe."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Type.Wheel and not watched.hasFocus():
            event.ignore()
            return True
        return False


def _switch(item: "Field[Any]") -> Editor:
    box = QCheckBox()
    return Editor(box, box.isChecked, box.setChecked, box.toggled)


def _integer(item: "Field[Any]") -> Editor:
    box = QSpinBox()
    low, high = item.metadata.get("low"), item.metadata.get("high")
    box.setRange(-LARGEST if low is None else int(low), LARGEST if high is None else int(high))
    box.setKeyboardTracking(False)
    box.setStepType(QSpinBox.StepType.AdaptiveDecimalStepType)
    return Editor(box, box.value, box.setValue, box.valueChanged)


def _number(item: "Field[Any]") -> Editor:
    box = NumberEdit(item.metadata.get("low"), item.metadata.get("high"))
    return Editor(box, box.value, box.setValue, box.valueChanged)


def _text(item: "Field[Any]") -> Editor:
    line = QLineEdit()
    return Editor(line, line.text, line.setText, line.editingFinished)


def _choice(choices: tuple[str, ...]) -> Editor:
    box = QComboBox()
    box.addItems(list(choices))
    return Editor(box, box.currentText, box.setCurrentText, box.currentTextChanged)


class SettingsForm(QWidget):
    """``value()``, ``setValue()``, ``changed``: an editor of one frozen dataclass value.

    A field's metadata say what it is: ``about``, ``low``, ``high``, ``choices`` and the ``group``
    under whose title it stands. What the dataclass refuses is said below the form, and the last
    good value stays.
    """

    changed = Signal(object)  # the new value

    def __init__(self, value: Any) -> None:
        super().__init__()
        self._value = value
        self.editors: dict[str, Editor] = {}
        self.sections: dict[str, Section] = {}
        self._problem = QLabel()
        self._problem.setWordWrap(True)
        self._problem.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for group, items in _by_group(value).items():
            self.sections[group] = Section(group, self._page(items))
            layout.addWidget(self.sections[group])
        layout.addWidget(self._problem)
        self._show(value)

    @property
    def problem(self) -> str:
        """Why the editors give no valid value; empty if they do."""
        return str(self._problem.text())

    def value(self) -> Any:
        """Return the value shown, or the last good one."""
        return self._value

    def setValue(self, value: Any) -> None:  # noqa: N802 - the name Qt's editors have
        """Show ``value``, and emit ``changed`` if it is a new one."""
        before, self._value = self._value, value
        self._show(value)
        if value != before:
            self.changed.emit(value)

    def _page(self, items: "Sequence[Field[Any]]") -> QWidget:
        page = QWidget()
        rows = QFormLayout(page)
        rows.setContentsMargins(12, 0, 0, 4)
        kinds = get_type_hints(type(self._value))
        for item in items:
            editor = self.editors[item.name] = editor_for(item, kinds[item.name])
            editor.changed.connect(self._edited)
            title = QLabel(label(item))
            title.setToolTip(tooltip(item))
            title.setBuddy(editor.widget)
            rows.addRow(title, editor.widget)
        return page

    def _show(self, value: Any) -> None:
        for name, editor in self.editors.items():
            blocker = QSignalBlocker(editor.widget)
            editor.set_value(getattr(value, name))
            blocker.unblock()
        self._say("")

    def _edited(self) -> None:
        changes = {name: editor.value() for name, editor in self.editors.items()}
        try:
            value = replace(self._value, **changes)
        except (ValueError, TypeError) as error:
            self._say(str(error))
            return
        self._say("")
        if value != self._value:
            self._value = value
            self.changed.emit(value)

    def _say(self, sentence: str) -> None:
        self._problem.setText(sentence)
        self._problem.setVisible(bool(sentence))


def _by_group(value: Any) -> "dict[str, list[Field[Any]]]":
    """Return the fields under the title of their group, in the order declared."""
    grouped: dict[str, list[Field[Any]]] = {}
    for item in fields(value):
        grouped.setdefault(item.metadata.get("group", ""), []).append(item)
    return grouped
