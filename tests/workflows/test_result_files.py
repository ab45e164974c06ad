"""The files of a segmentation: their names, what is refused, and that labels come last."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import ome_zarr_models
import pytest
import tifffile
import zarr

from napari_unet.core.files.image_file import open_image
from napari_unet.core.objects.label_objects import ObjectSettings, label_objects
from napari_unet.core.segmentation.tile_store import LabelStore
from napari_unet.core.segmentation.tiling import Tile
from napari_unet.workflows.result_files import Outputs, ResultWriter, stem_of

NAMES = ("background", "cell", "debris")


def test_names():
    assert [stem_of(Path(name)) for name in ("a.b.tif", "c.ome.tif", "d.ome.zarr", "e.npy")] == [
        "a.b", "c", "d", "e",
    ]  # fmt: skip
    assert Outputs(Path("x")).partial(Path("y/a.tif")) == Path("x/a.partial")


def test_levels_are_those_of_the_image(tmp_path):
    group = zarr.create_group(tmp_path / "cells.zarr")
    pixels = np.random.default_rng(0).integers(0, 99, (64, 64)).astype(np.uint8)
    for level in range(3):
        group.create_array(str(level), data=pixels[:: 2**level, :: 2**level])
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [
            {
                "axes": [{"name": "y"}, {"name": "x"}],
                "datasets": [{"path": str(n)} for n in range(3)],
            }
        ],
    }
    outputs = Outputs(tmp_path, "ome-zarr")
    writer = ResultWriter(outputs, open_image(tmp_path / "cells.zarr"), ("background", "cell"), 2)
    list(writer.write(LabelStore.in_memory((64, 64), 0, 0.5)))
    found = ome_zarr_models.open_ome_zarr(tmp_path / "cells_labels.zarr")
    assert len(found.attributes.ome.multiscales[0].datasets) == 3


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({}, ["a_labels.tif"]),
        ({"scores": True, "form": "ome-zarr"}, ["a_labels.zarr", "a_scores.zarr"]),
        ({"objects": ObjectSettings()}, ["a_labels.tif", "a_objects.tif", "a_objects.csv"]),
    ],
)
def test_what_is_made_of_an_image(wanted, names):
    paths = Outputs(Path("out"), **wanted).paths(Path("in/a.ome.tif"))
    assert list(paths.values()) == [Path("out") / name for name in names]


def test_a_format_or_threshold_that_is_none_is_refused(tmp_path):
    with pytest.raises(ValueError, match="choose one of tiff, ome-zarr"):
        Outputs(tmp_path, "jpeg")
    with pytest.raises(ValueError, match="between 0 and 1"):
        Outputs(tmp_path, threshold=1.5)


@pytest.fixture
def scored(tmp_path):
    """An image, a store in memory in which all of it is scored, and the scores."""
    rng = np.random.default_rng(0)
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((60, 70), np.uint8))
    scores = rng.dirichlet(np.ones(3), (60, 70)).transpose(2, 0, 1).astype(np.float32)
    store = LabelStore.in_memory((60, 70), 3, 0.5)
    store.write(Tile((), (slice(0, 60), slice(0, 70))), scores)
    return open_image(tmp_path / "a.tif"), store, scores


@pytest.mark.parametrize("form", ["tiff", "ome-zarr"])
def test_files_hold_the_store_and_labels_come_last(scored, tmp_path, form):
    image, store, scores = scored
    outputs = Outputs(tmp_path / "out", form, scores=True, objects=ObjectSettings(min_area=3))
    outputs.folder.mkdir()
    paths = outputs.paths(image.path)

    def there():
        return {name for name, path in paths.items() if path.exists()}

    writing = ResultWriter(outputs, image, NAMES, 2).write(store)
    steps = [(what, there()) for what in writing]
    first = {"objects", "table"}
    assert steps == [("objects", set()), ("scores", first), ("labels", first | {"scores"})]
    objects = label_objects(scores, min_area=3)
    for what, expected in (("scores", scores), ("labels", store.labels), ("objects", objects)):
        np.testing.assert_array_equal(np.asarray(open_image(paths[what]).data), expected)
    assert paths["table"].read_text().count("\n") == objects.max() + 1


def test_what_is_there_is_replaced_only_where_that_was_asked_for(scored, tmp_path):
    image, store, _ = scored
    outputs = Outputs(tmp_path)
    (tmp_path / "a_labels.tif").write_text("mine")
    with pytest.raises(FileExistsError, match=r"a_labels\.tif exists already"):
        list(ResultWriter(outputs, image, NAMES, 2).write(store))
    assert (tmp_path / "a_labels.tif").read_text() == "mine"
    list(ResultWriter(replace(outputs, overwrite=True), image, NAMES, 2).write(store))
    found = np.asarray(open_image(tmp_path / "a_labels.tif").data)
    np.testing.assert_array_equal(found, store.labels)
