"""Live teaching in a window: strokes, undo, classes, keys, confirming, places, checks, the end."""

from itertools import pairwise
from types import SimpleNamespace

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


@pytest.fixture
def taught(viewer, qtbot, discs):
    """Two strokes in a picture of discs, and the preview that was learned from them."""
    image, truth = discs
    layer = viewer.add_image(image, name="discs")
    dock = opened(viewer)
    qtbot.waitUntil(lambda: dock.labels is not None)
    labels, live, teaching = dock.labels, dock.live, dock.live.teaching
    labels.brush_size = 5
    brush(labels, 2, *way(truth, True, 0))
    brush(labels, 1, *way(truth, False, 1))
    qtbot.waitUntil(lambda: teaching.preview.layer is not None)
    settled(teaching, qtbot)
    return SimpleNamespace(
        viewer=viewer, truth=truth, image=layer, dock=dock, labels=labels, live=live,
        teaching=teaching, preview=teaching.preview.layer,
        told=len(notification_manager.records),
    )  # fmt: skip


@pytest.fixture
def stack(viewer, qtbot, discs):
    """Strokes of both classes in the first plane of two, and the preview of that plane."""
    image, truth = discs
    layer = viewer.add_image(np.stack([image, image[::-1]]), name="stack")
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
    return SimpleNamespace(
        viewer=viewer, image=layer, dock=dock, labels=labels, live=live, teaching=teaching,
        preview=teaching.preview.layer,
    )  # fmt: skip


def test_two_strokes_of_two_classes_make_a_preview(viewer, qtbot, discs):
    image, truth = discs
    viewer.add_image(image, name="discs")
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
    brush(labels, 2, *way(truth, True, 0))
    settled(teaching, qtbot)
    assert teaching.preview.layer is None
    brush(labels, 1, *way(truth, False, 1))
    qtbot.waitUntil(lambda: teaching.preview.layer is not None)
    preview = teaching.preview.layer
    assert viewer.layers.selection.active is labels
    assert [one.name for one in viewer.layers] == ["discs", "discs preview", "discs annotation"]
    assert (str(labels.mode), preview.data.dtype, preview.editable) == ("paint", np.uint8, False)
    assert "preview by Nano" in live.status.text()
    settled(teaching, qtbot)
    objects = np.asarray(preview.data) == 2
    assert (objects & truth).sum() / (objects | truth).sum() > 0.4
    assert live.status.text() == "Settled, waiting for you · preview by Nano"
    qtbot.wait(200)  # longer than the eye rests before it tells of a move
    settled(teaching, qtbot)
    begun = []
    Session.of(viewer).jobs_changed.connect(lambda: begun.append(1))
    qtbot.wait(300)
    assert not Session.of(viewer).jobs, "nothing computes now"
    assert begun == []


def test_a_stroke_wins_at_once_and_so_do_undo_and_redo(taught, qtbot):
    labels, teaching, preview = taught.labels, taught.teaching, taught.preview
    teaching.live = False
    assert taught.live.switch.text().startswith("○")
    wrong = way(taught.truth, True, 5)
    answer = teaching.preview.answer((slice(None), slice(None))).copy()
    inside = (slice(wrong[0][0], wrong[0][0] + 1), slice(wrong[0][1], wrong[1][1]))
    brush(labels, 1, *wrong)
    assert (np.asarray(preview.data)[inside] == 1).all()
    labels.undo()
    np.testing.assert_array_equal(np.asarray(preview.data)[inside], answer[inside])
    labels.redo()
    assert (np.asarray(preview.data)[inside] == 1).all()
    settled(teaching, qtbot)
    known = np.zeros(taught.truth.shape, np.uint8)
    for stroke in teaching._loop.teacher.strokes:
        known[tuple(stroke.pixels.T)] = stroke.kind + 1
    np.testing.assert_array_equal(known, labels.data)
    labels.undo()
    settled(teaching, qtbot)
    assert len(teaching._loop.teacher.strokes) == 2


def test_it_learns_once_although_it_is_off(taught, qtbot):
    teaching = taught.teaching
    teaching.live = False
    settled(teaching, qtbot)
    brush(taught.labels, 1, *way(taught.truth, False, 3))
    settled(teaching, qtbot)
    epoch = teaching.status.epoch
    taught.live.more.once.click()
    settled(teaching, qtbot)
    assert teaching.status.epoch > epoch


def test_learning_goes_back_and_no_stroke_is_lost(taught, qtbot):
    teaching = taught.teaching
    brush(taught.labels, 1, *way(taught.truth, False, 3))
    settled(teaching, qtbot)
    states, strokes = teaching.status.epoch, len(teaching._loop.teacher.strokes)
    taught.live.undo.click()
    settled(teaching, qtbot)
    assert "Back to what was learned" in taught.live.status.text()
    assert teaching.status.epoch == states + 1
    assert len(teaching._loop.teacher.strokes) == strokes


def test_a_class_is_added_painted_removed_and_brought_back_while_it_learns(taught, qtbot):
    dock, labels, teaching = taught.dock, taught.labels, taught.teaching
    dock.classes.add.click()
    assert teaching.preview.layer is taught.preview
    brush(labels, 3, *way(taught.truth, False, 8))
    settled(teaching, qtbot)
    assert teaching._loop.teacher.classes == 3
    assert set(np.unique(taught.preview.data)) == {1, 2, 3}
    dock.classes.rows[2].cross.click()
    settled(teaching, qtbot)
    assert teaching._loop.teacher.classes == 2
    assert {stroke.kind for stroke in teaching._loop.teacher.strokes} == {0, 1}
    dock.classes.back.click()
    settled(teaching, qtbot)
    assert teaching._loop.teacher.classes == len(classes_of(labels)) == 3
    assert {stroke.kind for stroke in teaching._loop.teacher.strokes} == {0, 1, 2}


