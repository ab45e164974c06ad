import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.metrics import hausdorff_distance

from napari_unet.core.evaluation.error_objects import KINDS, error_layer

CASES = settings(max_examples=200, deadline=None, derandomize=True)
EXCHANGED = {"missed": "false", "false": "missed", "split": "merged", "merged": "split"}


def square(image, value, top, left, side=10):
    image[top : top + side, left : left + side] = value


@pytest.fixture
def scene():
    """One error of each kind, and an object that is right; every square is 10 × 10."""
    truth, result = np.zeros((2, 60, 60), int)
    square(truth, 1, 0, 0)  # missed
    square(result, 11, 0, 40)  # false
    square(truth, 2, 20, 0)  # split: 10 rows into 6, 2 and 2
    result[20:26, :10], result[26:28, :10], result[28:30, :10] = 12, 13, 14
    square(truth, 3, 20, 20)  # merged
    square(truth, 4, 20, 31)
    result[20:30, 20:41] = 15
    square(truth, 5, 45, 0)  # off by 3
    square(result, 16, 45, 3)
    square(truth, 6, 45, 30)  # off by 2: near enough
    square(result, 17, 45, 32)
    return truth, result


def test_each_kind_of_error(scene):
    layer = error_layer(*scene)
    found = {item.kind: item for item in layer.items}
    assert layer.counts == dict.fromkeys(KINDS, 1)
    assert (found["missed"].truth, found["missed"].result) == ((1,), ())
    assert (found["false"].truth, found["false"].result) == ((), (11,))
    assert (found["split"].truth, found["split"].result) == ((2,), (12, 13, 14))
    assert (found["merged"].truth, found["merged"].result) == ((3, 4), (15,))
    assert (found["border"].truth, found["border"].result) == ((5,), (16,))


def test_areas_are_pixels_to_correct_and_the_worst_comes_first(scene):
    items = error_layer(*scene).items
    assert [(item.kind, item.area) for item in items] == [
        ("missed", 100),
        ("false", 100),
        ("merged", 100),
        ("border", 60),
        ("split", 40),
    ]


def test_where_the_errors_are(scene):
    truth, result = scene
    layer = error_layer(truth, result)
    found = {item.kind: item for item in layer.items}
    assert found["missed"].box == ((0, 10), (0, 10))
    assert found["missed"].centre == (4.5, 4.5)
    assert found["merged"].box == ((20, 30), (20, 41))
    assert found["border"].box == ((45, 55), (0, 13))
    code = {kind: 1 + place for place, kind in enumerate(KINDS)}
    expected = np.zeros(truth.shape, int)
    for kind, where in (
        ("missed", truth == 1),
        ("false", result == 11),
        ("split", truth == 2),
        ("merged", result == 15),
        ("border", (truth == 5) ^ (result == 16)),
    ):
        expected[where] = code[kind]
    assert layer.labels.dtype == np.uint8
    assert np.array_equal(layer.labels, expected)
    with pytest.raises(ValueError, match="read-only"):
        layer.labels[0, 0] = 1


def test_where_errors_lie_over_each_other_the_worst_is_seen():
    truth, result = np.zeros((2, 20, 20), int)
    square(truth, 1, 0, 0)
    square(result, 1, 6, 6, side=9)
    for one, other, worst in ((truth, result, "missed"), (result, truth, "false")):
        layer = error_layer(one, other)
        assert (layer.items[0].kind, layer.items[0].area) == (worst, 100)
        assert set(layer.labels[6:10, 6:10].ravel()) == {1 + KINDS.index(worst)}


def test_a_border_may_be_off_by_so_much(scene):
    truth, result = scene
    assert error_layer(truth, result, distance=3).counts["border"] == 0
    assert error_layer(truth, result, distance=1.5).counts["border"] == 2
    found = {item.kind: item for item in error_layer(truth, result).items}
    assert found["border"].distance == 3
    assert found["split"].distance == 0


