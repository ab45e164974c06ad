"""LayerChoice: the layer stays chosen whatever happens to it and to others."""

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_unet.widgets.shared.dock import Dock
from napari_unet.widgets.shared.layer_choice import LayerChoice


def pixels():
    return np.zeros((8, 8), np.uint8)


def test_the_layer_stays_through_every_change(qtbot):
    viewer = ViewerModel()
    first = viewer.add_image(pixels(), name="first")
    viewer.add_labels(pixels())
    choice = LayerChoice(viewer, (Image,), "Image")
    qtbot.addWidget(choice)
    told = []
    choice.changed.connect(told.append)
    assert choice.value() is first
    second = viewer.add_image(pixels(), name="second")
    choice.reset_choices()
    assert choice.choices() == [second, first]
    assert choice.value() is first
    first.name = "renamed"
    viewer.layers.move(0, 3)
    choice.reset_choices()
    assert choice.value() is first
    assert choice.currentText() == "renamed"
    assert told == []
    viewer.layers.remove(first)
    choice.reset_choices()
    assert told == [second]
    viewer.layers.clear()
    choice.reset_choices()
    assert told == [second, None]
    assert choice.value() is None


def test_twins_by_name_are_told_apart_and_none_is_a_choice(qtbot):
    viewer = ViewerModel()
    layers = [viewer.add_labels(pixels()) for _ in range(2)]
    choice = LayerChoice(viewer, (Labels,), "Truth", optional="none")
    qtbot.addWidget(choice)
    assert choice.value() is None
    choice.setValue(layers[0])
    assert choice.value() is layers[0]
    choice.setValue(None)
    assert choice.value() is None
    choice.setValue(Labels(pixels()))  # not in the viewer
    assert choice.value() is None


def test_only_what_fits(qtbot):
    viewer = ViewerModel()
    viewer.add_image(np.zeros((3, 8, 8)))
    flat = viewer.add_image(pixels())
    choice = LayerChoice(viewer, (Image,), "Image", fits=lambda layer: layer.ndim == 2)
    qtbot.addWidget(choice)
    assert choice.choices() == [flat]


def test_a_docked_frame_follows_and_leaks_nothing(make_napari_viewer_proxy, qtbot, monkeypatch):
    monkeypatch.setattr("napari_unet.widgets.shared.job.warm_up", lambda threads: None)
    viewer = make_napari_viewer_proxy()
    frame = Dock(viewer)
    choice = LayerChoice(viewer, (Image,), "Image")
    frame.body.addWidget(choice)
    dock = viewer.window.add_dock_widget(frame, name="frame")
    image = viewer.add_image(pixels(), name="cells")
    assert choice.value().name == "cells"
    image.name = "other"
    assert choice.currentText() == "other"
    viewer.layers.clear()
    assert choice.value() is None
    viewer.window.remove_dock_widget(dock)
    frame.deleteLater()
    qtbot.wait(20)
