"""Labels in files are the labels, for any program that opens them."""

import numpy as np
import ome_zarr_models
import pytest
import tifffile
import zarr
from ome_zarr_models.v05 import Image, ImageLabel

from napari_unet.core.files import label_file
from napari_unet.core.files.image_file import open_image
from napari_unet.core.files.label_file import write_labels, write_tiff
from napari_unet.core.files.ome_zarr import write_ome_zarr

RNG = np.random.default_rng(2)
LABELS = RNG.integers(0, 300, (3, 130, 170)).astype(np.int32)
SIZE = {"Z": 2.0, "Y": 0.25, "X": 0.5}


@pytest.fixture(params=["whole", "tiled", "bigtiff"])
def large(request, monkeypatch):
    """Write as a small, a large and a very large file would be written."""
    monkeypatch.setattr(label_file, "TILE", 64)
    if request.param != "whole":
        monkeypatch.setattr(label_file, "LARGE", 1000)
    if request.param == "bigtiff":
        monkeypatch.setattr(label_file, "CLASSIC", 1000)
    return request.param


@pytest.mark.parametrize("lazy", [False, True])
def test_tiff_keeps_labels_axes_and_pixel_size(tmp_path, large, lazy):
    path = tmp_path / "a.tif"
    labels = zarr.array(LABELS.astype(np.uint16), chunks=(1, 50, 60)) if lazy else LABELS
    write_labels(path, labels, axes="ZYX", pixel_size=SIZE)
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        assert file.is_bigtiff == (large == "bigtiff")
        assert file.pages[0].is_tiled == (large != "whole")
        assert file.pages[0].compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert file.series[0].axes == "ZYX"
        np.testing.assert_array_equal(file.asarray(), LABELS)
        assert file.asarray().dtype == np.uint16
        assert file.pages[0].get_resolution("micrometer") == pytest.approx((2.0, 4.0))
    image = open_image(path)
    assert dict(image.pixel_size) == SIZE
    np.testing.assert_array_equal(np.asarray(image.data), LABELS)


def test_scores_keep_every_bit(tmp_path, large):
    scores = RNG.random((2, 130, 170)).astype(np.float32)
    write_tiff(tmp_path / "a.tif", scores, axes="CYX")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), scores)
    assert open_image(tmp_path / "a.tif").axes == "CYX"


@pytest.mark.parametrize(
    ("most", "kind"),
    [(1, np.uint16), (2**16 - 1, np.uint16), (2**16, np.uint32), (2**32 - 1, np.uint32)],
)
def test_the_type_is_the_smallest_that_other_programs_read(tmp_path, most, kind):
    labels = np.array([[0, most]])
    write_labels(tmp_path / "a.tif", labels, axes="YX")
    found = tifffile.imread(tmp_path / "a.tif")
    assert found.dtype == kind
    np.testing.assert_array_equal(found, labels)


@pytest.mark.parametrize(
    ("name", "labels", "axes", "error"),
    [
        ("a.tif", np.array([[-1, 2]]), "YX", "from -1 to 2"),
        ("a.tif", np.array([[0, 2**32]]), "YX", "to 4294967296"),
        ("a.tif", np.array([[0.5]]), "YX", "not float64"),
        ("a.tif", LABELS, "CYX", "without channels"),
        ("a.tif", LABELS, "YX", "names 2 axes"),
        ("a.png", LABELS, "ZYX", "one plane"),
        ("a.png", LABELS[0] + 2**16, "YX", "up to 65835"),
        ("a.jpg", LABELS[0], "YX", "no suffix for labels"),
    ],
)
def test_labels_that_a_file_cannot_hold_are_refused(tmp_path, name, labels, axes, error):
    with pytest.raises((ValueError, TypeError), match=error):
        write_labels(tmp_path / name, labels, axes=axes)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.zarr"])
def test_nothing_is_overwritten_unasked(tmp_path, name):
    for overwrite in (False, True):
        write_labels(tmp_path / name, LABELS[0] + overwrite, axes="YX", overwrite=overwrite)
    with pytest.raises(FileExistsError):
        write_labels(tmp_path / name, LABELS[0], axes="YX")
    np.testing.assert_array_equal(np.asarray(open_image(tmp_path / name).data), LABELS[0] + 1)
    assert len(list(tmp_path.iterdir())) == 1


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
    scores = RNG.random((2, 3, 21, 30)).astype(np.float32)
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
