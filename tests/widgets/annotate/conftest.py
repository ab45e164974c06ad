"""The Annotate dock in a window, and an annotation layer without one."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager

from napari_unet.widgets.annotate.dock import AnnotateDock
from napari_unet.widgets.annotate.undo_follower import UndoFollower
from napari_unet.widgets.layers.annotation_layers import new_annotation_layer
from napari_unet.widgets.shared.session import Session


@pytest.fixture
def not_live(monkeypatch):
    """No network learns while somebody paints: tests/widgets/live is about that."""
    monkeypatch.setattr("napari_unet.widgets.live.live_teaching.LIVE", False)


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


@pytest.fixture
def opened(viewer, qtbot):
    """Return a function that opens the dock."""

    def open_dock():
        dock = AnnotateDock(viewer)
        viewer.window.add_dock_widget(dock, name="Annotate")
        qtbot.wait(10)
        return dock

    return open_dock


@pytest.fixture
def closed(viewer, qtbot):
    """Return a function that closes a dock."""

    def close(dock):
        viewer.window.remove_dock_widget(dock)
        dock.deleteLater()
        qtbot.wait(20)

    return close


@pytest.fixture
def errors():
    """Return a function that tells the errors and warnings shown since the test began."""
    count = len(notification_manager.records)

    def shown():
        levels = [str(record.severity) for record in notification_manager.records[count:]]
        return [level for level in levels if level in ("error", "warning")]

    return shown


@pytest.fixture
def annotation(qapp):
    """Return a function that makes a viewer, an annotation layer and who follows its edits."""

    def made(data=None, shape=(20, 24)):
        viewer = ViewerModel()
        image = viewer.add_image(np.zeros(shape, np.uint8), name="cells")
        labels = new_annotation_layer(viewer, image, data=data)
        return viewer, labels, UndoFollower.of(labels, Session.of(viewer))

    return made


@pytest.fixture
def true_counts():
    """Return a function that counts the values of a layer."""

    def counts(labels):
        values, found = np.unique(np.asarray(labels.data[...]), return_counts=True)
        return dict(zip(values.tolist(), found.tolist(), strict=True))

    return counts
