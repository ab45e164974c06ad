"""Errors are counted by kind, visited one after the other, and shown over the result."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_unet.core.evaluation import ErrorItem
from napari_unet.widgets.evaluate.error_list import (
    ErrorKinds,
    ErrorOutlines,
    ErrorSteps,
    go_to,
    in_words,
    is_errors,
    show_errors,
    show_kinds,
)
from napari_unet.widgets.evaluate.figures import ERRORS
from napari_unet.widgets.shared.session import Session


def item(kind, box=((0, 4), (0, 4)), truth=(1,), result=(2,), area=1234, distance=0.0):
    centre = tuple((low + high - 1) / 2 for low, high in box)
    return ErrorItem(
        kind=kind, truth=truth, result=result, area=area, box=box, centre=centre, distance=distance
    )


ITEMS = tuple(item("missed", ((n, n + 4), (0, 4)), result=()) for n in range(3))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (item("missed"), "missed, 1\N{NO-BREAK SPACE}234 px"),
        (item("split", result=(3, 4, 5)), "split into 3, 1\N{NO-BREAK SPACE}234 px"),
        (item("merged", truth=(1, 2)), "2 merged, 1\N{NO-BREAK SPACE}234 px"),
        (item("border", distance=3.4), "border 3 px off, 1\N{NO-BREAK SPACE}234 px"),
    ],
)
def test_an_error_in_words(found, words):
    assert in_words(found) == words


def test_kinds_are_counted_and_left_out(qtbot):
    kinds, told = ErrorKinds(), []
    qtbot.addWidget(kinds)
    kinds.changed.connect(lambda: told.append(kinds.wanted()))
    names = [words.name for words in ERRORS]
    assert kinds.wanted() == frozenset(names)
    kinds.show_counts(list(range(len(names))))
    assert [button.text() for button in kinds.buttons] == [f"{n} {k}" for k, n in enumerate(names)]
    kinds.buttons[1].click()
    assert told == [frozenset(names) - {names[1]}]


@pytest.fixture
def steps(qtbot):
    made = ErrorSteps()
    qtbot.addWidget(made)
    made.told = []
    made.stepped.connect(made.told.append)
    return made


def test_errors_are_visited_round_and_round(steps):
    steps.show_items(())
    assert steps.message.text() == "No errors"
    assert not steps.on.isEnabled()
    steps.show_items(ITEMS)
    assert steps.message.text() == "3 errors, worst first"
    for _ in range(4):
        steps.on.click()
    steps.back.click()
    steps.back.click()
    assert steps.told == [*ITEMS, ITEMS[0], ITEMS[2], ITEMS[1]]
    assert steps.message.text() == "2 of 3: missed, 1\N{NO-BREAK SPACE}234 px"
    assert steps.message.toolTip().startswith("true object 1 at pixel")


def test_the_first_step_back_goes_to_the_last(steps):
    steps.show_items(ITEMS)
    steps.back.click()
    assert steps.told == [ITEMS[2]]


def test_the_error_looked_at_stays_while_others_are_corrected(steps):
    steps.show_items(ITEMS)
    steps.on.click()
    steps.on.click()
    steps.show_items(ITEMS[1:])
    assert steps.place == 0
    steps.show_items(ITEMS[2:])
    assert steps.place == -1
    assert steps.message.text() == "1 error"


@pytest.fixture
def shown(qapp):
    viewer = ViewerModel()
    result = viewer.add_labels(np.zeros((40, 50), np.uint8), name="found", scale=(0.5, 0.5))
    result.selected_label = 3
    return viewer, result


def test_errors_lie_in_one_layer_and_the_brush_stays_in_hand(shown):
    viewer, result = shown
    session = Session.of(viewer)
    for value in (1, 2):
        places = np.full((40, 50), value, np.uint8)
        layer = show_errors(session, result, places)
        assert viewer.layers.selection.active is result
        np.testing.assert_array_equal(layer.data, places)
    assert len(viewer.layers) == 2
    assert is_errors(layer)
    assert not is_errors(result)
    np.testing.assert_allclose(layer.scale, result.scale)
    show_kinds(layer, frozenset({ERRORS[1].name}))
    assert layer.get_color(1)[3] == 0
    assert layer.get_color(2)[3] == 1


def test_an_error_is_brought_near_and_stays_in_the_canvas(shown):
    viewer, result = shown
    viewer.canvas.size = (400, 400)
    large, small = item("missed", ((0, 40), (0, 40))), item("missed", ((10, 14), (20, 24)))
    viewer.scene.camera.zoom = 1000.0
    go_to(viewer, result, large)
    assert viewer.scene.camera.zoom == pytest.approx(0.8 * 400 / 20)
    viewer.scene.camera.zoom = 0.01
    go_to(viewer, result, small)
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], (5.75, 10.75), atol=0.3)
    assert 0.01 < viewer.scene.camera.zoom <= 12.0 / 0.5


def test_outlines_are_given_back_as_they_were(shown):
    viewer, result = shown
    other = viewer.add_labels(np.zeros((4, 4), np.uint8), visible=False)
    outlines = ErrorOutlines()
    outlines.draw([result, other])
    assert [(one.contour, one.visible) for one in (result, other)] == [(2, True), (2, True)]
    other.contour = 5  # somebody wants it so
    outlines.draw([result])
    assert (other.contour, other.visible) == (5, True)
    outlines.draw([])
    assert (result.contour, result.visible) == (0, True)
