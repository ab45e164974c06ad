"""SettingsForm: edits any frozen dataclass; what it shows is written in the fields themselves."""

from collections.abc import Sequence
from dataclasses import Field, fields, replace
from typing import Any, get_type_hints

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QVBoxLayout, QWidget

from napari_unet.widgets.editors import Editor, editor_for, label, tooltip
from napari_unet.widgets.section import Section


class SettingsForm(QWidget):
    """``value()``, ``setValue()``, ``changed``: an editor of one frozen dataclass value.

    A field's metadata say what it is: ``about``, ``low``, ``high``, ``choices`` and the ``group``
    under whose title it stands. Only ``groups`` are shown, where they are given; the other fields
    keep the value they were set to. What the dataclass refuses is said below the form, and the last
    good value stays.
    """

    changed = Signal(object)  # the new value

    def __init__(
        self, value: Any, groups: Sequence[str] = (), opened: Sequence[str] = (), flat: bool = False
    ) -> None:
        super().__init__()
        self._value = value
        self.editors: dict[str, Editor] = {}
        self.sections: dict[str, Section] = {}
        self._problem = QLabel()
        self._problem.setWordWrap(True)
        self._problem.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for group, items in _by_group(value, groups).items():
            page = self._page(items)
            if not flat:
                page = self.sections[group] = Section(group, page, group in opened)
            layout.addWidget(page)
        layout.addWidget(self._problem)
        self._show(value)

    @property
    def problem(self) -> str:
        """Why the editors do not make a value, empty when they do."""
        return str(self._problem.text())

    def value(self) -> Any:
        """Return the value shown, or the last good one."""
        return self._value

    def setValue(self, value: Any) -> None:  # noqa: N802 - the name Qt's editors have
        """Show ``value``; ``changed`` tells of it if it is another one."""
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
            made = self.editors[item.name] = editor_for(item, kinds[item.name])
            made.changed.connect(self._edited)
            title = QLabel(label(item))
            title.setToolTip(tooltip(item))
            title.setBuddy(made.widget)
            rows.addRow(title, made.widget)
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


def _by_group(value: Any, groups: Sequence[str]) -> "dict[str, list[Field[Any]]]":
    """Return the fields to show under the title of their group, in the order declared."""
    found: dict[str, list[Field[Any]]] = {group: [] for group in groups}
    for item in fields(value):
        group = item.metadata.get("group", "")
        if not groups or group in found:
            found.setdefault(group, []).append(item)
    return found
