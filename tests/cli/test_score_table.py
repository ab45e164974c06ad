"""Figures are told in a table that people can read, as facts, and as a CSV file."""

import csv
import json
from argparse import Namespace
from types import SimpleNamespace

import pytest

from napari_unet.cli.command import Report
from napari_unet.cli.score_table import (
    HEADINGS,
    LONGEST_NAME,
    MOST_COLUMNS,
    OF_EACH,
    facts,
    heading,
    number,
    tell_images,
    tell_summary,
    write_csv,
)
from napari_unet.core.evaluation import Figure, Interval

IMAGES = [
    SimpleNamespace(name="a", figures={"f1": 0.25, "precision": 0.1, "iou of 2": 0.0}),
    SimpleNamespace(name="b" * 60, figures={"f1": 0.5, "precision": 0.2, "iou of 2": 2e-4}),
]
INTERVAL = Interval(0.2, 0.4, "images", 2)
FIGURES = [
    Figure("f1", 0.3, INTERVAL, 0.375, Interval(0.25, 0.5, "images", 2)),
    Figure("precision", 0.15, None, 0.15, None),
]


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (0.0, "0.0000"),
        (1.0, "1.0000"),
        (0.001, "0.0010"),
        (0.00099, "9.90e-04"),
        (0.12345, "0.1235"),
    ],
)
def test_a_number_has_four_decimals_or_its_power_of_ten(figure, text):
    assert number(figure) == text


def test_a_measure_has_a_name_that_people_know():
    assert heading("average_precision") == "AP"
    assert heading("iou of 2") == "IoU of class 2"
    assert set(OF_EACH) <= set(HEADINGS)


def test_each_image_is_a_line_and_long_names_are_cut(capsys):
    tell_images(Report(Namespace(quiet=False, json=False)), IMAGES)
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["image,", "worst", "first", "F1", "IoU", "of", "class", "2"]
    assert first.split() == ["a", "0.2500", "0.0000"], "precision is left to --csv and --json"
    assert second.split()[0] == "b" * (LONGEST_NAME - 1) + "…"
    assert second.endswith("2.00e-04")
    assert len(header) == len(first) == len(second)


def test_no_more_columns_than_a_terminal_has_room_for(capsys):
    figures = dict.fromkeys([*OF_EACH, *(f"iou of {n}" for n in range(9))], 0.5)
    tell_images(
        Report(Namespace(quiet=False, json=False)), [SimpleNamespace(name="a", figures=figures)]
    )
    assert len(capsys.readouterr().out.splitlines()[1].split()) == 1 + MOST_COLUMNS


def test_the_summary_has_means_only_of_several_images(capsys):
    tell_summary(Report(Namespace(quiet=False, json=False)), FIGURES, 2, ["A note."])
    out = capsys.readouterr().out
    lines = {line.split()[0]: line for line in out.splitlines() if line}
    assert lines["F1"].split() == [
        "F1",
        "0.3000",
        *["0.2000", "–", "0.4000", "0.3750", "0.2500", "–", "0.5000"],
    ]
    assert lines["precision"].split() == ["precision", "0.1500", "–", "0.1500", "–"]
    assert out.endswith("A note.\nIntervals: bootstrap over the 2 images.\n")
    one = [Figure("f1", 0.3, Interval(0.2, 0.4, "objects", 17), 0.3, None)]
    tell_summary(Report(Namespace(quiet=False, json=False)), one, 1, [])
    out = capsys.readouterr().out
    assert "1 image" in out
    assert "mean of images" not in out
    assert out.endswith("Intervals: bootstrap within the image, over 17 objects.\n")


def test_programs_get_every_figure_as_a_line_of_json(capsys):
    report = Report(Namespace(quiet=False, json=True))
    tell_images(report, IMAGES)
    tell_summary(report, FIGURES, 2, ["A note."])
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["figures"] for one in told[:2]] == [image.figures for image in IMAGES]
    assert [one["measure"] for one in told[2:]] == ["f1", "precision"]
    assert told[2]["pooled_interval"] == INTERVAL._asdict()
    assert told[3]["pooled_interval"] is None
    assert facts(FIGURES[0])["mean"] == 0.375


def test_the_csv_file_has_images_then_pooled_then_mean(tmp_path):
    path = tmp_path / "figures.csv"
    write_csv(path, IMAGES, FIGURES)
    with path.open(newline="", encoding="utf-8") as file:
        rows = {row["row"]: row for row in csv.DictReader(file)}
    assert list(rows)[:3] == ["a", "b" * 60, "(pooled)"]
    assert rows["a"] == {"row": "a", "f1": "0.25", "precision": "0.1"}
    assert rows["(mean)"]["f1"] == "0.375"
    low = rows["(pooled, low end of the 95 % interval)"]
    assert (low["f1"], low["precision"]) == ("0.2", "")
    with pytest.raises(FileExistsError):
        write_csv(path, IMAGES, FIGURES)
