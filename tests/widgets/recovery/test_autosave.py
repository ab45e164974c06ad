"""Strokes of a window that is killed come back; projects go round through napari."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from napari.utils.notifications import notification_manager

from napari_unet.core.annotation.label_codes import LabelClass
from napari_unet.widgets.annotate.undo_follower import UndoFollower
from napari_unet.widgets.layers.annotation_layers import new_annotation_layer
from napari_unet.widgets.layers.label_classes import classes_of
from napari_unet.widgets.menu_commands import new_annotation
from napari_unet.widgets.projects import open_project, save_project
from napari_unet.widgets.recovery.autosave import Autosave
from napari_unet.widgets.recovery.restore_bar import RestoreBar
from napari_unet.widgets.shared.dock import Dock
from napari_unet.widgets.shared.job import dispatch
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.journal_replay import replay

CRASHING = """
import os, signal, sys, time
import numpy as np
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication
app = QApplication([])
from napari_unet.widgets.annotate.undo_follower import UndoFollower
from napari_unet.widgets.menu_commands import new_annotation
from napari_unet.widgets.recovery.autosave import Autosave
from napari_unet.widgets.shared.session import Session
viewer = ViewerModel()
viewer.add_image(np.arange(4800.0).reshape(60, 80), name="cells")
new_annotation(viewer)
layer = viewer.layers["cells annotation"]
layer.paint((20, 30), 2)
layer.paint((40, 50), 1)
layer.undo()
layer.fill((0, 0), 3)
layer.undo()
layer.paint((45, 20), 1)
edits = UndoFollower.of(layer, Session.of(viewer))
for row in (5, 30):  # confirmed twice; the first is taken back and redone
    with edits.confirming.on(), layer.block_history():
        layer.data_setitem((np.arange(row, row + 12), np.arange(60, 72)), 2)
layer.undo()
layer.undo()
layer.redo()
layer.paint((5, 60), 1)  # over one that is confirmed
np.save(sys.argv[1], [layer.data, edits.confirming.pixels.whole()])
journal = Autosave.of(Session.of(viewer))._journal
while journal._waiting:  # by itself, without an event of the window
    time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def bare_thread(monkeypatch):
    monkeypatch.setattr("napari_unet.widgets.shared.job.warm_up", lambda threads: None)
    yield
    assert dispatch().compute.shut_down(60.0)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_after_a_kill_the_next_window_offers_to_restore_and_does(make_napari_viewer, tmp_path):
    painted = tmp_path / "painted.npy"
    done = subprocess.run([sys.executable, "-c", CRASHING, str(painted)], env=os.environ)
    assert done.returncode < 0
    expected, confirmed = np.load(painted)
    assert 0 < confirmed.sum() < 12
    assert set(np.unique(expected)) == {0, 1, 2}
    viewer = make_napari_viewer()
    image = viewer.add_image(np.arange(4800.0).reshape(60, 80), name="renamed")
    dock = Dock(viewer)
    viewer.window.add_dock_widget(dock)
    offer = dock.findChild(RestoreBar)
    assert not offer.isHidden()
    assert "strokes in 'cells annotation'" in offer.said.text()
    assert len(viewer.layers) == 1  # offered, not done
    offer.restore.click()
    assert offer.isHidden()
    layer = viewer.layers["cells annotation"]
    np.testing.assert_array_equal(layer.data, expected)
    session = Session.of(viewer)
    assert session.pairs.annotation_of(image) is layer
    keeper = Autosave.of(session)
    keeper.flush()
    (kept,) = replay(keeper._journal.path).annotations.values()  # it is kept again
    np.testing.assert_array_equal(kept.labels, expected)
    np.testing.assert_array_equal(kept.confirmed.whole(), confirmed)
    found = UndoFollower.of(layer, session).confirming.pixels
    np.testing.assert_array_equal(found.whole(), confirmed)
    keeper.close()


