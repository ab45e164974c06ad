"""The whole loop in a window, by mouse: from the first stroke to a network that got better."""

from dataclasses import replace

import numpy as np
import pytest
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton
from scipy import ndimage

from napari_unet.widgets.shared.dock import open_dock
from napari_unet.widgets.shared.job import dispatch

WAIT = 100_000  # ms; a busy machine
STEPS = 120  # of each training: the outcome does not depend on the speed of the machine


@pytest.fixture(autouse=True)
def no_thread_left():
    yield
    assert dispatch().compute.shut_down(60.0)


class Hand:
    """A person at the mouse; ``truth`` is what the person sees in the image."""

    def __init__(self, viewer, qtbot, mouse_event):
        self.viewer = viewer
        self.qtbot = qtbot
        self.event = mouse_event

    def opened(self, name):
        """Open a dock, or bring it to the front."""
        dock = open_dock(self.viewer, name)
        self.until(dock.isVisible)
        return dock

    def press(self, button):
        assert button.isEnabled(), button.toolTip()
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def until(self, condition):
        self.qtbot.waitUntil(condition, timeout=WAIT)

    def stroke(self, layer, start, end):
        """Drag the brush from one pixel to another."""

        def event(kind, place, dragging):
            return ReadOnlyWrapper(
                self.event(
                    type=kind, is_dragging=dragging, position=place, view_direction=None,
                    dims_displayed=(0, 1), dims_point=(0, 0), button=1,
                )
            )  # fmt: skip

        mouse_press_callbacks(layer, event("mouse_press", start, False))
        mouse_move_callbacks(layer, event("mouse_move", end, True))
        mouse_release_callbacks(layer, event("mouse_release", end, False))

    def scribble(self, layer, part, every, brush):
        """Fill ``part`` with strokes along its rows."""
        layer.brush_size = brush
        for row in np.flatnonzero(part.any(axis=1))[::every]:
            start, end = longest_run(part[row])
            self.stroke(layer, (row, start), (row, end))

    def canvas(self):
        return self.viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)

    def errors(self, since):
        levels = [str(record.severity) for record in notification_manager.records[since:]]
        return [level for level in levels if level in ("error", "warning")]


def longest_run(row):
    """Return first and last column of the longest run of True."""
    labels, _ = ndimage.label(row)
    columns = np.flatnonzero(labels == np.bincount(labels[labels > 0]).argmax())
    return int(columns[0]), int(columns[-1])


def overlap(result, truth):
    """Return the share of the pixels of either that are in both."""
    return np.count_nonzero((result > 0) & (truth > 0)) / np.count_nonzero(
        (result > 0) | (truth > 0)
    )


def coloured(canvas):
    """Return where the canvas is neither gray nor black."""
    return np.ptp(canvas, axis=-1) > 40


def button(dock, text):
    return next(one for one in dock.findChildren(QPushButton) if one.text() == text)


def annotate(hand, truth):
    """Paint some nuclei and some background with a few rough strokes."""
    dock = hand.opened("Annotate")
    layer = dock.labels
    hand.press(dock.live.switch)  # live teaching has tests of its own
    black = hand.canvas()
    assert coloured(black).sum() < 50  # but for the brush
    ids = np.argsort(np.bincount(truth.ravel()))[::-1][1:60:10]
    for number in ids:
        hand.scribble(layer, ndimage.binary_erosion(truth == number, iterations=4), 9, 3)
    assert set(np.unique(layer.data)) == {0, 2}
    assert coloured(hand.canvas()).sum() > 200  # strokes are seen at once
    row = dock.classes.rows[0]
    hand.qtbot.mouseClick(row, Qt.MouseButton.LeftButton)
    assert layer.selected_label == 1
    far = ndimage.distance_transform_edt(truth == 0) > 9
    for line in range(30, len(far), 90):
        start, end = longest_run(far[line])
        hand.stroke(layer, (line, start), (line, end))
    hand.press(dock.checking.button)
    hand.until(lambda: "Not checked" not in dock.checking.status.text())
    hand.until(lambda: "Checking" not in dock.checking.status.text())
    assert not [row for row in dock.checking.rows if row.finding.severity == "error"]
    assert np.count_nonzero(layer.data) < 0.05 * layer.data.size
    return dock, layer


def preview(hand, labels):
    """Look at what training will see."""
    dock = hand.opened("Preview")
    hand.until(lambda: "nuclei deformed" in hand.viewer.layers)
    tile = hand.viewer.layers["nuclei deformed"]
    before = tile.data.copy()
    hand.press(dock.pages["deformation"].reroll)
    hand.until(lambda: not np.array_equal(tile.data, before))
    shown = hand.viewer.layers["nuclei deformed labels"].data
    assert set(np.unique(shown)) <= set(np.unique(labels.data))
    hand.viewer.window.remove_dock_widget(dock.parent())


