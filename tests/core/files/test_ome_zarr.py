"""OME-Zarr is read and written; a hostile store is refused before a chunk is read."""

import json

import numpy as np
import ome_zarr_models
import pytest
import zarr
from ome_zarr_models.v05 import Image, ImageLabel

from napari_unet.core.files.image_file import open_image
from napari_unet.core.files.ome_zarr import write_ome_zarr

RNG = np.random.default_rng(7)

STACK = RNG.integers(0, 2**16, (5, 70, 90)).astype(np.uint16)


def ome_zarr(path, version, levels=2):
    """Write an OME-Zarr image as the specification shows it, by hand."""
    group = zarr.create_group(path, zarr_format=2 if version == "0.4" else 3)
    for level in range(levels):
        group.create_array(f"s{level}", data=STACK[:, :: 2**level, :: 2**level], chunks=(2, 32, 32))
    described = {
        "version": version,
        "axes": [
            {"name": "t", "type": "time", "unit": "second"},
            {"name": "y", "type": "space", "unit": "nanometer"},
            {"name": "x", "type": "space", "unit": "nanometer"},
        ],
        "datasets": [
            {
                "path": f"s{level}",
                "coordinateTransformations": [{"type": "scale", "scale": [1, 250, 125 * 2**level]}],
            }
            for level in range(levels)
        ],
        "coordinateTransformations": [{"type": "scale", "scale": [5, 2, 2]}],
    }
    if version == "0.4":
        group.attrs["multiscales"] = [described]
    else:
        group.attrs["ome"] = {"version": version, "multiscales": [described]}
    return described


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr(tmp_path, version):
    ome_zarr(tmp_path / "image.zarr", version)
    image = open_image(tmp_path / "image.zarr")
    assert image.axes == "TYX"
    assert dict(image.pixel_size) == pytest.approx({"Y": 0.5, "X": 0.25})
    np.testing.assert_array_equal(image.data[1:4, 5:60:3, ::-1], STACK[1:4, 5:60:3, ::-1])


def test_a_bare_zarr_array_and_its_names(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=STACK, dimension_names=["t", "y", "x"])
    assert open_image(tmp_path / "a.zarr").axes == "TYX"
    zarr.create_array(tmp_path / "b.zarr", data=STACK)
    assert open_image(tmp_path / "b.zarr").axes == "ZYX"


def test_a_level_outside_of_its_store_is_not_read(tmp_path):
    zarr.create_array(tmp_path / "secret.zarr", data=STACK)
    described = ome_zarr(tmp_path / "image.zarr", "0.5")
    described["datasets"][0]["path"] = "../secret.zarr"
    group = zarr.open_group(tmp_path / "image.zarr", mode="r+")
    group.attrs["ome"] = {"version": "0.5", "multiscales": [described]}
    with pytest.raises(OSError, match="lies outside of the store"):
        open_image(tmp_path / "image.zarr")


def change(path, **changes):
    """Change the metadata of a Zarr array on disk."""
    file = path / ("zarr.json" if (path / "zarr.json").exists() else ".zarray")
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"shape": [10**6] * 3, "chunks": [10**6] * 3}, "declares a chunk of"),
        ({"chunks": [0, 1, 1]}, "cannot be read as Zarr"),
        ({"compressor": {"id": "pickle"}}, "cannot be read as Zarr"),
        ({"dtype": "|O"}, "cannot be read as Zarr"),
        ({"dtype": "<U5", "fill_value": ""}, "not numbers"),
        ({"filters": [{"id": "pickle", "protocol": 4}]}, "cannot be read as Zarr"),
        ({"filters": [{"id": "base64"}]}, "uses the codec base64, which is not accepted"),
        ({"shape": "many"}, "cannot be read as Zarr"),
    ],
)  # fmt: skip
def test_hostile_zarr_is_refused_before_a_chunk_is_read(tmp_path, changes, reason):
    path = tmp_path / "hostile.zarr"
    zarr.create_array(path, data=STACK, zarr_format=2, filters=None)
    change(path, **changes)
    with pytest.raises((OSError, ValueError), match=reason) as refused:
        open_image(path)
    assert "hostile.zarr" in str(refused.value)


def test_a_damaged_chunk_is_an_error_that_names_the_store(tmp_path):
    path = tmp_path / "damaged.zarr"
    zarr.create_array(path, data=STACK, chunks=(5, 70, 90))
    chunk = next(file for file in (path / "c").rglob("*") if file.is_file())
    chunk.write_bytes(chunk.read_bytes()[:-100])
    with pytest.raises(OSError, match=r"damaged\.zarr cannot be read at \[0, 0, 0\]"):
        np.asarray(open_image(path).data)


SCORES = np.random.default_rng(2)


LABELS = SCORES.integers(0, 300, (3, 130, 170)).astype(np.int32)


SIZE = {"Z": 2.0, "Y": 0.25, "X": 0.5}


@pytest.mark.parametrize("levels", [None, 3])
def test_ome_zarr_labels_are_valid_with_all_levels(tmp_path, levels):
    path = tmp_path / "a.zarr"
    labels = np.kron(LABELS[:2, :40, :50], np.ones((1, 41, 43), np.int32))  # 1640 × 2150
    write_ome_zarr(path, labels.astype(np.uint16), axes="ZYX", pixel_size=SIZE, levels=levels)
    group = ome_zarr_models.open_ome_zarr(path)
    assert isinstance(group, ImageLabel)
    scale = group.attributes.ome.multiscales[0]
    assert [axis.unit for axis in scale.axes] == ["micrometer"] * 3
    assert len(scale.datasets) == (levels or 3)  # 2150, 1075, 538
    for level, dataset in enumerate(scale.datasets):
        step = 2**level
        found = zarr.open_array(path / dataset.path, mode="r")
        np.testing.assert_array_equal(found[...], labels[:, ::step, ::step])
        (transform,) = dataset.coordinateTransformations
        assert transform.scale == [2.0, 0.25 * step, 0.5 * step]
    assert dict(open_image(path).pixel_size) == SIZE


def test_scores_are_a_valid_image_whose_levels_are_means(tmp_path):
    scores = SCORES.random((2, 3, 21, 30)).astype(np.float32)
    write_ome_zarr(tmp_path / "a.zarr", scores, axes="TCYX", levels=2)
    group = ome_zarr_models.open_ome_zarr(tmp_path / "a.zarr")
    assert isinstance(group, Image)
    coarse = zarr.open_array(tmp_path / "a.zarr" / "1", mode="r")[...]
    assert coarse.shape == (2, 3, 11, 15)
    np.testing.assert_allclose(
        coarse[..., :10, :], scores[..., :20, :].reshape(2, 3, 10, 2, 15, 2).mean((3, 5)), rtol=1e-6
    )
    placed = group.attributes.ome.multiscales[0].datasets[1].coordinateTransformations
    assert placed[1].translation == [0, 0, 0.5, 0.5]
