"""After a kill the next window offers to restore what was painted, and does."""

import os
import subprocess
import sys

import numpy as np
import pytest

from napari_unet.widgets.annotate.undo_follower import UndoFollower
from napari_unet.widgets.recovery.autosave import Autosave
from napari_unet.widgets.recovery.restore_bar import RestoreBar
from napari_unet.widgets.shared.dock import Dock
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.journal_replay import replay

pytestmark = pytest.mark.usefixtures("bare_thread")

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
    assert "strokes in 'cells annotation'" in offer.message.text()
    assert len(viewer.layers) == 1  # offered, not done
    offer.restore.click()
    assert offer.isHidden()
    layer = viewer.layers["cells annotation"]
    np.testing.assert_array_equal(layer.data, expected)
    session = Session.of(viewer)
    assert session.pairs.annotation_of(image) is layer
    autosave = Autosave.of(session)
    autosave.flush()
    (kept,) = replay(autosave._journal.path).annotations.values()  # it is kept again
    np.testing.assert_array_equal(kept.labels, expected)
    np.testing.assert_array_equal(kept.confirmed.whole(), confirmed)
    found = UndoFollower.of(layer, session).confirming.pixels
    np.testing.assert_array_equal(found.whole(), confirmed)
    autosave.close()
