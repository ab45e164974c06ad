"""Live teaching in a window: strokes, undo, classes, keys, confirming, places, checks, the end."""

from itertools import pairwise

import numpy as np
import pytest
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)
from napari.utils.notifications import notification_manager

from napari_unet.widgets.annotate.dock import AnnotateDock
from napari_unet.widgets.annotate.shortcuts import KEYS
from napari_unet.widgets.layers.label_classes import classes_of
from napari_unet.widgets.live.live_teaching import LiveTeaching
from napari_unet.widgets.shared.job import dispatch
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.teaching_loop import READY


@pytest.fixture(autouse=True)
def one_thread(small_tiles):
    yield
    assert dispatch().compute.shut_down(60.0)


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


def opened(viewer):
    dock = AnnotateDock(viewer)
    viewer.window.add_dock_widget(dock, name="Annotate")
    return dock


def brush(labels, value, *places):
    """Paint as a person does: one entry of the history, the last class chosen stays chosen."""
    with labels.block_history():
        for a, b in pairwise(places):
            labels._draw(value, np.array(a, float), np.array(b, float))


def way(truth, kind, seed):
    """Return the ends of a straight way of 14 px inside the class."""
    rng = np.random.default_rng(seed)
    while True:
        y, x = (int(rng.integers(4, n - 18)) for n in truth.shape)
        if (truth[y - 3 : y + 4, x - 3 : x + 17] == kind).all():
            return (y, x), (y, x + 13)


def settled(teaching, qtbot):
    qtbot.waitUntil(lambda: not teaching.busy)


def drag(viewer, labels, places):
    event = type("Event", (), {})()
    event.type, event.button, event.buttons, event.modifiers = "mouse_press", 1, [1], []
    event.dims_displayed = list(viewer.dims.displayed)
    event.is_dragging = event.handled = False
    event.position, event.view_direction, event.inverted = places[0], None, False
    mouse_press_callbacks(labels, event)
    event.type, event.is_dragging = "mouse_move", True
    for event.position in places[1:]:
        mouse_move_callbacks(labels, event)
    event.type = "mouse_release"
    mouse_release_callbacks(labels, event)


def press(labels, key):
    """Call what a key does on the layer, and return the generator of a held key."""
    return next(act for name, act in labels.keymap.items() if str(name) == key)(labels)


