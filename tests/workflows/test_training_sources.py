"""Where annotations come from, and how a run keeps copies of them, to go on after a crash."""

import hashlib
from dataclasses import replace
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import tifffile

from napari_unet.core.arrays.axes import ImagePixels
from napari_unet.workflows import training_sources
from napari_unet.workflows.run_folder import RunFolder
from napari_unet.workflows.training_sources import (
    DATA,
    FileSource,
    files_of,
    sources_of,
    store,
    write_slabs,
)


@pytest.fixture
def run(tmp_path):
    made = RunFolder(tmp_path / "cells.run")
    made.make()
    return made


def test_layers_that_were_kept_are_the_same_again(sources, run, last):
    layer = sources.layer(3, role="validate", size={"Y": 0.5, "X": 0.25})
    told, _ = last(store(sources.recipe(layer), run))
    assert "keeping a copy of cells" in told
    (again,) = sources_of(run.facts(), run.path)
    assert (again.name, again.labels_name, again.role) == ("cells", "cells truth", "validate")
    assert again.classes == layer.classes
    one, other = layer.snapshot, again.snapshot
    assert (other.pixels.axes, other.pixels.pixel_size) == ("YX", {"Y": 0.5, "X": 0.25})
    assert (other.zero, other.ids, other.labels.dtype) == (one.zero, one.ids, one.labels.dtype)
    np.testing.assert_array_equal(other.pixels.data, one.pixels.data)
    np.testing.assert_array_equal(other.labels, one.labels)
    assert not other.labels.flags.writeable


def test_files_are_referred_to_and_not_copied(sources, run, last, tmp_path):
    source = replace(sources.files(tmp_path), role="validate", ids="classes", axes="YX")
    last(store(sources.recipe(source), run))
    assert not (run.path / DATA).exists()
    assert list(sources_of(run.facts(), run.path)) == [source]
    (noted,) = run.facts()["sources"]
    noted.pop("axes")  # as runs of before are
    (again,) = sources_of({"sources": [noted]}, run.path)
    assert again.axes == ""


def test_files_of_each_role_are_noted_with_their_digests(sources, run, last, tmp_path):
    source, layer = sources.files(tmp_path, 2), sources.layer(5)
    recipe = sources.recipe(source, layer)
    last(store(recipe, run))
    reads = list(source.read([]))
    held = list(layer.read([]))
    _, noted = last(files_of({"training": reads, "validation": [reads[0], *held]}, recipe, run))
    assert [Path(one["image"]).name for one in noted] == ["cell0.tif", "cell1.tif", "image-2.npy"]
    assert [one["role"] for one in noted] == ["training", "training", "validation"]
    for one in noted:
        for kind in ("image", "labels"):
            content = Path(one[kind]).read_bytes()
            assert one[f"{kind}_sha256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("shape", [(7,), (50, 60), (3, 40, 50)])
@pytest.mark.parametrize("dtype", ["uint8", "float32", ">u2"])
def test_an_array_is_written_slab_by_slab(tmp_path, monkeypatch, shape, dtype):
    monkeypatch.setattr(training_sources, "SLAB", 400)
    data = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    for given in (data, da.from_array(data, chunks=10)):
        signs = len(list(write_slabs(tmp_path / "a.npy", given)))
        found = np.load(tmp_path / "a.npy")
        assert found.dtype == data.dtype
        np.testing.assert_array_equal(found, data)
        assert (signs > 1) == (data.nbytes > 400)


def test_what_cannot_be_understood_is_said_with_the_name_of_its_labels(sources, tmp_path):
    source = sources.files(tmp_path, 1)
    tifffile.imwrite(tmp_path / "labels" / "cell0.tif", np.full((90, 96), -1, np.int16))
    with pytest.raises(ValueError, match=r"cell0\.tif: "):
        list(source.read([]))
    layer = sources.layer()
    pixels = ImagePixels(np.zeros((5, 5)), "YX", {})
    wrong = replace(layer, snapshot=replace(layer.snapshot, pixels=pixels))
    with pytest.raises(ValueError, match="'cells': "):
        list(wrong.read([]))


def test_a_source_is_called_what_the_dock_calls_it(sources):
    folder = FileSource("here/images", "here/labels", "validate")
    assert (folder.name, folder.classes) == ("images", ())
    assert sources.layer(name="nuclei").name == "nuclei"