def train(hand, dock):
    """Press Train and wait until the network is kept."""
    before = len(dock.session.networks)
    hand.press(dock.controls.train)
    hand.until(lambda: len(dock.session.networks) > before)
    hand.until(lambda: not dock.trainings.running)
    kept = dock.networks.current()
    assert [step.number for step in kept.steps][-STEPS:] == list(
        range(len(kept.steps) - STEPS + 1, len(kept.steps) + 1)
    )
    hand.until(lambda: dock.plot.isVisible() and dock.plot.loss.line.xData is not None)
    hand.until(lambda: dock.plot.loss.line.xData[-1] == len(kept.steps))
    return kept


def segment(hand, dock):
    hand.until(lambda: dock.runs.start.isEnabled())
    hand.press(dock.runs.start)
    hand.until(lambda: dock.segmentations.run is None and dock.result().layer is not None)
    hand.until(lambda: not dock.result().busy)
    return dock.result().layer


def correct(hand, layer, truth, most):
    """Paint over the largest errors: missed parts as new objects, false ones as background."""
    layer.mode = "paint"
    missed, false = (truth > 0) & (layer.data == 0), (truth == 0) & (layer.data > 0)
    for wrong in (missed, false):
        labels, _ = ndimage.label(wrong)
        for number in np.argsort(np.bincount(labels[labels > 0]))[::-1][:most]:
            layer.selected_label = int(layer.data.max()) + 1 if wrong is missed else 0
            hand.scribble(layer, labels == number, 2, 3)


def test_from_a_sample_to_a_better_network(make_napari_viewer_proxy, qtbot, MouseEvent):  # noqa: N803
    viewer = make_napari_viewer_proxy(show=True).__wrapped__
    hand, since = Hand(viewer, qtbot, MouseEvent), len(notification_manager.records)
    viewer.open_sample("napari-unet", "nuclei")
    truth = np.asarray(viewer.layers["nuclei truth"].data)
    annotating, labels = annotate(hand, truth)
    preview(hand, labels)

    hand.press(button(annotating, "Train…"))
    training = hand.opened("Train")
    session = training.session
    session.settings = replace(session.settings, minutes=0.0, steps=STEPS)
    training.start_form.preset.setCurrentText("nano")
    training.start_form.preset.activated.emit(training.start_form.preset.currentIndex())
    assert (session.settings.base, session.settings.steps) == (12, STEPS)
    # float32 on every CPU, and a rate at which so few strokes do not make it waver
    session.settings = replace(session.settings, precision="float32", rate=1e-3)
    hand.press(training.images.hold_back)  # so few strokes are all needed
    first = train(hand, training)

    segmenting = hand.opened("Segment")
    layer = segment(hand, segmenting)
    before = overlap(layer.data, truth)
    assert 0.4 < before < 0.9  # better than chance, and something is left to learn
    assert coloured(hand.canvas()).sum() > 10_000  # the objects are seen
    written = layer.data.copy()

    correct(hand, layer, truth, 12)
    changed = layer.data != written
    assert changed.sum() > 100
    few = np.count_nonzero(labels.data)
    segmenting.results.annotate_button.menu().actions()[2].trigger()  # and 3 px around
    assert np.count_nonzero(labels.data) > few
    taken = labels.data[changed]
    assert set(np.unique(taken)) == {1, 2}
    assert np.array_equal(taken == 2, layer.data[changed] > 0)

    assert hand.opened("Train") is training
    hand.press(training.networks.further)
    second = train(hand, training)
    assert (first.name, second.name) == ("nuclei-1", "nuclei-2")
    assert len(second.steps) == 2 * STEPS

    assert hand.opened("Segment") is segmenting
    assert segmenting.inputs.network.value().name == second.name  # the newest; saved meanwhile
    corrected = layer.data.copy()
    again = segment(hand, segmenting)
    assert again is not layer
    assert np.array_equal(layer.data, corrected)  # what a person painted is not written over
    after = overlap(again.data, truth)

    evaluating = hand.opened("Evaluate")
    evaluating.layers.set_result(again)
    hand.until(lambda: bool(evaluating.table.text))
    assert evaluating.layers.value() == (viewer.layers["nuclei truth"], again)
    figures = dict(line.split("\t")[:2] for line in evaluating.table.text.splitlines())
    assert float(figures["IoU"]) == pytest.approx(after, abs=1e-4)
    assert after > before + 0.03
    hand.press(evaluating.steps.on)
    assert evaluating.steps.place == 0
    assert hand.errors(since) == []
