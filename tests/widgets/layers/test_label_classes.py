"""A dock opens at once, and its annotation layer comes when napari can colour it."""

import threading

import numpy as np

from napari_unet.widgets.annotate.dock import AnnotateDock
from napari_unet.widgets.layers import label_classes


def test_the_annotation_layer_waits_for_the_colours_and_the_dock_does_not(
    make_napari_viewer_proxy, qtbot, monkeypatch
):
    viewer, ready = make_napari_viewer_proxy(), threading.Event()
    monkeypatch.setattr(label_classes, "prepare", ready.wait)
    monkeypatch.setattr(label_classes, "_makers", [])
    viewer.add_image(np.zeros((40, 50), np.uint8), name="cells")
    dock = AnnotateDock(viewer)
    qtbot.addWidget(dock)
    qtbot.wait(100)
    assert [layer.name for layer in viewer.layers] == ["cells"]
    ready.set()
    qtbot.waitUntil(lambda: dock.labels is not None)
    assert [layer.name for layer in viewer.layers] == ["cells", "cells annotation"]


def test_one_preparation_is_enough(monkeypatch):
    begun, ready = [], threading.Event()
    monkeypatch.setattr(label_classes, "prepare", lambda: begun.append(1) or ready.wait())
    monkeypatch.setattr(label_classes, "_makers", [])
    assert not label_classes.prepared()
    label_classes.begin_to_prepare()
    label_classes.begin_to_prepare()
    assert not label_classes.prepared()
    ready.set()
    label_classes._makers[0].join()
    assert label_classes.prepared()
    assert begun == [1]
