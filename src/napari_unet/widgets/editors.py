"""Editors: the Qt widget for one field of a dataclass, and how its value is read and set."""

from collections.abc import Callable
from dataclasses import MISSING, Field
from typing import Any, NamedTuple

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QLineEdit, QSpinBox, QWidget

from napari_unet.widgets.numberedit import NumberEdit

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
    made = _choice(choices) if choices else makers[kind](item)
    made.widget.setToolTip(tooltip(item))
    made.widget.setAccessibleName(label(item))
    made.widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    made.widget.installEventFilter(_Wheel(made.widget))
    return made


def label(item: "Field[Any]") -> str:
    """Return the name of a field for people."""
    said: str = item.metadata.get("label") or item.name.replace("_", " ")
    return said


def tooltip(item: "Field[Any]") -> str:
    """Say what the field does, within which limits, and what it is when left alone."""
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
    """Scrolling a form past an editor does not change it; only one that has the focus turns."""

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
