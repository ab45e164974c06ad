"""A slider and its number show one value; what is chosen elsewhere is shown and not told."""

import numpy as np
import pytest
from qtpy.QtWidgets import QGridLayout, QWidget

from napari_unet.core.training.settings import TrainSettings
from napari_unet.widgets.shared.sliders import (
    FIELDS,
    LARGEST,
    STEPS,
    TICKS,
    AreaSlider,
    SettingRow,
    SliderRow,
    ValueSlider,
)


@pytest.fixture
def page(qtbot):
    """Return a function that puts a row on a page of its own."""

    def put(row):
        widget = QWidget()
        row.add_to(QGridLayout(widget))
        row.page = widget  # kept while the row is used
        qtbot.addWidget(widget)
        row.told = []
        row.edited.connect(lambda name, value: row.told.append((name, value)))
        return row

    return put


@pytest.mark.parametrize(("name", "power"), [("sd", 2.0), ("w0", 3.0), ("rotation", 1.0)])
def test_every_tick_is_a_legal_value_and_they_rise(page, name, power):
    row = page(SliderRow(name, "strength", "px", power=power))
    limits, values = FIELDS[name].metadata, []
    for tick in (*range(50), *range(50, TICKS, 50), TICKS):
        row.slider.setValue(tick)
        values.append(row.editor.value())
        TrainSettings(**{name: values[-1]})
    assert (values[0], values[-1]) == (limits["low"], limits["high"])
    assert (np.diff(values) >= 0).all()
    assert row.told[-1] == (name, limits["high"])
    middle = limits["low"] + (limits["high"] - limits["low"]) / 2**power
    row.slider.setValue(TICKS // 2)
    assert row.editor.value() == pytest.approx(middle, rel=5e-3)


def test_a_value_from_elsewhere_is_shown_and_not_told(page):
    row = page(SliderRow("sd", "strength", "px", power=2))
    for value in (0.0, 7.123, 10.0, 33.3):
        row.show_value(value)
        assert row.editor.value() == value, "a value between two ticks stays as it is"
        assert row._value() == pytest.approx(value, rel=0.02, abs=0.02)
    assert row.told == []
    row.editor.set_value(5.0)
    assert row.told == [("sd", 5.0)]


def test_a_row_says_what_it_is_for_and_hides_all_of_it(page):
    row = page(SliderRow("sd", "strength", "px", hint="More is wilder."))
    assert FIELDS["sd"].metadata["about"][1:] in row.slider.toolTip()
    assert row.slider.toolTip().endswith("More is wilder.")
    row.set_visible(False)
    parts = (row.title, row.slider, row.editor.widget, row.unit)
    assert all(part.isHidden() for part in parts)
    plain = page(SettingRow("mirror", "mirror"))
    plain.show_value(not plain.editor.value())
    assert plain.told == []


@pytest.fixture(params=[ValueSlider, AreaSlider])
def slider(request, qtbot):
    made = request.param("name", "what it is for", 0.5)
    qtbot.addWidget(made)
    made.told = []
    made.changed.connect(lambda: made.told.append(made.value()))
    return made


def test_the_slider_follows_the_number_and_the_number_the_slider(slider):
    low, high = slider.number.minimum(), slider.number.maximum()
    slider.slider.setValue(slider.slider.maximum())
    assert slider.value() == high
    slider.slider.setValue(slider.slider.minimum())
    assert slider.value() == low
    assert slider.told == [high, low]
    slider.number.setValue(high)
    assert slider.slider.value() == slider.slider.maximum()
    assert slider.told == [high, low, high]
    slider.set_value(low)
    assert (slider.value(), slider.slider.value()) == (low, slider.slider.minimum())
    assert slider.told == [high, low, high], "what is set by the program is not told"


def test_an_area_grows_by_factors_and_begins_with_none(qtbot):
    slider = AreaSlider("minimum area", "", 0)
    qtbot.addWidget(slider)
    areas = []
    for position in range(STEPS + 1):
        slider.slider.setValue(position)
        areas.append(slider.value())
    assert (areas[0], areas[-1]) == (0, LARGEST)
    assert (np.diff(areas) >= 0).all()
    assert areas[40] == 100  # two of five tenfolds
    for area in (1, 37, 5000, LARGEST):
        slider.set_value(area)
        assert slider.value() == area, "an exact number is kept"
