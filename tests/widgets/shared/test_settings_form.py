"""SettingsForm: what goes in comes out, for every field, limit, choice and the smallest floats."""

from dataclasses import dataclass, field, fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QValidator, QWheelEvent
from qtpy.QtWidgets import QApplication

from napari_unet.core.training.settings import PRESETS, TrainSettings
from napari_unet.widgets.shared.settings_form import NumberEdit, SettingsForm

FIELDS = [item.name for item in fields(TrainSettings)]


def values_of(item):
    """The ends of a field's range, its default, and something in between."""
    low, high = item.metadata["low"], item.metadata["high"]
    if item.metadata["choices"]:
        return list(item.metadata["choices"])
    if item.type is bool:
        return [True, False]
    middle = low + (high - low) / 3
    return [item.type(value) for value in (low, high, middle, item.default)]


@pytest.fixture
def form(qtbot):
    made = SettingsForm(TrainSettings())
    qtbot.addWidget(made)
    return made


def test_every_field_is_shown_in_its_group(form):
    assert list(form.editors) == FIELDS
    assert list(form.sections) == list(
        dict.fromkeys(item.metadata["group"] for item in fields(TrainSettings))
    )


@pytest.mark.parametrize("item", fields(TrainSettings), ids=FIELDS)
def test_every_field_goes_round(form, item):
    """Set from outside it is shown and told; typed by hand it comes out."""
    told = []
    form.changed.connect(told.append)
    for value in values_of(item):
        wanted = replace(TrainSettings(), **{item.name: value})
        form.setValue(wanted)
        assert form.editors[item.name].value() == value
        assert form.value() == wanted
        form.setValue(TrainSettings())
        told.clear()
        form.editors[item.name].set_value(value)  # as if by hand: the editor tells
        assert form.value() == wanted
        assert form.value() == (told or [TrainSettings()])[-1]
        form.setValue(TrainSettings())


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_go_round(form, preset):
    wanted = TrainSettings.preset(preset)
    form.setValue(wanted)
    assert form.value() == wanted
    form.editors["seed"].set_value(5)
    assert form.value() == replace(wanted, seed=5)


@given(st.floats(1e-9, 1e6))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_no_float_loses_a_digit(value):
    app = QApplication.instance() or QApplication([])
    edit = NumberEdit(1e-9, 1e6)
    edit.setValue(value)
    assert edit.value() == value
    assert edit.valueFromText(edit.textFromValue(value)) == value
    assert edit.validate(edit.text(), 0)[0] == QValidator.State.Acceptable
    assert app is not None


def test_a_float_is_typed_and_stepped_like_a_person_would(qtbot):
    edit = NumberEdit(1e-9, 10.0)
    qtbot.addWidget(edit)
    edit.selectAll()
    qtbot.keyClicks(edit, "3e-9")
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert edit.value() == 3e-9
    assert edit.text() == "3e-09"
    edit.setValue(1e-3)
    edit.stepBy(1)
    assert edit.value() == 0.0011
    edit.setValue(5.0)
    edit.stepBy(-1)
    assert edit.value() == 4.9
    assert edit.validate("0,5", 0)[0] == QValidator.State.Acceptable
    assert edit.validate("1e-", 0)[0] == QValidator.State.Intermediate
    assert edit.validate("50", 0)[0] == QValidator.State.Intermediate
    assert edit.validate("abc", 0)[0] == QValidator.State.Invalid


def test_a_step_away_from_zero_is_neither_nothing_nor_everything(qtbot):
    edit = NumberEdit(0.0, 100.0)
    qtbot.addWidget(edit)
    edit.stepBy(1)
    assert 0.001 < edit.value() <= 10


def test_what_the_dataclass_refuses_is_said_and_the_last_value_stays(qtbot):
    @dataclass(frozen=True)
    class Range:
        low: int = field(default=1, metadata={"about": "first"})
        high: int = 5

        def __post_init__(self):
            if self.low >= self.high:
                raise ValueError(f"low is {self.low} and high is {self.high}")

    form = SettingsForm(Range())
    qtbot.addWidget(form)
    told = []
    form.changed.connect(told.append)
    form.editors["low"].set_value(7)
    assert form.problem == "low is 7 and high is 5"
    assert form.value() == Range()
    assert told == []
    form.editors["high"].set_value(9)
    assert form.problem == ""
    assert told == [Range(7, 9)]


def test_tooltips_say_what_limits_and_what_is_usual(form):
    text = form.editors["w0"].widget.toolTip()
    assert text.startswith("Weight of the separation between touching objects")
    assert "Between 0 and 1000" in text
    assert "Usually 10.0" in text
    assert form.editors["validation_time"].widget.accessibleName() == "validation time"


def test_scrolling_past_an_editor_changes_nothing(form, qtbot):
    widget = form.editors["depth"].widget
    event = QWheelEvent(
        QPointF(5, 5), QPointF(5, 5), QPoint(0, 0), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(widget, event)
    assert form.value().depth == 4


def test_a_section_opens_and_closes_by_keyboard(form, qtbot):
    form.show()
    section = form.sections["optimiser"]
    assert not section.content.isVisible()
    qtbot.keyClick(section.title, Qt.Key.Key_Space)
    assert section.content.isVisible()


def test_an_unknown_type_is_refused_by_name(qtbot):
    @dataclass(frozen=True)
    class Odd:
        where: tuple = ()

    with pytest.raises(TypeError, match="'where'"):
        SettingsForm(Odd())
