"""The table of objects says what scikit-image measures."""

import csv

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.measure import regionprops

from napari_unet.core.objects.label_objects import ObjectSettings, label_objects_tiled
from napari_unet.core.objects.object_table import ObjectTable, preferred_classes


@pytest.fixture(params=[(60, 70), (14, 30, 25)])
def case(request):
    """Return scores of three classes, the objects in them, and the class of each."""
    rng = np.random.default_rng(1)
    values = np.stack([gaussian_filter(rng.normal(size=request.param), 1.5) for _ in range(3)])
    scores = np.exp(8 * values) / np.exp(8 * values).sum(0)
    labels, work = np.zeros((2, *request.param), np.int32)
    kinds = label_objects_tiled(scores, labels, ObjectSettings(), work=work)
    return scores.astype(np.float32), labels, kinds


def test_measures_are_those_of_scikit_image(case):
    scores, labels, kinds = case
    edges = (5, 13, 17)  # objects lie across boxes
    table = ObjectTable.measure(labels, scores, kinds, "ZYX"[-labels.ndim :], edges=edges)
    expected = regionprops(labels, np.moveaxis(scores, 0, -1))
    assert len(table) == len(expected) > 5
    for row, one in enumerate(expected):
        assert table.label[row] == one.label
        assert table.kind[row] == scores[1:].argmax(0)[tuple(one.coords[0])] + 1
        assert table.area[row] == one.area
        np.testing.assert_allclose(table.centroid[row], one.centroid)
        assert (*table.low[row], *table.high[row]) == one.bbox
        np.testing.assert_allclose(table.score[row], one.intensity_mean[table.kind[row]], rtol=1e-5)


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_csv_has_sizes_where_pixels_have_one(tmp_path):
    labels = np.zeros((2, 20, 30), np.int32)
    labels[0, 2:5, 4:10], labels[1, 10:20, 0:3] = 1, 3  # no object 2
    scores = np.full((3, 2, 20, 30), 0.25, np.float32)
    kinds = np.array([0, 1, 1, 2], np.uint8)
    table = ObjectTable.measure(labels, scores, kinds, "TYX", 2)
    table.write(tmp_path / "a.csv", names=["background", "cell", "débris, old"])
    rows = read(tmp_path / "a.csv")
    assert rows[1] == {
        "label": "3", "class": "2", "class_name": "débris, old", "area_px": "30",
        "centroid_t_px": "1.000", "centroid_y_px": "14.500", "centroid_x_px": "1.000",
        "box_t_start": "1", "box_y_start": "10", "box_x_start": "0",
        "box_t_stop": "2", "box_y_stop": "20", "box_x_stop": "3", "mean_score": "0.2500",
    }  # fmt: skip
    table.write(tmp_path / "b.csv", pixel_size={"Y": 0.5, "X": 0.25})
    assert [row["size_um2"] for row in read(tmp_path / "b.csv")] == ["2.25", "3.75"]
    with pytest.raises(FileExistsError, match=r"b\.csv exists already"):
        table.write(tmp_path / "b.csv")


def test_no_objects_make_a_table_of_no_rows(tmp_path):
    table = ObjectTable.measure(
        np.zeros((5, 5), np.int32), np.zeros((2, 5, 5)), np.zeros(1, np.uint8), "YX"
    )
    table.write(tmp_path / "a.csv")
    assert read(tmp_path / "a.csv") == []


@pytest.mark.parametrize("shape", [(40, 50), (3, 20, 30), (2, 2, 20, 30)])
def test_it_is_the_class_that_one_object_after_the_other_gives(shape):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 9, shape)
    scores = rng.random((4, *shape)).astype(np.float32)
    scores[0] *= 5  # the background has the highest score
    wanted = [7, 2, 5]
    expected = [1 + scores[1:, labels == label].sum(axis=1).argmax() for label in wanted]
    edges = (2, 16, 16)  # objects lie across boxes
    assert preferred_classes(labels, scores, wanted, edges).tolist() == expected
    assert len(set(expected)) > 1


def test_what_is_not_scored_is_of_the_first_class():
    labels = np.array([[0, 3], [3, 8]])
    assert preferred_classes(labels, np.zeros((3, 2, 2), np.float32), [3, 8]).tolist() == [1, 1]