def test_two_strokes_make_a_preview_that_follows_the_brush(viewer, qtbot, discs):
    image, truth = discs
    records = len(notification_manager.records)
    layer = viewer.add_image(image, name="discs")
    dock = opened(viewer)
    qtbot.waitUntil(lambda: dock.labels is not None)
    labels, live = dock.labels, dock.live
    teaching = live.teaching
    assert teaching is LiveTeaching.find(labels)
    settled(teaching, qtbot)
    assert live.status.text() == READY
    assert not live.confirm.isEnabled()
    assert "two classes" in live.confirm.toolTip()
    labels.brush_size = 5
    first, second = way(truth, True, 0), way(truth, False, 1)
    brush(labels, 2, *first)
    settled(teaching, qtbot)
    assert teaching.preview.layer is None
    brush(labels, 1, *second)
    qtbot.waitUntil(lambda: teaching.preview.layer is not None)
    preview = teaching.preview.layer
    assert viewer.layers.selection.active is labels
    assert [one.name for one in viewer.layers] == ["discs", "discs preview", "discs annotation"]
    assert (str(labels.mode), preview.data.dtype, preview.editable) == ("paint", np.uint8, False)
    assert "preview by Nano" in live.status.text()
    settled(teaching, qtbot)
    found = np.asarray(preview.data) == 2
    assert (found & truth).sum() / (found | truth).sum() > 0.4
    assert live.status.text() == "Settled, waiting for you · preview by Nano"
    # nothing computes now
    qtbot.wait(200)  # longer than the eye rests before it tells of a move
    settled(teaching, qtbot)
    begun = []
    Session.of(viewer).jobs_changed.connect(lambda: begun.append(1))
    qtbot.wait(300)
    assert not Session.of(viewer).jobs
    assert begun == []
    # the stroke wins at once, before anything is learned; undo and redo do, too
    teaching.live = False
    assert live.switch.text().startswith("○")
    wrong = way(truth, True, 5)
    answer = teaching.preview.answer((slice(None), slice(None))).copy()
    inside = (slice(wrong[0][0], wrong[0][0] + 1), slice(wrong[0][1], wrong[1][1]))
    brush(labels, 1, *wrong)
    assert (np.asarray(preview.data)[inside] == 1).all()
    labels.undo()
    np.testing.assert_array_equal(np.asarray(preview.data)[inside], answer[inside])
    labels.redo()
    assert (np.asarray(preview.data)[inside] == 1).all()
    settled(teaching, qtbot)
    taught = np.zeros(truth.shape, np.uint8)
    for stroke in teaching._loop.teacher.strokes:
        taught[tuple(stroke.pixels.T)] = stroke.kind + 1
    np.testing.assert_array_equal(taught, labels.data)
    labels.undo()
    settled(teaching, qtbot)
    assert len(teaching._loop.teacher.strokes) == 2
    epoch = teaching.status.epoch
    live.more.once.click()  # once, although it is off
    settled(teaching, qtbot)
    assert teaching.status.epoch > epoch
    teaching.live = True
    settled(teaching, qtbot)
    # back, and forward with the next stroke
    states = teaching.status.epoch
    live.undo.click()
    settled(teaching, qtbot)
    assert "Back to what was learned" in live.status.text()
    assert teaching.status.epoch == states + 1
    # a class is added, named and painted while live, removed and brought back
    dock.classes.add.click()
    assert teaching.preview.layer is preview
    third = way(truth, False, 8)
    brush(labels, 3, *third)
    settled(teaching, qtbot)
    assert teaching._loop.teacher.classes == 3
    assert set(np.unique(preview.data)) == {1, 2, 3}
    dock.classes.rows[2].cross.click()
    settled(teaching, qtbot)
    assert teaching._loop.teacher.classes == 2
    assert {stroke.kind for stroke in teaching._loop.teacher.strokes} == {0, 1}
    dock.classes.back.click()
    settled(teaching, qtbot)
    assert teaching._loop.teacher.classes == len(classes_of(labels)) == 3
    assert {stroke.kind for stroke in teaching._loop.teacher.strokes} == {0, 1, 2}
    # a dock that is closed and opened again finds it as it was; a removed layer ends it
    viewer.window.remove_dock_widget(dock)
    dock.deleteLater()
    qtbot.wait(20)
    again = opened(viewer)
    assert again.live.teaching is teaching
    assert again.labels is labels
    viewer.layers.remove(labels)
    assert LiveTeaching.find(labels) is None
    qtbot.waitUntil(lambda: not Session.of(viewer).jobs)
    assert preview not in viewer.layers
    assert layer in viewer.layers
    severe = [r for r in notification_manager.records[records:] if str(r.severity) == "error"]
    assert severe == []


