import csv
import json

import numpy as np
import pytest
import tifffile
from skimage.io import imsave

from napari_unet.cli import command
from napari_unet.core import evaluation


@pytest.fixture(autouse=True)
def one_verb(monkeypatch):
    monkeypatch.setattr(command, "VERBS", ("evaluate",))


@pytest.fixture
def folders(tmp_path):
    """Three images of 16 objects, 8, 0 and 4 of them missed; a file on each side is alone."""
    truth = np.kron(np.arange(1, 17, dtype=np.uint16).reshape(4, 4), np.ones((6, 6), np.uint16))
    (tmp_path / "truth").mkdir()
    (tmp_path / "result").mkdir()
    for name, missed in (("a", 8), ("b", 0), ("c", 4)):
        tifffile.imwrite(tmp_path / "truth" / f"{name}.tif", truth)
        found = np.where(truth <= missed, 0, truth).astype(np.uint16)
        imsave(tmp_path / "result" / f"{name}_mask.png", found, check_contrast=False)
    tifffile.imwrite(tmp_path / "truth" / "alone.tif", truth)
    tifffile.imwrite(tmp_path / "result" / "other.tif", truth)
    return tmp_path / "truth", tmp_path / "result"


def evaluate(*arguments):
    return command.main(["evaluate", *map(str, arguments)])


def events(text):
    return [json.loads(line) for line in text.splitlines()]


def test_a_table_worst_image_first_then_the_summary(folders, capsys):
    assert evaluate(*folders) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split()[:5] == ["image,", "worst", "first", "AP", "mean"]
    assert [line.split()[:2] for line in lines[1:4]] == [
        ["a", "0.5000"],
        ["c", "0.7500"],
        ["b", "1.0000"],
    ]
    summary = {line.split("  ")[0]: line.split() for line in lines[5:] if line}
    assert summary["AP"][1] == "0.7500"  # 36 of 48
    assert summary["F1"][1] == f"{2 * 36 / (2 * 36 + 12):.4f}"
    assert "A match is an IoU of 0.5 or more." in lines
    assert lines[-1] == "Intervals: bootstrap over the 3 images."
    assert "alone.tif in" in err
    assert "other.tif in" in err


def test_json_holds_what_the_library_returns(folders, capsys):
    truth, result = folders
    assert evaluate(truth, result, "--json", "--quiet", "--warping") == 0
    told = events(capsys.readouterr().out)
    images = [e for e in told if "image" in e]
    assert [e["image"] for e in images] == ["a", "c", "b"]
    labels = tifffile.imread(truth / "a.tif")
    found = np.where(labels <= 8, 0, labels)
    for name in (
        "f1",
        "seg",
        "panoptic_quality",
        "v_rand",
        "v_info",
        "rand_error",
        "iou",
        "warping_error",
    ):
        assert images[0]["figures"][name] == pytest.approx(getattr(evaluation, name)(labels, found))
    summary = {e["measure"]: e for e in told if "measure" in e}
    assert summary["recall"]["pooled"] == pytest.approx(36 / 48)
    assert summary["recall"]["mean"] == pytest.approx((0.5 + 0.75 + 1) / 3)
    interval = summary["recall"]["pooled_interval"]
    assert interval["low"] == 0.5
    assert interval["high"] == 1
    assert (interval["units"], interval["number"]) == ("images", 3)
    assert sum(e["event"] == "warning" for e in told) == 2


def test_csv_holds_every_figure_and_is_never_written_over(folders, tmp_path, capsys):
    path = tmp_path / "figures.csv"
    assert evaluate(*folders, "--csv", path) == 0
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["row"] for row in rows[:4]] == ["a", "c", "b", "(pooled)"]
    assert float(rows[0]["recall"]) == 0.5
    assert float(rows[3]["recall"]) == 0.75
    before = path.read_bytes()
    assert evaluate(*folders, "--csv", path) == 1
    assert "exists already" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_shapes_that_differ_are_an_error_with_both(tmp_path, capsys):
    tifffile.imwrite(tmp_path / "truth.tif", np.zeros((8, 9), np.uint8))
    tifffile.imwrite(tmp_path / "result.tif", np.zeros((8, 7), np.uint8))
    assert evaluate(tmp_path / "truth.tif", tmp_path / "result.tif") == 1
    error = capsys.readouterr().err
    assert "(8, 9)" in error
    assert "(8, 7)" in error


def save(tmp_path, truth, result, **more):
    for name, labels in (("truth", truth), ("result", result)):
        tifffile.imwrite(tmp_path / f"{name}.tif", labels, **more)
    return tmp_path / "truth.tif", tmp_path / "result.tif"


def figures(capsys):
    told = events(capsys.readouterr().out)
    return {e["measure"]: e["pooled"] for e in told if "measure" in e}


