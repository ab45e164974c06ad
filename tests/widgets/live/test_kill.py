"""A window that is killed while it learns: the next one restores the strokes and learns on."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from napari_unet.widgets.annotate.dock import AnnotateDock
from napari_unet.widgets.recovery.restore_bar import RestoreBar
from napari_unet.widgets.shared.job import dispatch
from napari_unet.widgets.shared.session import Session

KILLED = """
import os, signal, sys, time
import napari, numpy as np
from napari_unet.widgets.recovery.autosave import Autosave
from qtpy.QtWidgets import QApplication
viewer = napari.Viewer()
viewer.open(sys.argv[1], plugin="napari")
dock = viewer.window.add_plugin_dock_widget("napari-unet", "Annotate")[1]
app = QApplication.instance()
def go(seconds):
    end = time.time() + seconds
    while time.time() < end:
        app.processEvents()
        time.sleep(0.01)
while dock.labels is None:
    go(0.1)
labels = dock.labels
labels.brush_size = 5
for place, value in (((30, 40), 2), ((60, 90), 1), ((90, 30), 2)):
    labels.paint(place, value)
    go(0.1)
labels.undo()
np.save(sys.argv[2], labels.data)
journal = Autosave.of(dock.session)._journal
while journal._waiting:  # for half a second, and for the disk
    go(0.1)
labels.paint((120, 120), 1)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_window_loses_the_last_moment_at_most(
    make_napari_viewer, qtbot, discs, small_tiles, tmp_path
):
    image, _ = discs
    path, painted = tmp_path / "discs.tif", tmp_path / "painted.npy"
    tifffile.imwrite(path, image)
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), str(painted)], env=os.environ)
    assert done.returncode < 0
    expected = np.load(painted)
    assert set(np.unique(expected)) == {0, 1, 2}
    viewer = make_napari_viewer()
    viewer.open(path, plugin="napari")
    dock = AnnotateDock(viewer)
    viewer.window.add_dock_widget(dock)
    qtbot.waitUntil(lambda: dock.labels is not None)
    offer = dock.findChild(RestoreBar)
    assert not offer.isHidden()
    assert "strokes in 'discs annotation'" in offer.message.text()
    offer.restore.click()
    labels = dock.labels
    lost = labels.data != expected
    assert not lost[:110].any()  # the stroke of the last moment may be there or not
    teaching = dock.live.teaching
    assert teaching.labels is labels
    qtbot.waitUntil(lambda: teaching.preview.layer is not None)
    # closed while it learns: it stops within a step, and no thread is left
    labels.paint((20, 150), 2)
    assert teaching.busy
    assert Session.of(viewer).close()
    assert dispatch().compute.shut_down(60.0)
    assert not dispatch().compute.alive
