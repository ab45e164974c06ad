"""The table of docs/evaluation.md, recomputed."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from napari_unet.core.evaluation import iou, pixel_error, rand_error, regions, v_rand
from napari_unet.core.evaluation.comparison import Comparison
from napari_unet.core.evaluation.warping import warping_error_measure

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared" / "data" / "isbi2012"

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data beside the checkout"),
]


def with_gaps(truth, rng):
    result = truth.copy()
    rows, columns = np.nonzero(~truth)
    for place in rng.choice(len(rows), 20, replace=False):
        y, x = rows[place], columns[place]
        result[max(0, y - 5) : y + 6, max(0, x - 5) : x + 6] = True
    return result


def results(truth):
    volume = tifffile.imread(DATA / "train-volume.tif")[16:].astype(float)
    rng = np.random.default_rng(0)
    yield [np.ones_like(t) for t in truth]
    yield [ndimage.gaussian_filter(plane, 2) > 110 for plane in volume]
    yield [~ndimage.binary_dilation(~t) for t in truth]
    yield [~ndimage.binary_erosion(~t) for t in truth]
    yield [with_gaps(t, rng) for t in truth]


def warping_counts(truth, result):
    """Pixels, those that differ, splits, merges …: added up over the slices, warped once."""
    count = warping_error_measure().count
    return sum(count(Comparison(t, r)).sum(0) for t, r in zip(truth, result, strict=True))


def table():
    text = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
    lines = text.split("| result | cell IoU")[1].split("\n\n")[0].splitlines()[2:]
    return [[float(cell) for cell in line.strip("| ").split("|")[1:]] for line in lines]


def test_the_table_is_true():
    truth = list(tifffile.imread(DATA / "train-labels.tif")[16:] > 0)
    cells = [regions(t) for t in truth]
    printed = table()
    assert len(printed) == 5
    for row, result in zip(printed, results(truth), strict=True):
        found = [regions(r) for r in result]
        figures = [
            iou(truth, result),
            iou([~t for t in truth], [~r for r in result]),
            pixel_error(truth, result),
            v_rand(cells, found),
            rand_error(cells, found),
        ]
        pixels, differ, _, merges, *_ = warping_counts(truth, result)
        assert row[:6] == pytest.approx([*figures, differ / pixels], abs=6e-5)
        assert row[6] == merges
