"""The pages of the Preview dock: settings of the session, layers over the tile, and the views."""

from dataclasses import replace

import pytest

from napari_unet.core.training.settings import TrainSettings
from napari_unet.core.weights.formulas import Falk, Paper
from napari_unet.widgets.preview.pages import FORMULA, ViewChoice, make_pages, usual_of
from napari_unet.widgets.shared.sliders import FIELDS

NAMES = {
    "deformation": ["sd", "grid", "rotation", "mirror", "gray", "noise"],
    "weights": ["weighting", "w0", "sigma", "balance", "v", "sigma1"],
    "sample": ["tile"],
}


@pytest.fixture
def pages(qtbot):
    made = make_pages()
    for page in made.values():
        qtbot.addWidget(page)
    return made


@pytest.mark.parametrize("view", NAMES)
def test_a_page_shows_the_settings_of_its_view_and_tells_what_is_edited(pages, view):
    rows, told = pages[view].rows, []
    rows.edited.connect(lambda name, value: told.append((name, value)))
    assert list(rows.rows) == NAMES[view]
    for preset in ("paper", "nano"):
        settings = TrainSettings.preset(preset)
        rows.show_settings(settings)
        for name, row in rows.rows.items():
            assert row.editor.value() == getattr(settings, name), name
    assert told == [], "what was chosen elsewhere is not told"
    for name, row in rows.rows.items():
        if isinstance(getattr(settings, name), float):
            limits = FIELDS[name].metadata
            row.editor.set_value(limits["low"] + 0.37 * (limits["high"] - limits["low"]))
            assert told[-1] == (name, row.editor.value())


@pytest.mark.parametrize("weighting", ["paper", "falk"])
def test_what_the_formula_does_not_use_is_hidden(pages, weighting):
    rows = pages["weights"].rows
    rows.show_settings(replace(TrainSettings(), weighting=weighting))
    for name, row in rows.rows.items():
        assert row.editor.widget.isHidden() == (FORMULA.get(name, weighting) != weighting), name


def test_each_formula_has_its_usual_parameters():
    assert usual_of("paper") == {"w0": Paper.w0, "sigma": Paper.sigma}
    assert usual_of("falk") == {"w0": Falk.factor, "sigma": Falk.sigma2}


def test_layers_over_the_tile_are_chosen(pages):
    page, wishes = pages["sample"], []
    page.over_changed.connect(lambda: wishes.append(page.kinds()))
    assert page.kinds() == ("sample", "frame", "sample labels")
    page.over["sample weights"].click()
    page.over["sample labels"].click()
    assert wishes == [
        ("sample", "frame", "sample labels", "sample weights"),
        ("sample", "frame", "sample weights"),
    ]
    assert pages["weights"].kinds() == ("weights",)
    assert pages["weights"].reroll.isHidden(), "there is no tile to draw again"


def test_a_new_tile_and_a_closer_look_are_asked_for(pages):
    page, rolled, close = pages["deformation"], [], []
    page.rerolled.connect(lambda: rolled.append(True))
    page.closed_up.connect(close.append)
    page.reroll.click()
    page.closeup.click()
    page.closeup.click()
    assert (rolled, close) == ([True], [True, False])


def test_one_view_is_chosen_at_a_time(qtbot):
    choice, told = ViewChoice(), []
    qtbot.addWidget(choice)
    choice.changed.connect(told.append)
    assert choice.value() == "deformation"
    for view in ("weights", "sample", "sample", "deformation"):
        choice.set_value(view)
        assert choice.value() == view
        assert [name for name, button in choice.buttons.items() if button.isChecked()] == [view]
    assert told == ["weights", "sample", "deformation"]
