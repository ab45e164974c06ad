"""The Preview dock: what it shows is what Train will draw, and it never gets stuck."""

from dataclasses import replace
from types import SimpleNamespace

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


@pytest.fixture
def previewed(make_napari_viewer_proxy, qtbot):
    """A dock that shows the first tile of cells whose truth is their annotation."""
    proxy = make_napari_viewer_proxy()
    viewer = proxy.__wrapped__
    image, truth = add_cells(viewer)
    session = Session.of(proxy)
    session.settings = SMALL
    dock = PreviewDock(proxy)
    viewer.window.add_dock_widget(dock, name="Preview")
    settle(qtbot, dock)
    return SimpleNamespace(
        proxy=proxy, viewer=viewer, image=image, truth=truth, session=session, dock=dock,
        annotation=Annotation(image.data, truth.data, zero="background", ids="objects"),
    )  # fmt: skip


def drawn(previewed, seed):
    """Return the sample that a training draws."""
    settings = previewed.session.settings
    return draw_sample(previewed.annotation, settings, np.random.default_rng(seed))


def test_the_very_sample_lies_beside_the_image_and_nothing_is_selected_away(previewed):
    viewer, image = previewed.viewer, previewed.image
    assert viewer.layers.selection.active is previewed.truth
    deformed = viewer.layers["cells deformed"]
    np.testing.assert_array_equal(deformed.data, drawn(previewed, 0).image[0])
    np.testing.assert_array_equal(deformed.scale, image.scale)
    assert (deformed.extent.world[0] > image.extent.world[1]).any()
    assert len(viewer.layers["cells grid"].data) > 100
    assert "othing is folded" in previewed.dock.pages["deformation"].facts.text()
    assert not previewed.dock.note.text()


def test_another_tile_is_drawn_by_key_and_lines_can_be_left_out(previewed, qtbot):
    viewer, page = previewed.viewer, previewed.dock.pages["deformation"]
    (key,) = previewed.dock.findChildren(QShortcut)
    assert key.key().toString() == "R"
    key.activated.emit()
    settle(qtbot, previewed.dock)
    deformed = viewer.layers["cells deformed"]
    np.testing.assert_array_equal(deformed.data, drawn(previewed, 1).image[0])
    page.over["grid"].setChecked(False)
    assert "cells grid" not in shown(viewer)
    page.over["grid"].setChecked(True)
    assert "cells grid" in shown(viewer)


def test_a_slider_writes_to_the_settings_that_train_uses_and_folds_are_marked(previewed, qtbot):
    viewer, dock, session = previewed.viewer, previewed.dock, previewed.session
    page, count = dock.pages["deformation"], len(viewer.layers)
    row = page.rows.rows["sd"]
    for tick in range(100, 900, 40):  # the newest of many wins
        row.slider.setValue(tick)
    settle(qtbot, dock)
    assert session.settings.sd == row.editor.value() > 50
    sample = drawn(previewed, 0)
    np.testing.assert_array_equal(viewer.layers["cells deformed"].data, sample.image[0])
    folded = sample.deformation.folded().pixels
    assert folded
    assert f"{folded} px" in page.facts.text()
    assert len(viewer.layers["cells folded"].data)
    assert len(viewer.layers) == count
    session.settings = replace(session.settings, sd=7.0, rotation=0.0)  # changed elsewhere
    assert row.editor.value() == 7.0
    settle(qtbot, dock)


def test_weights_are_those_of_training_over_the_image(previewed, qtbot):
    viewer, image, dock = previewed.viewer, previewed.image, previewed.dock
    dock.views.set_value("weights")
    settle(qtbot, dock)
    weights = viewer.layers["cells weights"]
    wanted = preview_weights(previewed.annotation, previewed.session.settings)
    np.testing.assert_array_equal(weights.data, wanted.values)
    np.testing.assert_allclose(weights.extent.world, image.extent.world)
    assert weights.colorbar.visible
    assert shown(viewer) == {"cells", "cells truth", "cells weights"}
    viewer.cursor.position = weights.data_to_world((40, 50))
    assert f"{wanted.values[40, 50]:.3f}" in dock.pages["weights"].hover.text()


