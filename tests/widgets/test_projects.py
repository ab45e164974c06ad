"""A project goes round: images, annotations, classes, confirmed pixels and roles."""

import numpy as np
import pytest
import tifffile

from napari_unet.core.annotation.label_codes import LabelClass
from napari_unet.widgets.annotate.undo_follower import UndoFollower
from napari_unet.widgets.layers.annotation_layers import new_annotation_layer
from napari_unet.widgets.layers.label_classes import classes_of
from napari_unet.widgets.projects import open_project, save_project
from napari_unet.widgets.recovery.autosave import Autosave
from napari_unet.widgets.shared.session import Session

pytestmark = pytest.mark.usefixtures("bare_thread")


def test_a_project_goes_round(make_napari_viewer, tmp_path):
    viewer = make_napari_viewer()
    session = Session.of(viewer)
    with pytest.raises(ValueError, match="no annotation to save"):
        save_project(viewer, tmp_path / "work")
    rng = np.random.default_rng(0)
    flat = viewer.add_image(
        rng.integers(0, 255, (50, 60)).astype(np.uint8), name="cells", scale=(0.5, 0.25),
        units=("micrometer", "micrometer"),
    )  # fmt: skip
    colour = viewer.add_image(
        rng.integers(0, 255, (40, 30, 3)).astype(np.uint8), name="tissue", rgb=True,
        units=("micrometer", "micrometer"),
    )  # fmt: skip
    classes = (LabelClass("glass", "#101010"), LabelClass("nucleus", "#ff8800"))
    one = new_annotation_layer(viewer, flat, classes=classes)
    two = new_annotation_layer(viewer, colour)
    session.pairs.set_role(colour, "validate")
    one.paint((10, 10), 2)
    two.paint((20, 5), 1)
    with UndoFollower.of(two, session).confirming.on():
        two.data_setitem((np.array([1, 2]), np.array([3, 4])), 2)
    viewer.layers.selection.active = one
    written = viewer.layers.save(str(tmp_path / "work.unet"), plugin="napari-unet")
    assert len(written) == 3
    saved = tifffile.imread(tmp_path / "work.unet" / "confirmed" / "tissue annotation.tif")
    assert np.argwhere(saved == 1).tolist() == [[1, 3], [2, 4]]
    one.paint((30, 30), 1)  # after the saving
    with UndoFollower.of(one, session).confirming.on():
        one.data_setitem((np.array([45]), np.array([7])), 1)
    Autosave.of(session).flush()
    expected = [one.data.copy(), two.data.copy()]
    viewer.layers.clear()
    Autosave.of(session).close()
    again = make_napari_viewer()
    again.open(tmp_path / "work.unet", plugin="napari-unet")
    assert [layer.name for layer in again.layers] == [
        "cells", "tissue", "cells annotation", "tissue annotation",
    ]  # fmt: skip
    np.testing.assert_array_equal(again.layers["cells"].data, flat.data)
    np.testing.assert_array_equal(again.layers["tissue"].data, colour.data)
    assert again.layers["tissue"].rgb
    np.testing.assert_allclose(again.layers["cells"].scale, (0.5, 0.25))
    for layer, data in zip(again.layers[2:], expected, strict=True):
        np.testing.assert_array_equal(layer.data, data)
    assert classes_of(again.layers["cells annotation"]) == classes
    places = [
        np.argwhere(UndoFollower.of(layer, Session.of(again)).confirming.pixels.whole()).tolist()
        for layer in again.layers[2:]
    ]
    assert places == [[[45, 7]], [[1, 3], [2, 4]]]
    pairs = Session.of(again).pairs
    assert pairs.role_of(again.layers["tissue"]) == "validate"
    assert pairs.annotation_of(again.layers["cells"]) is again.layers["cells annotation"]
    (tmp_path / "other.unet").mkdir()
    with pytest.raises(FileExistsError):
        save_project(again, tmp_path / "other")
    again.layers["cells annotation"].paint((5, 50), 2)
    save_project(again, tmp_path / "work.unet")
    Autosave.of(Session.of(again)).close()
    third = make_napari_viewer()
    open_project(third, tmp_path / "work.unet")
    np.testing.assert_array_equal(
        third.layers["cells annotation"].data, again.layers["cells annotation"].data
    )
    found = UndoFollower.of(third.layers["cells annotation"], Session.of(third)).confirming.pixels
    assert np.argwhere(found.whole()).tolist() == [[45, 7]]
    Autosave.of(Session.of(third)).close()