def test_what_is_painted_erased_and_undone_is_in_the_journal(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    viewer.add_image(np.zeros((50, 60)), name="cells")
    new_annotation(viewer)
    layer, keeper = viewer.layers["cells annotation"], Autosave.of(Session.of(viewer))

    def kept():
        assert keeper.flush()
        (one,) = replay(keeper._journal.path).annotations.values()
        return one

    layer.paint((10, 10), 2)
    layer.paint((12, 12), 0)
    np.testing.assert_array_equal(kept().labels, layer.data)
    layer.undo()
    assert layer.data.any()
    np.testing.assert_array_equal(kept().labels, layer.data)
    layer.redo()
    np.testing.assert_array_equal(kept().labels, layer.data)
    layer.data = np.full((50, 60), 3, np.uint8)
    np.testing.assert_array_equal(kept().labels, layer.data)
    layer.name = "other name"
    assert kept().facts["layer"] == "other name"
    path = keeper._journal.path
    path.rename(path.with_suffix(".away"))
    before = len(notification_manager.records)
    layer.paint((30, 30), 1)
    assert not keeper.flush()
    keeper._look()
    assert "Strokes are not being kept" in str(notification_manager.records[before].message)
    path.with_suffix(".away").rename(path)
    np.testing.assert_array_equal(kept().labels, layer.data)
    keeper.close()
    assert replay(path).ended


def test_a_project_goes_round(make_napari_viewer, tmp_path):
    viewer = make_napari_viewer()
    session = Session.of(viewer)
    with pytest.raises(ValueError, match="no annotation to save"):
        save_project(viewer, tmp_path / "work")
    rng = np.random.default_rng(0)
    flat = viewer.add_image(
        rng.integers(0, 255, (50, 60)).astype(np.uint8), name="cells", scale=(0.5, 0.25),
        units=("micrometer", "micrometer"),
    )  # fmt: skip
    colour = viewer.add_image(
        rng.integers(0, 255, (40, 30, 3)).astype(np.uint8), name="tissue", rgb=True,
        units=("micrometer", "micrometer"),
    )  # fmt: skip
    classes = (LabelClass("glass", "#101010"), LabelClass("nucleus", "#ff8800"))
    one = new_annotation_layer(viewer, flat, classes=classes)
    two = new_annotation_layer(viewer, colour)
    session.pairs.set_role(colour, "validate")
    one.paint((10, 10), 2)
    two.paint((20, 5), 1)
    with UndoFollower.of(two, session).confirming.on():
        two.data_setitem((np.array([1, 2]), np.array([3, 4])), 2)
    viewer.layers.selection.active = one
    written = viewer.layers.save(str(tmp_path / "work.unet"), plugin="napari-unet")
    assert len(written) == 3
    saved = tifffile.imread(tmp_path / "work.unet" / "confirmed" / "tissue annotation.tif")
    assert np.argwhere(saved == 1).tolist() == [[1, 3], [2, 4]]
    one.paint((30, 30), 1)  # after the saving
    with UndoFollower.of(one, session).confirming.on():
        one.data_setitem((np.array([45]), np.array([7])), 1)
    Autosave.of(session).flush()
    expected = [one.data.copy(), two.data.copy()]
    viewer.layers.clear()
    Autosave.of(session).close()
    again = make_napari_viewer()
    again.open(tmp_path / "work.unet", plugin="napari-unet")
    assert [layer.name for layer in again.layers] == [
        "cells", "tissue", "cells annotation", "tissue annotation",
    ]  # fmt: skip
    np.testing.assert_array_equal(again.layers["cells"].data, flat.data)
    np.testing.assert_array_equal(again.layers["tissue"].data, colour.data)
    assert again.layers["tissue"].rgb
    np.testing.assert_allclose(again.layers["cells"].scale, (0.5, 0.25))
    for layer, data in zip(again.layers[2:], expected, strict=True):
        np.testing.assert_array_equal(layer.data, data)
    assert classes_of(again.layers["cells annotation"]) == classes
    places = [
        np.argwhere(UndoFollower.of(layer, Session.of(again)).confirming.pixels.whole()).tolist()
        for layer in again.layers[2:]
    ]
    assert places == [[[45, 7]], [[1, 3], [2, 4]]]
    pairs = Session.of(again).pairs
    assert pairs.role_of(again.layers["tissue"]) == "validate"
    assert pairs.annotation_of(again.layers["cells"]) is again.layers["cells annotation"]
    (tmp_path / "other.unet").mkdir()
    with pytest.raises(FileExistsError):
        save_project(again, tmp_path / "other")
    again.layers["cells annotation"].paint((5, 50), 2)
    save_project(again, tmp_path / "work.unet")
    Autosave.of(Session.of(again)).close()
    third = make_napari_viewer()
    open_project(third, tmp_path / "work.unet")
    np.testing.assert_array_equal(
        third.layers["cells annotation"].data, again.layers["cells annotation"].data
    )
    found = UndoFollower.of(third.layers["cells annotation"], Session.of(third)).confirming.pixels
    assert np.argwhere(found.whole()).tolist() == [[45, 7]]
    Autosave.of(Session.of(third)).close()
