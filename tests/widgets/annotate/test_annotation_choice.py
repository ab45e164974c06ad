"""Which image is annotated in which layer, while layers come and go."""

import dask.array as da
import numpy as np
import pytest
from napari.layers import Labels

from napari_unet.widgets.layers.label_classes import code_of

pytestmark = pytest.mark.usefixtures("bare_thread", "not_live")


def test_layers_come_and_go(opened, closed, errors, viewer, qtbot, monkeypatch):
    monkeypatch.setattr("napari_unet.widgets.annotate.undo_follower.REST", 10)
    real = viewer.__wrapped__
    image = real.add_image(np.zeros((3, 40, 50), np.uint8), name="stack")
    other = real.add_image(np.zeros((20, 20, 3), np.uint8), rgb=True, name="colour")
    dock = opened()
    colour = dock.labels
    assert (dock.image, colour.data.shape) == (other, (20, 20))
    dock.choice.images.setCurrentIndex(dock.choice.images.choices().index(image))
    dock.choice.images.activated.emit(0)
    labels = dock.labels
    assert labels.data.shape == (3, 40, 50)
    real.layers.move(0, 3)
    labels.name = "renamed"
    image.name = "other name"
    qtbot.wait(10)
    assert (dock.image, dock.labels) == (image, labels)
    assert dock.choice.layers.currentText() == "renamed"
    real.layers.remove(labels)
    qtbot.wait(10)
    assert dock.labels is None
    assert not labels.keymap  # its keys went with it
    assert "has no annotation layer: press New" in dock.choice.notice.text()
    assert len([layer for layer in real.layers if isinstance(layer, Labels)]) == 1
    dock.choice.new.menu().actions()[1].trigger()
    objects = dock.labels
    assert (objects.dtype, code_of(objects).ids) == (np.uint16, "objects")
    image.data = np.zeros((3, 30, 50), np.uint8)
    assert dock.labels is None
    assert "3 × 40 × 50 and the labels of" in dock.choice.notice.text()
    assert objects in real.layers
    real.layers.remove(image)
    qtbot.wait(10)
    assert (dock.image, dock.labels) == (other, colour)
    lazy = real.add_labels(da.ones((20, 20), dtype=np.int64, chunks=10), name="lazy")
    dock.choice.layers.setValue(lazy)
    assert dock.labels is None
    assert "computed as it is shown" in dock.choice.notice.text()
    dock.choice.copy.click()
    qtbot.waitUntil(lambda: dock.labels is not None)
    assert (dock.labels.dtype, int(dock.labels.data.sum())) == (np.uint8, 400)
    dock.meaning.zero.click()
    assert code_of(dock.labels).zero == "background"
    assert "all 400 px are labelled" in dock.classes.summary.text()
    real.layers.clear()
    qtbot.wait(10)
    assert (dock.image, dock.labels) == (None, None)
    assert dock.classes.isHidden()
    assert errors() == []
    closed(dock)