def test_another_formula_brings_its_own_parameters(previewed, qtbot):
    dock, session = previewed.dock, previewed.session
    dock.views.set_value("weights")
    settle(qtbot, dock)
    rows = dock.pages["weights"].rows.rows
    rows["weighting"].editor.set_value("falk")
    settle(qtbot, dock)
    assert (session.settings.w0, session.settings.sigma) == (50.0, 6.0)
    weights = previewed.viewer.layers["cells weights"]
    wanted = preview_weights(previewed.annotation, session.settings)
    np.testing.assert_array_equal(weights.data, wanted.values)
    assert weights.contrast_limits[1] == pytest.approx(wanted.high)
    assert not rows["balance"].editor.widget.isVisibleTo(dock)
    assert rows["v"].slider.isVisibleTo(dock)
    rows["weighting"].editor.set_value("paper")
    assert (session.settings.w0, session.settings.sigma) == (2.0, 5.0)


def test_a_sample_has_frames_of_what_goes_in_and_of_what_counts(previewed, qtbot):
    viewer, dock = previewed.viewer, previewed.dock
    dock.views.set_value("sample")
    settle(qtbot, dock)
    frames, sample = viewer.layers["cells frame"], drawn(previewed, 0)
    size, inner = sample.image.shape[1], sample.classes.shape[0]
    edges = np.abs(frames.data[:8, 1]).max(axis=1)
    np.testing.assert_array_equal(edges, [size] * 4 + [inner] * 4)
    np.testing.assert_array_equal(viewer.layers["cells sample labels"].data, sample.classes + 1)
    assert f"{size} × {size} px" in dock.pages["sample"].facts.text()


def test_a_dock_opened_again_uses_the_same_layers(previewed, qtbot):
    viewer, dock = previewed.viewer, previewed.dock
    layers = list(viewer.layers)
    viewer.window.remove_dock_widget(dock)
    dock.close()
    dock.deleteLater()
    qtbot.wait(50)
    previewed.truth.refresh()
    viewer.scene.camera.zoom *= 1.5
    again = PreviewDock(previewed.proxy)
    viewer.window.add_dock_widget(again, name="Preview")
    settle(qtbot, again)
    assert list(viewer.layers) == layers


def test_what_is_missing_is_said_until_there_is_enough(make_napari_viewer_proxy, qtbot):
    proxy = make_napari_viewer_proxy()
    viewer = proxy.__wrapped__
    Session.of(proxy).settings = SMALL
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


def test_layers_renamed_moved_and_removed_while_an_answer_is_on_its_way(previewed, qtbot):
    viewer, dock, truth = previewed.viewer, previewed.dock, previewed.truth
    dock.reroll()
    previewed.image.name = "other name"
    viewer.layers.move(0, 2)
    settle(qtbot, dock)
    assert not dock.note.text()
    dock.reroll()
    viewer.layers.remove(truth)
    settle(qtbot, dock)
    assert "no annotation yet" in dock.note.text()
    assert not {name for name in shown(viewer) if "deformed" in name}
    viewer.layers.append(truth)
    settle(qtbot, dock)
    assert not dock.note.text()


def test_an_image_of_another_size_is_told_with_both_sizes_and_mended(previewed, qtbot):
    dock, image = previewed.dock, previewed.image
    previewed.session.pairs.pair(image, previewed.truth)
    before = image.data
    dock.reroll()
    image.data = before[:100]
    settle(qtbot, dock)
    assert "(150, 170)" in dock.note.text()
    assert "(100, 170)" in dock.note.text()
    image.data = before
    settle(qtbot, dock)
    assert not dock.note.text()


def test_what_the_dock_made_is_nobodys_image_or_annotation(previewed, qtbot):
    viewer, dock = previewed.viewer, previewed.dock
    dock.reroll()
    viewer.layers.remove(previewed.image)
    settle(qtbot, dock)
    assert "no image yet" in dock.note.text()
    assert any(isinstance(layer, Image) for layer in viewer.layers)
    assert images_of(viewer) == []
    assert LayerChoice(viewer, (Image, Vectors), "Image").choices() == []
    assert LayerChoice(viewer, (Labels,), "Labels").choices() == [previewed.truth]