def test_confirming_places_and_the_blind_check(viewer, qtbot, discs):
    image, truth = discs
    stack = viewer.add_image(np.stack([image, image[::-1]]), name="stack")
    dock = opened(viewer)
    qtbot.waitUntil(lambda: dock.labels is not None)
    labels, live, teaching = dock.labels, dock.live, dock.live.teaching
    viewer.dims.set_point(0, 0)
    labels.brush_size = 5
    for seed in range(2):
        for kind in (True, False):
            brush(labels, 1 + kind, *((0, *p) for p in way(truth, kind, seed + 10 * kind)))
    qtbot.waitUntil(lambda: teaching.shown)
    settled(teaching, qtbot)
    preview = teaching.preview.layer
    assert np.asarray(preview.data[0]).all()
    assert not np.asarray(preview.data[1]).any()  # nobody has looked at it
    viewer.dims.set_point(0, 1)
    qtbot.waitUntil(lambda: np.asarray(preview.data[1]).all())
    viewer.dims.set_point(0, 0)
    # K: brushing over the preview makes it annotation, one undo takes it back
    for key in KEYS:
        assert key in [str(name) for name in labels.keymap]
    before = labels.data.copy()
    press(labels, "K")
    assert teaching.confirm.on
    assert live.confirm.isChecked()
    drag(viewer, labels, [(0, 40, 30), (0, 42, 80), (0, 60, 120)])
    changed = labels.data != before
    assert changed[0].sum() > 300
    assert not changed[1].any()
    np.testing.assert_array_equal(labels.data[changed], preview.data[changed])
    settled(teaching, qtbot)
    confirmed = [stroke for stroke in teaching._loop.teacher.strokes if stroke.confirmed]
    assert sum(len(stroke.pixels) for stroke in confirmed) == changed.sum()
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)
    labels.redo()
    settled(teaching, qtbot)

    def confirmed_now():
        found = np.zeros(labels.data.shape, bool)
        for stroke in teaching._loop.teacher.strokes:
            if stroke.confirmed:
                found[stroke.plane][tuple(stroke.pixels.T)] = True
        return found

    np.testing.assert_array_equal(confirmed_now(), changed)
    press(labels, "Q")  # another tool puts it down
    brush(labels, 0, (0, 41, 40), (0, 41, 60))  # erased, and that is taken back
    settled(teaching, qtbot)
    assert 0 < confirmed_now().sum() < changed.sum()
    labels.undo()
    settled(teaching, qtbot)
    np.testing.assert_array_equal(confirmed_now(), changed)
    teaching.begin()  # anew, as after a crash
    settled(teaching, qtbot)
    np.testing.assert_array_equal(confirmed_now(), changed)
    qtbot.waitUntil(lambda: teaching.shown)
    settled(teaching, qtbot)
    preview = teaching.preview.layer
    assert not teaching.confirm.on
    assert (str(labels.mode), labels.selected_label) == ("paint", 2)
    plain = labels.data.copy()
    drag(viewer, labels, [(0, 100, 30), (0, 100, 40)])  # napari's own brush is back
    assert (labels.data[0, 100, 30:40] == 2).all()
    labels.undo()
    np.testing.assert_array_equal(labels.data, plain)
    live.more.unconfirm.click()
    settled(teaching, qtbot)
    np.testing.assert_array_equal(labels.data, before)
    # S and A are held
    held = press(labels, "S")
    next(held)
    assert not preview.visible
    assert next(held, None) is None
    assert preview.visible
    held = press(labels, "A")
    opacity = labels.opacity
    next(held)
    assert (labels.opacity, str(labels.mode)) == (0, "paint")
    next(held, None)
    assert labels.opacity == opacity or labels.opacity > 0
    # N: places with a reason, one after the other
    press(labels, "N")
    qtbot.waitUntil(lambda: "Place 1 of" in live.place.text())
    place = teaching.tour._places[0]
    centre = [(part.start + part.stop - 1) / 2 for part in place.box]
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], centre[-2:], atol=1)
    assert viewer.dims.point[0] == centre[0]
    assert viewer.layers.selection.active is labels
    frame = viewer.layers["stack place"]
    np.testing.assert_allclose(frame.data[:, 0, 0], place.box[0].start)
    low = frame.data[:, 0, 1:].min(0)
    np.testing.assert_allclose(low, [part.start - 0.5 for part in place.box[1:]])
    # O and D: windows drawn at random, counted with an interval
    live.more.check.click()
    qtbot.waitUntil(lambda: teaching.check._window)
    assert not live.check.isHidden()
    press(labels, "O")
    qtbot.waitUntil(lambda: teaching.check._window)
    press(labels, "D")
    assert live.check.right.text().startswith("Next window")
    settled(teaching, qtbot)
    assert "1 of 2 windows" in live.more.result.text()
    assert "95 % confidence" in live.more.result.text()
    live.check.end.click()
    assert live.check.isHidden()
    assert not frame.visible
    # the working size
    live.more.size.setCurrentIndex(1)
    live.more.size.activated.emit(1)
    settled(teaching, qtbot)
    assert teaching.working_size.now == teaching._loop.teacher.working_size == 2
    # the end: a network in the session, with the names of the window
    names = []
    live.finishing.disconnect(dock._finish)
    live.finishing.connect(names.append)
    live.more.finish.click()
    qtbot.waitUntil(lambda: bool(names))
    kept = Session.of(viewer).networks[names[0]]
    assert [one["name"] for one in kept.network.about["classes"]] == ["background", "object"]
    assert stack in viewer.layers
    # an annotation without unlabelled pixels is refused in words
    dock.meaning.zero.click()
    assert "0 is background" in live.status.text()
