import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.core.teaching.strokes import Strokes

SHAPE = (40, 600)  # wide enough for three pieces


def rectangles():
    """Boxes with the code (0 erased, 1, 2) they are filled with."""
    row, column = st.integers(0, SHAPE[0] - 1), st.integers(200, SHAPE[1] - 1)
    return st.tuples(row, column, st.integers(1, 12), st.integers(1, 90), st.integers(0, 2))


def box_of(row, column, height, width):
    return slice(row, min(row + height, SHAPE[0])), slice(column, min(column + width, SHAPE[1]))


def kinds_in(strokes, box):
    """Return what is painted in a box: 255 where nothing is."""
    return strokes.table()[strokes.numbers_in((), box)]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(rectangles(), max_size=8), st.sampled_from([1, 2, 4]))
def test_strokes_hold_what_the_layer_holds_however_it_was_painted(painted, factor):
    layer = np.zeros(SHAPE, np.uint8)
    strokes = Strokes(SHAPE, factor)
    for *place, code in painted:
        box = box_of(*place)
        layer[box] = code
        known = kinds_in(strokes, box).copy()
        kinds = np.where(layer[box] == 0, 255, layer[box] - 1).astype(np.uint8)
        found = strokes.paint((), box, kinds)
        assert (found is None) == bool((known == kinds).all())
    whole = tuple(slice(0, n) for n in SHAPE)
    expected = np.where(layer == 0, 255, layer - 1)
    np.testing.assert_array_equal(kinds_in(strokes, whole), expected)
    pixels = [tuple(p) for s in strokes for p in s.pixels.tolist()]
    assert len(pixels) == len(set(pixels)) == np.count_nonzero(layer)
    for stroke in strokes:
        assert (expected[tuple(stroke.pixels.T)] == stroke.kind).all()
    small = strokes.numbers(())[tuple(slice(0, -(-n // factor)) for n in SHAPE)]
    painted_squares = (
        np.pad(layer > 0, [(0, -n % factor) for n in SHAPE])
        .reshape(small.shape[0], factor, small.shape[1], factor)
        .any(axis=(1, 3))
    )
    np.testing.assert_array_equal(small > 0, painted_squares)


def test_undo_takes_pixels_away_from_strokes_and_back():
    strokes = Strokes(SHAPE)
    box = (slice(0, 4), slice(0, 10))
    kinds = np.zeros((4, 10), np.uint8)
    (first,) = strokes.paint((), box, kinds)
    over = kinds.copy()
    over[:, 5:] = 1
    (second,) = strokes.paint((), box, over)
    assert (len(strokes.get(first.number).pixels), len(second.pixels)) == (20, 20)
    (back,) = strokes.paint((), box, kinds)  # undo: what was there before
    assert strokes.get(second.number) is None
    assert len(back.pixels) == 20
    assert strokes.paint((), box, np.full((4, 10), 255, np.uint8)) == []
    assert len(strokes) == 0
    assert strokes.kinds == ()


def test_a_working_pixel_goes_to_the_stroke_it_holds_most_of():
    strokes = Strokes((4, 4), factor=2)
    kinds = np.array([[0, 1, 255, 255], [1, 1, 255, 0], [255] * 4, [255] * 4], np.uint8)
    strokes.paint((), (slice(0, 4), slice(0, 4)), kinds)
    table = strokes.table()
    found = table[strokes.numbers(())[slice(0, 2), slice(0, 2)]]
    np.testing.assert_array_equal(found, [[1, 0], [255, 255]])


@pytest.mark.parametrize(("confirmed", "weight"), [(True, 0.5), (False, 1.0)])
def test_confirmed_pixels_weigh_half_and_go_together(confirmed, weight):
    strokes = Strokes((8, 8))
    (stroke,) = strokes.paint((), (slice(0, 2), slice(0, 2)), np.zeros((2, 2), np.uint8), confirmed)
    assert stroke.weight == weight
    strokes.remove([stroke])
    assert len(strokes) == 0
    assert (kinds_in(strokes, (slice(0, 8), slice(0, 8))) == 255).all()


def test_an_array_says_of_each_pixel_whether_it_is_confirmed():
    strokes = Strokes((8, 8))
    box = (slice(0, 2), slice(0, 4))
    kinds = np.array([[0, 0, 1, 1], [255, 0, 1, 1]], np.uint8)
    taken = np.array([[1, 0, 1, 0], [1, 0, 1, 0]], bool)
    strokes.paint((), box, kinds, taken)
    told = {(s.kind, s.confirmed): s.pixels.tolist() for s in strokes}
    assert told == {
        (0, False): [[0, 1], [1, 1]], (0, True): [[0, 0]],
        (1, False): [[0, 3], [1, 3]], (1, True): [[0, 2], [1, 2]],
    }  # fmt: skip
    assert strokes.paint((), box, kinds, taken) is None  # nothing is new
    assert strokes.paint((), box, kinds, False) is None  # nor does this tell of what is not new
    assert len(strokes.paint((), box, kinds, ~taken)) == 4
    told = {(s.kind, s.confirmed): s.pixels.tolist() for s in strokes}
    assert told == {
        (0, True): [[0, 1], [1, 1]], (0, False): [[0, 0]],
        (1, True): [[0, 3], [1, 3]], (1, False): [[0, 2], [1, 2]],
    }  # fmt: skip
