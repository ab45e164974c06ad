"""Use as annotation: all of a result, or exactly what a person changed."""

import numpy as np
import pytest

from napari_unet.core.annotation.label_codes import LabelCode
from napari_unet.widgets.layers.annotation_layers import new_annotation_layer, snapshot
from napari_unet.widgets.layers.label_classes import code_of, set_code
from napari_unet.widgets.menu_commands import (
    segment_active,
    use_as_annotation,
    use_corrections_as_annotation,
)
from napari_unet.widgets.segment.corrections import guessed_classes, use_all, use_changes
from napari_unet.widgets.shared.session import Session


@pytest.fixture
def segmented(driven):
    driven.add_scene()
    driven.add_network()
    return driven.run()


def test_all_of_a_result_becomes_an_annotation_and_no_other_is_lost(driven, segmented, known):
    viewer = driven.viewer
    older = new_annotation_layer(viewer, viewer.layers["scene"])
    older.paint((5, 5), 1)
    kept = older.data.copy()
    layer = use_all(viewer, segmented)
    assert layer is not older
    np.testing.assert_array_equal(older.data, kept)
    assert code_of(layer) == LabelCode("unlabelled", "objects")
    expected = known.objects(known.scene())
    np.testing.assert_array_equal(layer.data, expected + 1)
    image = viewer.layers["scene"]
    assert Session.of(viewer).pairs.annotation_of(image) is layer
    annotation = snapshot(image, layer).annotation()
    assert not annotation.unlabelled.any()
    np.testing.assert_array_equal(annotation.classes, expected > 0)
    assert len(np.unique(annotation.objects)) == expected.max() + 1


def test_only_what_was_changed_is_exact_through_undo(driven, segmented):
    viewer = driven.viewer
    with pytest.raises(ValueError, match="nothing was changed"):
        use_changes(viewer, segmented)
    before = segmented.data.copy()
    segmented.brush_size = 5
    segmented.paint((3, 140), 60)  # a new object
    segmented.paint((72, 118), 0)  # background again
    segmented.paint((110, 10), 61)
    segmented.undo()
    assert guessed_classes(viewer, segmented) == ""  # there is one class
    changed = segmented.data != before
    layer = use_changes(viewer, segmented)
    expected = np.where(changed, segmented.data + 1, 0)
    np.testing.assert_array_equal(layer.data, expected)
    assert set(np.unique(expected)) == {0, 1, 61}
    again = use_changes(viewer, segmented, rim=2)
    assert again is layer, "the annotation there is, is added to"
    wider = (layer.data > 0) & (expected == 0)
    assert wider.any()
    layer.undo()
    np.testing.assert_array_equal(layer.data, expected)


def test_changes_join_an_annotation_of_classes_as_one_edit(driven, segmented):
    viewer = driven.viewer
    older = new_annotation_layer(viewer, viewer.layers["scene"])
    older.paint((5, 5), 1)
    kept = older.data.copy()
    before = segmented.data.copy()
    segmented.paint((3, 140), 60)
    segmented.paint((72, 118), 0)
    changed = segmented.data != before
    assert use_changes(viewer, segmented) is older
    code = np.where(segmented.data > 0, 2, 1)
    np.testing.assert_array_equal(older.data, np.where(changed, code, kept))
    older.undo()
    np.testing.assert_array_equal(older.data, kept)


def test_the_commands_of_the_menus_say_what_is_missing(driven, known, qtbot):
    viewer = driven.viewer
    segment_active(viewer)
    driven.add_scene()
    segment_active(viewer)
    use_as_annotation(viewer)
    driven.add_network()
    segment_active(viewer)
    segment_active(viewer)
    told = driven.messages()
    assert told[0].startswith("There is no image to segment")
    assert told[1].startswith("There is no network yet")
    assert told[2].startswith("No labels layer is selected")
    assert "being segmented already" in told[3]
    driven.until(driven.settled)
    layer = driven.dock.result().layer
    np.testing.assert_array_equal(layer.data, known.objects(known.scene()))
    viewer.layers.selection.active = layer
    use_corrections_as_annotation(viewer)
    assert driven.messages()[4].startswith("Nothing was changed in 'scene segmented'")
    use_as_annotation(viewer)
    assert "All of 'scene segmented' is in 'scene annotation' now" in driven.messages()[5]
    foreign = viewer.add_labels(np.zeros((7, 7), np.uint8), name="foreign")
    set_code(foreign, LabelCode("background", "objects"))
    viewer.layers.selection.active = foreign
    use_as_annotation(viewer)
    assert "no image that 'foreign' belongs to" in driven.messages()[6]
