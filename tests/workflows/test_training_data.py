"""The annotations of a training: read from layers and files, divided, and told of in words."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile

from napari_unet.core.annotation.annotation import Annotation
from napari_unet.workflows.training_data import SIZES_DIFFER, facts, middle, read_sources
from napari_unet.workflows.training_sources import FileSource, SourceAnnotation


def gathered(last, recipe):
    return last(read_sources(recipe, recipe.settings.depth, recipe.settings.dims))


def test_roles_decide_what_is_trained_and_what_is_validated_on(sources, last, tmp_path):
    held = sources.layer(9, role="validate", name="held")
    told, found = gathered(last, sources.recipe(sources.files(tmp_path), held))
    assert told == [f"reading images, {number}" for number in (1, 2, 3)] + ["reading held, 1"]
    assert [read.name for read in found.train] == [f"cell{seed}.tif" for seed in range(3)]
    assert [read.name for read in found.validation] == ["held"]
    assert found.facts == ("3 pairs", facts(found.validation))
    assert found.messages == ()
    assert (found.channels, found.classes) == (1, 2)
    train, validation = found.annotations
    np.testing.assert_array_equal(train[1].objects, sources.draw(1)[1])
    np.testing.assert_array_equal(validation[0].objects, sources.draw(9)[1])


def test_without_a_role_a_share_is_held_back_and_named(sources, last, tmp_path):
    recipe = sources.recipe(sources.files(tmp_path, 5), hold_back=0.2)
    _, found = gathered(last, recipe)
    assert len(found.train) + len(found.validation) == 5
    (held,) = found.validation
    assert f"They are {held.name}." in found.messages[0]
    assert not {read.name for read in found.train} & {held.name}
    _, again = gathered(last, recipe)
    assert [read.name for read in again.validation] == [held.name], "the seed decides"
    _, none = gathered(last, replace(recipe, hold_back=0.0))
    assert (len(none.train), none.validation) == (5, ())


def test_pixel_sizes_that_differ_are_told_and_none_is_taken(sources, last):
    one, same, other = (
        sources.layer(seed, size={"Y": edge, "X": edge}) for seed, edge in enumerate((0.5, 0.5, 1))
    )
    _, found = gathered(last, sources.recipe(one, same, hold_back=0.0))
    assert found.pixel_size == {"Y": 0.5, "X": 0.5}
    assert SIZES_DIFFER not in found.messages
    _, found = gathered(last, sources.recipe(one, other, hold_back=0.0))
    assert found.pixel_size is None
    assert SIZES_DIFFER in found.messages


def test_a_tile_is_shown_on_the_first_layer_that_is_validated_on(sources, last, tmp_path):
    held = sources.layer(4, role="validate", name="held")
    _, found = gathered(last, sources.recipe(sources.layer(), held))
    assert found.tile_place.image == "held"
    assert found.tile_place.pixels is held.snapshot.pixels
    assert found.tile_place.near == middle(held.snapshot.annotation())
    files = sources.files(tmp_path, 1, role="validate")
    _, found = gathered(last, sources.recipe(sources.layer(), files))
    assert found.tile_place is None


def test_the_middle_lies_in_the_plane_with_most_labels():
    labels = np.zeros((3, 20, 30), np.uint8)
    labels[0, 0, 0] = 1
    labels[2, 4:9, 10:21] = 2
    annotation = Annotation(np.zeros(labels.shape), labels, axes="ZYX")
    assert middle(annotation) == (2.0, 6.0, 15.0)
    nothing = Annotation(np.zeros((20, 30)), np.zeros((20, 30), np.uint8))
    assert middle(nothing) == (0.0, 0.0)


@pytest.mark.parametrize(("painted", "said"), [(0, "0 %"), (1, "< 1 %"), (50, "50 %")])
def test_how_much_is_labelled(sources, painted, said):
    labels = np.zeros((20, 50), np.uint8)
    labels.flat[: 10 * painted if painted > 1 else painted] = 1
    read = SourceAnnotation(Annotation(labels * 1.0, labels), sources.layer(), "a")
    assert facts([read]) == f"{said} labelled"
    assert facts([read, read]) == "2 pairs"
    objects = sources.layer().snapshot.annotation()
    number = len(np.unique(sources.draw(0)[1])) - 1
    assert facts([replace(read, annotation=objects)]) == f"{number} objects"


def test_without_anything_to_train_on_that_is_said(sources, last):
    with pytest.raises(ValueError, match="there is nothing to train on"):
        gathered(last, sources.recipe(sources.layer(role="validate")))


def test_files_without_a_partner_are_told(sources, last, tmp_path):
    source = sources.files(tmp_path, 3)
    tifffile.imwrite(tmp_path / "images" / "alone.tif", np.zeros((9, 9), np.float32))
    _, found = gathered(last, sources.recipe(source, hold_back=0.0))
    assert "alone" in " ".join(found.messages)
    assert len(found.train) == 3
    lost = FileSource(tmp_path / "nowhere", tmp_path / "labels")
    with pytest.raises(OSError, match="nowhere"):
        gathered(last, sources.recipe(lost))
