"""LossPlot: every step is in the curve, few drawings, the colours of the theme."""

import time

import numpy as np
import pytest
from napari.utils.theme import get_theme

from napari_unet.core.training.step import Step
from napari_unet.widgets.train.loss_plot import LossPlot


def step(number, loss=0.5, iou=None, validating=None):
    scores = None if iou is None else {"iou": iou}
    return Step(number, loss, 1e-3, 0.0, 0.0, validation=scores, validating=validating)


@pytest.fixture
def docked(make_napari_viewer_proxy):
    viewer = make_napari_viewer_proxy()
    plot = LossPlot(viewer)
    viewer.window.add_dock_widget(plot, name="loss")
    return viewer, plot


def test_curves_theme_and_few_drawings(docked, qtbot, monkeypatch):
    viewer, plot = docked
    drawings = []
    draw = plot.loss.line.setData
    monkeypatch.setattr(
        plot.loss.line, "setData", lambda *a, **k: (drawings.append(1), draw(*a, **k))
    )
    begun = time.monotonic()
    for number in range(1, 200):
        plot.add([step(number, 1 / number, iou=number / 200 if number % 50 == 0 else None)])
        qtbot.wait(2)
    qtbot.waitUntil(lambda: len(plot.loss.line.xData) == 199)
    assert len(drawings) <= (time.monotonic() - begun) * 5.5 + 1  # Qt's timers may come 5 % early
    np.testing.assert_allclose(plot.loss.line.yData, 1 / np.arange(1, 200))
    np.testing.assert_array_equal(plot.iou.line.xData, [50, 100, 150])
    for theme in ("light", "dark"):
        viewer.theme = theme
        wanted = get_theme(theme).background.as_hex(format="long")
        assert plot.backgroundBrush().color().name() == wanted


def test_a_validating_step_counts_once_and_steps_can_be_taken_back(docked, qtbot):
    _, plot = docked
    plot.add([step(1), step(2), step(2, validating=0.4), step(3), step(4, iou=0.5)])
    plot.add([step(2, loss=0.1)])  # after a divergence the training goes back
    qtbot.waitUntil(lambda: plot.loss.line.xData is not None)
    np.testing.assert_array_equal(plot.loss.line.xData, [1, 2])
    np.testing.assert_array_equal(plot.loss.line.yData, [0.5, 0.1])
    plot.forget()
    assert plot.loss.line.xData is None or not len(plot.loss.line.xData)
