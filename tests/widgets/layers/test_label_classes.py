"""A dock opens at once, and its annotation layer comes when napari can colour it."""

import threading

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_unet.core.annotation.label_codes import LabelClass, LabelCode
from napari_unet.widgets.annotate.dock import AnnotateDock
from napari_unet.widgets.layers import label_classes
from napari_unet.widgets.layers.annotation_layers import snapshot
from napari_unet.widgets.layers.label_classes import (
    classes_of,
    code_of,
    new_class,
    set_classes,
    set_code,
    value_of,
)


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


def image(shape, **more):
    return Image(np.zeros(shape, np.uint8), name="cells", **more)


def test_classes_have_colours_and_names_in_the_status_bar():
    layer = Labels(np.zeros((8, 8), np.uint8))
    classes = (new_class(0), new_class(1, "cell"), LabelClass("rim", "#ff0000"))
    set_classes(layer, classes)
    assert classes_of(layer) == classes
    assert list(layer.features["name"]) == ["unlabelled", "background", "cell", "rim"]
    assert value_of(layer, 2) == 3
    np.testing.assert_allclose(layer.get_color(3), (1, 0, 0, 1))
    assert layer.get_color(0) is None or layer.get_color(0)[3] == 0
    layer.data[4, 4] = 3
    assert "rim" in str(layer.get_status((4, 4), world=True))
    with pytest.raises(ValueError, match="two classes are called 'a'"):
        set_classes(layer, [LabelClass("a", "#000000")] * 2)
    with pytest.raises(ValueError, match="not 0"):
        set_classes(layer, classes[:1])


def test_a_layer_made_elsewhere_is_understood_by_its_switches():
    layer = Labels(np.array([[0, 1], [2, 7]], np.int32))
    set_code(layer, LabelCode("background", "objects"))
    assert code_of(layer) == LabelCode("background", "objects")
    taken = snapshot(image((2, 2)), layer).annotation()
    np.testing.assert_array_equal(taken.objects, [[0, 1], [2, 7]])
    np.testing.assert_array_equal(taken.classes, [[0, 1], [1, 1]])
    assert len({tuple(layer.get_color(value)) for value in (1, 2, 7)}) == 3
    np.testing.assert_array_equal(layer.data, [[0, 1], [2, 7]])
