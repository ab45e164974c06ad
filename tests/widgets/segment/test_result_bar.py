"""What was found is told, what can be done with it is offered, and how it is drawn is chosen."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from napari.components import ViewerModel

from napari_unet.widgets.segment.result_bar import (
    NOTHING,
    RIMS,
    LabelOptionsForm,
    MoreActions,
    ResultBar,
)
from napari_unet.widgets.shared.session import Session


@pytest.fixture
def bar(qtbot):
    made = ResultBar(Session(ViewerModel()))
    qtbot.addWidget(made)
    made.choice.show_result = lambda result: None  # it has tests of its own
    return made


def result(objects=True, running=False, busy=False):
    layer = SimpleNamespace(name="scene segmented")
    options = SimpleNamespace(objects=objects)
    return SimpleNamespace(layer=layer, options=options, objects=1234, running=running, busy=busy)


def test_what_was_found_is_said_when_it_is_there(bar):
    for nothing in (None, result(running=True), result(busy=True)):
        bar.show_result(nothing)
        assert bar.summary.isHidden()
    bar.show_result(result())
    assert bar.summary.text() == "1\N{NO-BREAK SPACE}234 objects in 'scene segmented'"
    bar.show_result(result(objects=False))
    assert bar.summary.text() == "classes in 'scene segmented'"


def test_buttons_say_why_they_are_off(bar):
    bar.show_result(None)
    for button in (bar.table_button, bar.annotate_button, bar.evaluate_button):
        assert not button.isEnabled()
        assert button.toolTip() == NOTHING
    bar.show_result(result(objects=False))
    assert not bar.table_button.isEnabled()
    assert "Classes have no table" in bar.table_button.toolTip()
    assert bar.annotate_button.isEnabled()
    bar.show_result(result())
    assert bar.table_button.isEnabled()


def test_each_button_asks_for_its_own(bar):
    told = []
    bar.table.connect(lambda: told.append("table"))
    bar.evaluate.connect(lambda: told.append("evaluate"))
    bar.annotate_all.connect(lambda: told.append("all"))
    bar.annotate_changes.connect(told.append)
    bar.show_result(result())
    bar.table_button.click()
    bar.evaluate_button.click()
    for action in bar.annotate_button.menu().actions():
        action.trigger()
    assert told == ["table", "evaluate", "all", *RIMS]


def test_more_offers_layers_only_of_a_result(qtbot):
    more, told = MoreActions(), []
    qtbot.addWidget(more)
    more.changed.connect(lambda: told.append(more.tile.value()))
    assert not more.scores.isEnabled()
    assert more.tile.text() == "what fits"
    more.show_result(True)
    assert more.scores.isEnabled()
    assert more.uncertainty.isEnabled()
    more.tile.setValue(284)
    assert told == [284]


@pytest.fixture
def form(qtbot):
    made = LabelOptionsForm()
    qtbot.addWidget(made)
    made.told = []
    made.changed.connect(made.told.append)
    return made


def test_every_change_of_a_slider_is_told_whole(form):
    options = form.value()
    form.threshold.number.setValue(0.25)
    form.min_area.number.setValue(30)
    form.holes.number.setValue(7)
    form.results.button(1).click()
    expected = []
    for change in ({"threshold": 0.25}, {"min_area": 30}, {"holes": 7}, {"objects": False}):
        options = replace(options, **change)
        expected.append(options)
    assert form.told == expected
    assert form.value() == options


def test_what_the_program_sets_is_shown_and_what_it_changes_is_told(form):
    options = replace(form.value(), threshold=0.7, min_area=12, holes=500, objects=False)
    form.set_value(options)
    assert form.told == []
    assert (form.threshold.value(), form.min_area.value(), form.holes.value()) == (0.7, 12, 500)
    assert form.results.checkedId() == 1
    form.change(split=2.0)
    assert form.told == [replace(options, split=2.0)]
    form.change(split=2.0)
    assert len(form.told) == 1, "nothing was changed"
    form.threshold.number.setValue(0.6)
    assert form.value().split == 2.0, "what is edited elsewhere stays"
