"""Which share of each stroke is right: as the preview of the whole image would have it."""

import numpy as np
import pytest

from napari_unet.core.teaching.image_view import CELL
from napari_unet.core.teaching.stroke_agreement import (
    MOST_CELLS,
    Agreement,
    AgreementTest,
    balanced,
    by_class,
)
from napari_unet.core.teaching.strokes import Stroke


def stroke(number, kind=0):
    return Stroke(number, kind, (), np.zeros((1, 2), np.int32))


OLD, OTHER, NEW = stroke(1), stroke(2, 1), stroke(3)


def test_agreement_counts_each_class_as_much():
    found = {OLD: Agreement(0, 900, 1000), OTHER: Agreement(1, 5, 10)}
    assert balanced(found) == pytest.approx(0.7)


def test_agreement_counts_confirmed_pixels_half():
    found = {OLD: Agreement(0, 10, 10), NEW: Agreement(0, 0, 10, 0.5), OTHER: Agreement(1, 10, 10)}
    assert balanced(found) == pytest.approx((10 / 15 + 1) / 2)


def test_nothing_painted_agrees_with_nothing():
    assert balanced({}) == 0.0
    assert by_class({OLD: Agreement(0, 3, 4), NEW: Agreement(0, 1, 4)}) == {0: 0.5}
    assert Agreement(0, 3, 4).share == 0.75


@pytest.fixture
def test_of(taught):
    return AgreementTest(taught._picture, taught._strokes)


def test_the_agreement_is_that_of_the_preview(test_of, taught, picture):
    scorer = taught._history.scorer()
    labels = taught.predict(tuple(slice(0, n) for n in picture[0].shape))[0]
    found = test_of.agreements(scorer, taught.strokes)
    assert list(found) == list(taught.strokes)
    for one, agreement in found.items():
        right = labels[tuple(one.pixels.T)] == one.kind
        assert (agreement.right, agreement.pixels) == (right.sum(), len(right))
        assert (agreement.kind, agreement.weight) == (one.kind, one.weight)


def test_values_of_cells_are_those_before_the_softmax(test_of, taught, picture):
    scorer, cells = taught._history.scorer(), [((), 0, 1), ((), 1, 2)]
    scores = taught.predict(tuple(slice(0, n) for n in picture[0].shape))[1]
    for (_, row, column), values in test_of.values(scorer, cells).items():
        box = (slice(row * CELL, (row + 1) * CELL), slice(column * CELL, (column + 1) * CELL))
        odds = np.log(scores[1] / scores[0])[box]
        inside = tuple(slice(0, n) for n in odds.shape)
        np.testing.assert_allclose((values[1] - values[0])[inside], odds, atol=2e-3)


def test_of_a_large_stroke_some_cells_spread_over_it_are_scored(test_of, taught, picture):
    rows, columns = picture[0].shape
    taught.paint((slice(0, rows), slice(0, columns)), np.ones((rows, columns), np.uint8))
    large = [one for one in taught.strokes if len(one.pixels) > 3 * CELL**2]
    assert len(large) == 1
    assert test_of.cells(large) == MOST_CELLS < -(-rows // CELL) * -(-columns // CELL)
    found = test_of.agreements(taught._history.scorer(), large)[large[0]]
    assert 0 < found.pixels <= MOST_CELLS * CELL**2