@pytest.mark.parametrize("seed", range(20))
def test_the_distance_is_hausdorffs(seed):
    rng = np.random.default_rng(seed)
    truth, result = np.zeros((2, 30, 30), int)
    truth[5:20, 5:20], result[6:22, 4:18] = 7, 9
    result[rng.integers(6, 20), rng.integers(18, 28)] = 9
    truth[(rng.random((30, 30)) < 0.05) & (truth > 0)] = 0
    expected = hausdorff_distance(truth == 7, result == 9)
    (item,) = error_layer(truth, result, distance=0).items
    assert item.distance == pytest.approx(expected)
    assert item.area == ((truth == 7) ^ (result == 9)).sum()


@CASES
@given(hnp.arrays(np.uint8, (6, 7), elements=st.integers(0, 4)), st.data())
def test_exchanged_truth_and_result_exchange_the_errors(truth, data):
    other = data.draw(hnp.arrays(np.uint8, (6, 7), elements=st.integers(0, 4)))
    result = np.where(data.draw(hnp.arrays(bool, (6, 7))), truth, other)
    there = {(i.kind, i.area, i.truth, i.result) for i in error_layer(truth, result).items}
    back = {
        (EXCHANGED.get(i.kind, i.kind), i.area, i.result, i.truth)
        for i in error_layer(result, truth).items
    }
    assert there == back


@CASES
@given(hnp.arrays(np.uint8, (6, 7), elements=st.integers(0, 4)), st.data())
def test_each_object_is_accounted_for(truth, data):
    """By brute force: links by majority, and each object in an error or linked to one alone."""
    result = data.draw(hnp.arrays(np.uint8, (6, 7), elements=st.integers(0, 4)))
    hidden = data.draw(st.none() | hnp.arrays(bool, (6, 7)))
    known = np.ones((6, 7), bool) if hidden is None else ~hidden
    true = {i: (truth == i) & known for i in range(1, 5) if ((truth == i) & known).any()}
    found = {j: (result == j) & known for j in range(1, 5) if ((result == j) & known).any()}
    links = {
        (i, j)
        for i, a in true.items()
        for j, b in found.items()
        if 2 * (a & b).sum() > min(a.sum(), b.sum())
    }
    expected = []
    for i, a in true.items():
        to = [j for j in found if (i, j) in links]
        if not to:
            expected.append(("missed", a.sum(), (i,), ()))
        if len(to) > 1:
            shared = [(a & found[j]).sum() for j in to]
            expected.append(("split", sum(shared) - max(shared), (i,), tuple(to)))
    for j, b in found.items():
        to = [i for i in true if (i, j) in links]
        if not to:
            expected.append(("false", b.sum(), (), (j,)))
        if len(to) > 1:
            shared = [(b & true[i]).sum() for i in to]
            expected.append(("merged", sum(shared) - max(shared), tuple(to), (j,)))
    layer = error_layer(truth, result, unlabelled=hidden)
    own = [(i.kind, i.area, i.truth, i.result) for i in layer.items if i.kind != "border"]
    assert sorted(own) == sorted(expected)
    assert all(layer.labels[~known] == 0)
    assert [i.area for i in layer.items] == sorted((i.area for i in layer.items), reverse=True)


def test_in_three_dimensions_and_with_large_ids():
    truth, result = np.zeros((2, 12, 12, 12), np.int64)
    truth[:4, :4, :4] = 2**31
    result[6:, 6:, 6:] = 2**40
    layer = error_layer(truth, result)
    assert [(i.kind, i.truth, i.result) for i in layer.items] == [
        ("false", (), (2**40,)),
        ("missed", (2**31,), ()),
    ]
    assert layer.items[1].box == ((0, 4),) * 3


def test_nothing_wrong():
    layer = error_layer(np.eye(4, dtype=int), np.eye(4, dtype=int))
    assert layer.items == ()
    assert not layer.labels.any()
    assert set(layer.counts.values()) == {0}
    assert error_layer(np.zeros((3, 3), int), np.zeros((3, 3), int)).items == ()


def test_unlabelled_pixels_hold_no_errors(scene):
    truth, result = scene
    hidden = np.zeros(truth.shape, bool)
    hidden[:32] = True
    layer = error_layer(truth, result, unlabelled=hidden)
    assert layer.counts == {**dict.fromkeys(KINDS, 0), "border": 1}
