"""Strokes of a real mouse, on every kind of image the Annotate dock takes."""

import dask.array as da
import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_unet.widgets.annotate.dock import AnnotateDock
from napari_unet.widgets.layers.layers import NOTES

EDGES = (160, 200)
NOISE = np.random.default_rng(0).integers(0, 255, (3, *EDGES), np.uint8)
KINDS = {  # data, arguments of the layer, the shape of its annotation, where to paint in it
    "plain": (NOISE[0], {"scale": (0.5, 0.5), "translate": (7, -3)}, EDGES, ()),
    "colours": (np.moveaxis(NOISE, 0, -1), {"rgb": True}, EDGES, ()),
    "pyramid": ([NOISE[0], NOISE[0, ::2, ::2]], {"multiscale": True, "scale": (2, 2)}, EDGES, ()),
    "channels": (NOISE, {"metadata": {NOTES: {"axes": "CYX"}}}, EDGES, ()),
    "stack": (NOISE, {"scale": (3, 1, 1)}, (3, *EDGES), (1,)),
    "series": (NOISE[:, None], {"axis_labels": tuple("tzyx")}, (3, 1, *EDGES), (1, 0)),
    "inner channel": (NOISE[:, None], {"axis_labels": tuple("zcyx")}, (3, 1, *EDGES), (1, 0)),
    "lazy": (da.from_array(NOISE, chunks=(1, 80, 80)), {}, (3, *EDGES), (1,)),
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_teaching(monkeypatch):
    monkeypatch.setattr("napari_unet.widgets.live.live_teaching.LIVE", False)  # tested elsewhere


def plain(text):
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def test_strokes_land_on_every_kind_of_image(hand, qtbot):
    viewer = hand.viewer
    dock = AnnotateDock(viewer)
    viewer.window.add_dock_widget(dock, name="Annotate")
    for kind, (data, look, shape, plane) in KINDS.items():
        image = viewer.add_image(data, name=kind, **look)
        dock.choice.images.setValue(image)
        dock.choice.begin()
        qtbot.waitUntil(lambda image=image: dock.image is image and dock.labels is not None)
        labels = dock.labels
        assert (type(labels.data), labels.data.shape) == (np.ndarray, shape), kind
        near = {"err_msg": kind, "atol": 1e-9}
        np.testing.assert_allclose(*(one.extent.world[:, -2:] for one in (labels, image)), **near)
        for axis in range(len(plane)):
            middle = labels.data_to_world((*plane, 0, 0))[axis]
            viewer.dims.set_point(viewer.dims.ndim - labels.ndim + axis, middle)
        viewer.fit_to_view()
        qtbot.wait(30)
        labels.brush_size = 5
        at = [(*plane, 40, 60), (*plane, 40, 120)]
        hand.drag(labels, at)
        painted = np.argwhere(np.asarray(labels.data) == 2)
        assert len(painted), f"nothing was painted on {kind}"
        assert set(map(tuple, painted[:, :-2])) == {plane}, kind
        low, high = painted[:, -2:].min(axis=0), painted[:, -2:].max(axis=0)
        np.testing.assert_allclose((*low, *high), (38, 58, 42, 122), atol=2, err_msg=kind)
        number, whole = len(painted), int(np.prod(shape))
        # what is counted is shown a moment later
        qtbot.waitUntil(lambda n=number: plain(dock.classes.rows[1].amount.text()) == f"{n} px")
        said = plain(dock.classes.summary.text())
        assert f"{number} of {whole:,}".replace(",", " ") in said, (kind, said)

        # background by its key, then back with Ctrl+Z
        hand.key(Qt.Key.Key_W)
        assert labels.selected_label == 1, kind
        hand.drag(labels, [(*plane, 100, 60), (*plane, 100, 120)])
        assert (np.asarray(labels.data) == 1).sum() > 200, kind
        hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert not (np.asarray(labels.data) == 1).any(), kind
        qtbot.waitUntil(lambda: dock.classes.rows[0].amount.text() == "0 px")
        for layer in (image, labels):
            layer.visible = False


def test_the_right_button_encircles_and_fills(hand, qtbot):
    viewer = hand.viewer
    viewer.add_image(NOISE[0], name="cells")
    dock = AnnotateDock(viewer)
    viewer.window.add_dock_widget(dock, name="Annotate")
    qtbot.waitUntil(lambda: dock.labels is not None)
    labels = dock.labels
    viewer.fit_to_view()
    qtbot.wait(50)
    labels.brush_size = 3
    zoom = viewer.scene.camera.zoom
    corners = [(40, 60), (40, 120), (100, 120), (100, 60)]
    hand.drag(labels, corners, Qt.MouseButton.RightButton)
    inside = labels.data[45:95, 65:115]
    assert (inside == 2).all(), "what was encircled is not filled"
    assert viewer.scene.camera.zoom == zoom, "the right button zooms elsewhere"
    assert not labels.data[:35].any()
    assert not labels.data[:, 130:].any()
    filled = int((labels.data == 2).sum())
    assert 60 * 60 < filled < 66 * 66
    assert plain(dock.classes.rows[1].amount.text()) == f"{filled:,} px".replace(",", " ")
    hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not labels.data.any(), "encircling is one edit"
    assert dock.classes.rows[1].amount.text() == "0 px"
