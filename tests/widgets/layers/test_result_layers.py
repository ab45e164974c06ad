"""Layers of results are used again, and what somebody painted is kept."""

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)

from napari_unet.widgets.layers import layers
from napari_unet.widgets.layers.annotation_layers import images_of
from napari_unet.widgets.layers.result_layers import ResultLayers


def stroke(layer, mouse_event, points):
    def event(kind, place, dragging):
        return ReadOnlyWrapper(
            mouse_event(
                type=kind, is_dragging=dragging, position=place, view_direction=None,
                dims_displayed=(0, 1), dims_point=(0, 0), button=1,
            )
        )  # fmt: skip

    mouse_press_callbacks(layer, event("mouse_press", points[0], False))
    for point in points[1:]:
        mouse_move_callbacks(layer, event("mouse_move", point, True))
    mouse_release_callbacks(layer, event("mouse_release", points[-1], False))


def test_results_are_used_again_and_what_somebody_painted_is_kept(MouseEvent):  # noqa: N803
    viewer = ViewerModel()
    of = viewer.add_image(np.zeros((60, 60)), name="cells")
    results = ResultLayers(viewer)

    def show(value, shape=(60, 60)):
        data = np.full(shape, value, np.uint8)
        return results.show(Labels, of, "segmented", data, layers.like(of))

    first = show(1)
    assert first.name == "cells segmented"
    first.opacity = 0.3
    assert show(2) is first
    assert (first.data.max(), first.opacity) == (2, 0.3)
    first.mode = "paint"
    stroke(first, MouseEvent, [(5, 5), (9, 9)])
    kept = first.data.copy()
    assert results.touched(first)
    second = show(3)
    assert second is not first
    np.testing.assert_array_equal(first.data, kept)
    second.data = np.zeros((60, 60), np.uint8)  # by another plugin
    third = show(4)
    assert third is not second
    viewer.layers.remove(third)
    fourth = show(5)
    assert fourth in viewer.layers
    assert results.find(of, "segmented") is fourth
    assert len(images_of(viewer)) == 1


def test_a_layer_of_the_same_name_is_never_ours():
    viewer = ViewerModel()
    of = viewer.add_image(np.zeros((6, 6)), name="cells")
    theirs = viewer.add_labels(np.full((6, 6), 9, np.uint8), name="cells segmented")
    made = ResultLayers(viewer).show(
        Labels, of, "segmented", np.ones((6, 6), np.uint8), layers.like(of)
    )
    assert made is not theirs
    assert theirs.data.min() == 9


def test_a_hundred_previews_make_one_layer():
    viewer = ViewerModel()
    of = viewer.add_image(np.zeros((60, 60)), name="cells")
    results = ResultLayers(viewer)
    for number in range(100):
        data = np.full((10 + number % 3, 12), number, np.float32)
        look = {"colormap": "magma", "contrast_limits": (0, 10)}
        layer = results.show(Image, of, "weights", data, {"translate": (number, 0)}, **look)
    assert len(viewer.layers) == 2
    assert layer.data.max() == 99
    assert tuple(layer.translate) == (99, 0)
    assert tuple(layer.contrast_limits) == (0, 10)
