"""What was taught on one image is there for the next one, and in the project another day."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_unet.core.network.unet import UNet
from napari_unet.widgets import projects
from napari_unet.widgets.layers.annotation_layers import DEFAULT_CLASSES, new_annotation_layer
from napari_unet.widgets.live.live_teaching import LiveTeaching
from napari_unet.widgets.live.taught_networks import NAME, LastTaught
from napari_unet.widgets.networks import KeptNetwork
from napari_unet.widgets.shared.job import dispatch
from napari_unet.widgets.shared.session import Session

WAIT = 60_000  # ms; a busy machine
DISC = (slice(20, 26), slice(20, 40))  # where each annotation has its strokes
REST = (slice(20, 26), slice(140, 160))


@pytest.fixture(autouse=True)
def one_thread(small_tiles, qapp):
    yield
    assert dispatch().compute.shut_down(10.0)


def scene(shift=0):
    """Return a bright square on a dark ground; the square covers DISC and not REST."""
    image = np.random.default_rng(shift).normal(60, 8, (120, 180))
    image[10:60, 10:70] += 90
    return np.clip(np.roll(image, shift, 0), 0, 255).astype(np.uint8)


def entered(viewer, image, name, classes=DEFAULT_CLASSES):
    session = Session.of(viewer)
    layer = viewer.add_image(image, name=name)
    labels = new_annotation_layer(viewer, layer, classes=classes)
    return session, labels, LiveTeaching.of(session, layer, labels)


def painted(labels):
    for value, place in ((2, DISC), (1, REST)):
        labels.data_setitem(np.nonzero(_within(labels.data.shape, place)), value)


def _within(shape, place):
    found = np.zeros(shape, bool)
    found[place] = True
    return found


def settled(teaching, qtbot):
    qtbot.waitUntil(lambda: not teaching.busy, timeout=WAIT)


def test_the_next_image_begins_with_what_was_taught_on_the_last(qtbot):
    viewer = ViewerModel()
    session, labels, teaching = entered(viewer, scene(), "first")
    painted(labels)
    qtbot.waitUntil(lambda: teaching.shown, timeout=WAIT)
    settled(teaching, qtbot)
    strokes = len(teaching._loop.teacher.strokes)
    _, other, next_teaching = entered(viewer, scene(30), "second")
    settled(next_teaching, qtbot)
    assert next_teaching.shown
    assert not other.data.any()
    assert f"what was learned from {strokes} stroke" in next_teaching.status.message
    image = scene(30)
    codes = next_teaching._loop.teacher.predict((slice(0, 120), slice(0, 180)))[0] + 1
    right = np.mean((codes == 2) == (np.roll(_within(image.shape, np.s_[10:60, 10:70]), 30, 0)))
    assert right > 0.8
    # starting over is a choice, and sticks
    next_teaching.from_last.start_over()
    settled(next_teaching, qtbot)
    assert not next_teaching.shown
    # other classes, or other channels, are another matter
    three = [*DEFAULT_CLASSES, DEFAULT_CLASSES[1].__class__("third", "#123456")]
    _, _, apart = entered(viewer, scene(), "third", three)
    settled(apart, qtbot)
    assert not apart.shown
    names = tuple(entry.name for entry in DEFAULT_CLASSES)
    assert LastTaught.of(session).fitting(1, names) is not None
    assert LastTaught.of(session).fitting(2, names) is None


def test_a_project_keeps_it_for_another_day(qtbot, tmp_path):
    viewer = ViewerModel()
    session, labels, teaching = entered(viewer, scene(), "first")
    painted(labels)
    qtbot.waitUntil(lambda: teaching.shown, timeout=WAIT)
    settled(teaching, qtbot)
    for _ in range(2):  # saved again, the file is replaced only by what was taught since
        projects.save_project(viewer, tmp_path / "work.unet")
        qtbot.waitUntil(lambda: not session.jobs, timeout=WAIT)
    file = tmp_path / "work.unet" / "networks" / f"{NAME}.safetensors"
    made = file.stat().st_mtime_ns
    projects.save_project(viewer, tmp_path / "work.unet")
    qtbot.waitUntil(lambda: not session.jobs, timeout=WAIT)
    assert file.stat().st_mtime_ns == made
    later = ViewerModel()
    projects.open_project(later, tmp_path / "work.unet")
    again = Session.of(later)
    qtbot.waitUntil(lambda: NAME in again.networks, timeout=WAIT)
    _, empty, next_teaching = entered(later, scene(30), "second")
    settled(next_teaching, qtbot)
    assert next_teaching.shown
    assert not empty.data.any()


def test_networks_that_were_not_taught_live_are_not_taken(qtbot):
    viewer = ViewerModel()
    Session.of(viewer).networks.add(KeptNetwork("other", UNet(1, 2, base=12, depth=2)))
    _, _, teaching = entered(viewer, scene(), "first")
    settled(teaching, qtbot)
    assert not teaching.shown
