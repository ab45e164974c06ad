"""Strokes of a window that is killed come back; projects go round through napari."""

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_unet.widgets.menu_commands import new_annotation
from napari_unet.widgets.recovery.autosave import Autosave
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.journal_replay import replay

pytestmark = pytest.mark.usefixtures("bare_thread")


def test_what_is_painted_erased_and_undone_is_in_the_journal(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    viewer.add_image(np.zeros((50, 60)), name="cells")
    new_annotation(viewer)
    layer, autosave = viewer.layers["cells annotation"], Autosave.of(Session.of(viewer))

    def kept():
        assert autosave.flush()
        (one,) = replay(autosave._journal.path).annotations.values()
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
    path = autosave._journal.path
    path.rename(path.with_suffix(".away"))
    before = len(notification_manager.records)
    layer.paint((30, 30), 1)
    assert not autosave.flush()
    autosave._report_problem()
    assert "Strokes are not being kept" in str(notification_manager.records[before].message)
    path.with_suffix(".away").rename(path)
    np.testing.assert_array_equal(kept().labels, layer.data)
    autosave.close()
    assert replay(path).ended