def test_one_image_has_intervals_over_its_objects(tmp_path, capsys):
    truth = np.kron(np.arange(1, 17, dtype=np.uint8).reshape(4, 4), np.ones((6, 6), np.uint8))
    files = save(tmp_path, truth, np.where(truth < 5, 0, truth).astype(np.uint8))
    assert evaluate(*files) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "Intervals: bootstrap within the image, over 16 objects, 64 parts of the image."


def test_classes_with_a_value_to_ignore(tmp_path, capsys):
    truth = np.array([[0, 0, 1, 1], [2, 2, 255, 255]], np.uint8)
    result = np.array([[0, 1, 1, 1], [2, 2, 0, 2]], np.uint8)
    assert evaluate(*save(tmp_path, truth, result), "--classes", "--ignore", 255, "--json") == 0
    found = figures(capsys)
    assert found["iou of 0"] == pytest.approx(1 / 2)
    assert found["iou of 1"] == pytest.approx(2 / 3)
    assert found["iou of 2"] == 1
    assert found["mean_iou"] == pytest.approx((1 / 2 + 2 / 3 + 1) / 3)
    assert found["pixel_error"] == pytest.approx(1 / 6)
    assert "iou of 255" not in found


def test_objects_are_not_taken_for_classes(tmp_path, capsys):
    labels = np.arange(100, dtype=np.uint8).reshape(10, 10)
    assert evaluate(*save(tmp_path, labels, labels), "--classes") == 1
    assert "100 values, too many to be classes" in capsys.readouterr().err


def test_regions_of_a_mask(tmp_path, capsys):
    """Two cells apart by a border; the result has lost the border."""
    truth = np.full((9, 21), 255, np.uint8)
    truth[:, 10] = 0
    files = save(tmp_path, truth, np.full_like(truth, 255))
    assert evaluate(*files, "--regions", "--json") == 0
    found = figures(capsys)
    assert found["recall"] == 0
    assert found["v_rand"] == pytest.approx(2 / 3, abs=0.001)
    assert evaluate(*files) == 0
    assert "one label, 255, in 2 pieces: if each is an object, give --regions" in (
        capsys.readouterr().err
    )


def test_volumes_planes_and_time_points(tmp_path, capsys):
    truth = np.zeros((5, 8, 8), np.uint8)
    truth[:, 2:6, 2:6] = 1
    result = truth.copy()
    result[1] = 0
    files = save(tmp_path, truth, result)
    assert evaluate(*files, "--json") == 0  # one object, four fifths of it found
    assert figures(capsys)["panoptic_quality"] == pytest.approx(4 / 5)
    for more in (["--planes"], ["--axes", "TYX"]):
        assert evaluate(*files, "--json", *more) == 0
        told = events(capsys.readouterr().out)
        letter = "z" if more == ["--planes"] else "t"
        assert next(e["image"] for e in told if "image" in e) == f"truth {letter}=1"
        assert {e["measure"]: e["pooled"] for e in told if "measure" in e}["recall"] == 4 / 5


def test_the_iou_of_a_match(tmp_path, capsys):
    truth, result = np.array([[1] * 10]), np.array([[1] * 7 + [0] * 3])
    files = save(tmp_path, truth.astype(np.uint8), result.astype(np.uint8))
    for iou, expected in ((0.5, 1), (0.7, 1), (0.75, 0)):
        assert evaluate(*files, "--json", "--iou", iou) == 0
        assert figures(capsys)["f1"] == expected
    assert evaluate(*files, "--iou", 0) == 1
    assert "above 0 and up to 1" in capsys.readouterr().err


def test_what_are_no_labels_is_told(tmp_path, capsys):
    files = save(tmp_path, np.zeros((4, 4), np.float32), np.zeros((4, 4), np.float32))
    assert evaluate(*files) == 1
    assert "truth: labels are whole numbers and the truth holds float32" in capsys.readouterr().err
    colour = save(tmp_path, np.zeros((6, 5, 3), np.uint8), np.zeros((6, 5, 3), np.uint8))
    assert evaluate(*colour) == 1
    assert "--axes" in capsys.readouterr().err
    assert evaluate(*colour, "--axes", "YXZ") == 0


def test_objects_that_segment_wrote_are_preferred(tmp_path, capsys):
    labels = np.kron(np.arange(1, 5, dtype=np.uint8).reshape(2, 2), np.ones((4, 4), np.uint8))
    (tmp_path / "truth").mkdir()
    (tmp_path / "out").mkdir()
    tifffile.imwrite(tmp_path / "truth" / "x.tif", labels)
    tifffile.imwrite(tmp_path / "out" / "x_objects.tif", labels)
    tifffile.imwrite(tmp_path / "out" / "x_labels.tif", (labels > 0).astype(np.uint8))
    assert evaluate(tmp_path / "truth", tmp_path / "out", "--json") == 0
    told = events(capsys.readouterr().out)
    assert [e["figures"]["f1"] for e in told if "image" in e] == [1.0]
    assert any("x_labels.tif stayed out" in e["text"] for e in told if e["event"] == "warning")
