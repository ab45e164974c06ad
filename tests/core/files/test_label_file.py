"""Labels in files are the labels, for any program that opens them."""

import numpy as np
import pytest
import tifffile
import zarr

from napari_unet.core.files import label_file
from napari_unet.core.files.image_file import open_image
from napari_unet.core.files.label_file import write_labels, write_tiff

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