def test_a_dock_opened_again_finds_it_and_a_removed_layer_ends_it(taught, qtbot):
    viewer, labels = taught.viewer, taught.labels
    viewer.window.remove_dock_widget(taught.dock)
    taught.dock.deleteLater()
    qtbot.wait(20)
    again = opened(viewer)
    assert again.live.teaching is taught.teaching
    assert again.labels is labels
    viewer.layers.remove(labels)
    assert LiveTeaching.find(labels) is None
    qtbot.waitUntil(lambda: not Session.of(viewer).jobs)
    assert taught.preview not in viewer.layers
    assert taught.image in viewer.layers
    records = notification_manager.records[taught.told :]
    assert [record for record in records if str(record.severity) == "error"] == []


def test_a_plane_is_previewed_when_somebody_looks_at_it(stack, qtbot):
    preview = stack.preview
    assert np.asarray(preview.data[0]).all()
    assert not np.asarray(preview.data[1]).any()
    stack.viewer.dims.set_point(0, 1)
    qtbot.waitUntil(lambda: np.asarray(preview.data[1]).all())


def test_what_is_confirmed_is_known_as_such_through_undo_erasing_and_a_new_begin(stack, qtbot):
    labels, live, teaching, preview = stack.labels, stack.live, stack.teaching, stack.preview
    before = labels.data.copy()
    press(labels, "K")
    assert teaching.confirm.on
    assert live.confirm.isChecked()
    drag(stack.viewer, labels, [(0, 40, 30), (0, 42, 80), (0, 60, 120)])
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
        pixels = np.zeros(labels.data.shape, bool)
        for stroke in teaching._loop.teacher.strokes:
            if stroke.confirmed:
                pixels[stroke.plane][tuple(stroke.pixels.T)] = True
        return pixels

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
    live.more.unconfirm.click()
    settled(teaching, qtbot)
    np.testing.assert_array_equal(labels.data, before)


def test_the_brush_of_napari_is_back_after_confirming(stack, qtbot):
    labels, teaching = stack.labels, stack.teaching
    press(labels, "K")
    press(labels, "Q")
    assert not teaching.confirm.on
    assert (str(labels.mode), labels.selected_label) == ("paint", 2)
    plain = labels.data.copy()
    drag(stack.viewer, labels, [(0, 100, 30), (0, 100, 40)])
    assert (labels.data[0, 100, 30:40] == 2).all()
    labels.undo()
    np.testing.assert_array_equal(labels.data, plain)


def test_preview_and_strokes_are_hidden_while_a_key_is_held(stack):
    labels, preview = stack.labels, stack.preview
    for key in KEYS:
        assert key in [str(name) for name in labels.keymap]
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
    assert labels.opacity == opacity


def test_places_to_paint_next_come_one_after_the_other_with_a_reason(stack, qtbot):
    viewer, labels, live, teaching = stack.viewer, stack.labels, stack.live, stack.teaching
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
    press(labels, "O")  # no check is on
    assert live.check.isHidden()
    live.more.check.click()  # it takes the view
    qtbot.waitUntil(lambda: teaching.check._window)
    assert live.place.isHidden()


def test_windows_drawn_at_random_are_counted_with_an_interval(stack, qtbot):
    labels, live, teaching = stack.labels, stack.live, stack.teaching
    live.more.check.click()
    qtbot.waitUntil(lambda: teaching.check._window)
    assert not live.check.isHidden()
    frame = stack.viewer.layers["stack place"]
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


def test_it_works_at_another_size_when_asked_to(stack, qtbot):
    live, teaching = stack.live, stack.teaching
    live.more.size.setCurrentIndex(1)
    live.more.size.activated.emit(1)
    settled(teaching, qtbot)
    assert teaching.working_size.now == teaching._loop.teacher.working_size == 2


def test_the_end_is_a_network_in_the_session_with_the_names_of_the_window(stack, qtbot):
    names = []
    stack.live.finishing.disconnect(stack.dock._finish)
    stack.live.finishing.connect(names.append)
    stack.live.more.finish.click()
    qtbot.waitUntil(lambda: bool(names))
    kept = Session.of(stack.viewer).networks[names[0]]
    assert [one["name"] for one in kept.network.about["classes"]] == ["background", "object"]
    assert stack.image in stack.viewer.layers


def test_an_annotation_without_unlabelled_pixels_is_refused_in_words(viewer, qtbot, discs):
    viewer.add_image(discs[0], name="discs")
    dock = opened(viewer)
    qtbot.waitUntil(lambda: dock.labels is not None)
    dock.meaning.zero.click()
    assert "0 is background" in dock.live.status.text()


def test_teaching_of_an_image_that_is_not_annotated_rests(taught, qtbot):
    """Another image is chosen while the first one is learned from: that rests at once."""
    first = taught.teaching
    brush(taught.labels, 1, *way(taught.truth, False, 2))
    qtbot.waitUntil(lambda: first.busy)
    second = taught.viewer.add_image(taught.image.data[::-1].copy(), name="other")
    images = taught.dock.choice.images
    images.setValue(second)
    images.activated.emit(images.currentIndex())  # picked by hand: its annotation layer is made
    qtbot.waitUntil(lambda: taught.live.teaching not in (first, None))
    assert first.resting
    settled(taught.live.teaching, qtbot)
    images.setValue(taught.image)
    qtbot.waitUntil(lambda: taught.live.teaching is first)
    assert not first.resting
    settled(first, qtbot)
