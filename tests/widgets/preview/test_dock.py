"""The Preview dock: what it shows is what Train will draw, and it never gets stuck."""

from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Image, Labels, Vectors
from qtpy.QtGui import QShortcut

from napari_unet import Annotation, draw_sample
from napari_unet.core.sampling.sample import preview_weights
from napari_unet.core.sampling.synthetic_cells import draw_cells
from napari_unet.core.training.settings import TrainSettings
from napari_unet.widgets.layers.annotation_layers import images_of, new_annotation_layer
from napari_unet.widgets.layers.layers import NOTES
from napari_unet.widgets.preview.dock import PreviewDock
from napari_unet.widgets.shared.layer_choice import LayerChoice
from napari_unet.widgets.shared.session import Session

SMALL = TrainSettings.preset("nano", tile=140, flatten=0.0)
TRUTH = {NOTES: {"zero": "background", "ids": "objects"}}


def add_cells(viewer, name="cells", seed=0):
    image, labels = draw_cells(np.random.default_rng(seed), (150, 170), 12)
    layer = viewer.add_image(image, name=name, scale=(0.5, 0.5), translate=(3, 4))
    truth = viewer.add_labels(
        labels.astype(np.uint8), name=f"{name} truth", metadata=dict(TRUTH), scale=(0.5, 0.5),
        translate=(3, 4),
    )  # fmt: skip
    return layer, truth


def settle(qtbot, dock):
    """Wait until what was asked for is shown, and what that has set off."""
    for _ in range(2):
        qtbot.wait(20)
        qtbot.waitUntil(lambda: not dock.latest.busy)


def shown(viewer):
    return {layer.name for layer in viewer.layers if layer.visible}


def test_the_dock_shows_what_training_draws(make_napari_viewer_proxy, qtbot):
    proxy = make_napari_viewer_proxy()
    viewer = proxy.__wrapped__
    image, truth = add_cells(viewer)
    session = Session.of(proxy)
    session.settings = SMALL
    dock = PreviewDock(proxy)
    viewer.window.add_dock_widget(dock, name="Preview")
    settle(qtbot, dock)
    annotation = Annotation(image.data, truth.data, zero="background", ids="objects")

    # deformation: the very sample, beside the image, nothing selected away
    assert viewer.layers.selection.active is truth
    deformed = viewer.layers["cells deformed"]
    drawn = draw_sample(annotation, SMALL, np.random.default_rng(0))
    np.testing.assert_array_equal(deformed.data, drawn.image[0])
    np.testing.assert_array_equal(deformed.scale, image.scale)
    assert (deformed.extent.world[0] > image.extent.world[1]).any()
    assert len(viewer.layers["cells grid"].data) > 100
    page = dock.pages["deformation"]
    assert "othing is folded" in page.facts.text()
    assert not dock.note.text()

    # re-roll by key, and grid and labels can be left out
    count = len(viewer.layers)
    (key,) = dock.findChildren(QShortcut)
    assert key.key().toString() == "R"
    key.activated.emit()
    settle(qtbot, dock)
    drawn = draw_sample(annotation, SMALL, np.random.default_rng(1))
    np.testing.assert_array_equal(deformed.data, drawn.image[0])
    page.over["grid"].setChecked(False)
    assert "cells grid" not in shown(viewer)
    page.over["grid"].setChecked(True)

    # a slider writes to the settings that Train uses; the newest of many wins; folds are marked
    row = page.rows.rows["sd"]
    for tick in range(100, 900, 40):
        row.slider.setValue(tick)
    settle(qtbot, dock)
    assert session.settings.sd == row.editor.value() > 50
    drawn = draw_sample(annotation, session.settings, np.random.default_rng(1))
    np.testing.assert_array_equal(deformed.data, drawn.image[0])
    assert drawn.deformation.folded().pixels
    assert f"{drawn.deformation.folded().pixels} px" in page.facts.text()
    assert len(viewer.layers["cells folded"].data)
    assert len(viewer.layers) == count

    # weights: those of training, over the image, with a colour bar and the value at the cursor
    dock.views.set_value("weights")
    settle(qtbot, dock)
    weights = viewer.layers["cells weights"]
    wanted = preview_weights(annotation, session.settings)
    np.testing.assert_array_equal(weights.data, wanted.values)
    np.testing.assert_allclose(weights.extent.world, image.extent.world)
    assert weights.colorbar.visible
    assert shown(viewer) == {"cells", "cells truth", "cells weights"}
    viewer.cursor.position = weights.data_to_world((40, 50))
    assert f"{wanted.values[40, 50]:.3f}" in dock.pages["weights"].hover.text()
    formula = dock.pages["weights"].rows.rows["weighting"].editor
    formula.set_value("falk")
    settle(qtbot, dock)
    assert (session.settings.w0, session.settings.sigma) == (50.0, 6.0)
    wanted = preview_weights(annotation, session.settings)
    np.testing.assert_array_equal(weights.data, wanted.values)
    assert weights.contrast_limits[1] == pytest.approx(wanted.high)
    assert not dock.pages["weights"].rows.rows["balance"].editor.widget.isVisibleTo(dock)
    assert dock.pages["weights"].rows.rows["v"].slider.isVisibleTo(dock)
    formula.set_value("paper")
    assert (session.settings.w0, session.settings.sigma) == (2.0, 5.0)

    # sample: input and output frames, what counts inside
    dock.views.set_value("sample")
    settle(qtbot, dock)
    frames = viewer.layers["cells frame"]
    drawn = draw_sample(annotation, session.settings, np.random.default_rng(1))
    size, inner = drawn.image.shape[1], drawn.classes.shape[0]
    edges = np.abs(frames.data[:8, 1]).max(axis=1)
    np.testing.assert_array_equal(edges, [size] * 4 + [inner] * 4)
    np.testing.assert_array_equal(viewer.layers["cells sample labels"].data, drawn.classes + 1)
    assert f"{size} × {size} px" in dock.pages["sample"].facts.text()

    # settings changed elsewhere are followed
    session.settings = replace(session.settings, sd=7.0, rotation=0.0)
    assert row.editor.value() == 7.0
    settle(qtbot, dock)

    # closed and opened again: the same layers
    layers = list(viewer.layers)
    viewer.window.remove_dock_widget(dock)
    dock.close()
    dock.deleteLater()
    qtbot.wait(50)
    truth.refresh()
    viewer.scene.camera.zoom *= 1.5
    again = PreviewDock(proxy)
    viewer.window.add_dock_widget(again, name="Preview")
    settle(qtbot, again)
    assert list(viewer.layers) == layers


def test_no_state_is_stuck(make_napari_viewer_proxy, qtbot):
    proxy = make_napari_viewer_proxy()
    viewer = proxy.__wrapped__
    session = Session.of(proxy)
    session.settings = SMALL
    dock = PreviewDock(proxy)
    viewer.window.add_dock_widget(dock, name="Preview")
    assert "no image yet" in dock.note.text()
    image = viewer.add_image(draw_cells(np.random.default_rng(0), (150, 170), 12)[0], name="cells")
    settle(qtbot, dock)
    assert "no annotation yet" in dock.note.text()

    annotation = new_annotation_layer(viewer, image)  # empty
    settle(qtbot, dock)
    assert "othing is labelled" in dock.note.text()
    annotation.data_setitem((np.arange(40, 60), np.full(20, 50)), 2)
    settle(qtbot, dock)
    assert "Only one class" in dock.note.text()
    assert "cells deformed" in shown(viewer)
    annotation.data_setitem((np.arange(70, 90), np.full(20, 90)), 1)
    settle(qtbot, dock)
    assert not dock.note.text()
    annotation.undo()
    settle(qtbot, dock)
    assert "Only one class" in dock.note.text()
    annotation.redo()

    # renamed, moved and deleted while an answer is on its way
    dock.reroll()
    image.name = "other name"
    viewer.layers.move(0, 2)
    settle(qtbot, dock)
    assert not dock.note.text()
    dock.reroll()
    viewer.layers.remove(annotation)
    settle(qtbot, dock)
    assert "no annotation yet" in dock.note.text()
    assert not {name for name in shown(viewer) if "deformed" in name}
    viewer.layers.append(annotation)
    settle(qtbot, dock)
    assert not dock.note.text()

    # another size of the image: said, and mended
    before = image.data
    dock.reroll()
    image.data = before[:100]
    settle(qtbot, dock)
    assert "(150, 170)" in dock.note.text()
    assert "(100, 170)" in dock.note.text()
    image.data = before
    settle(qtbot, dock)
    assert not dock.note.text()
    dock.reroll()
    viewer.layers.remove(image)
    settle(qtbot, dock)
    assert "no image yet" in dock.note.text()

    # what the dock made is nobody's image or annotation
    assert any(isinstance(layer, Image) for layer in viewer.layers)
    assert images_of(viewer) == []
    assert LayerChoice(viewer, (Image, Vectors), "Image").choices() == []
    assert LayerChoice(viewer, (Labels,), "Labels").choices() == [annotation]
