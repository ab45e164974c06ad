import numpy as np
import pytest

from napari_unet.core.evaluation import Comparison, f1, iou, seg

LABELS = np.eye(3, dtype=np.uint16)


def test_shapes_that_differ_are_told_with_both():
    with pytest.raises(ValueError, match=r"\(3, 3\) and the result \(3, 2\)"):
        f1(LABELS, LABELS[:, :2])


def test_scores_are_not_labels():
    with pytest.raises(TypeError, match="the result holds float64"):
        iou(LABELS, LABELS * 0.5)
    with pytest.raises(TypeError, match="the truth holds float32"):
        iou(LABELS.astype(np.float32), LABELS)


def test_labels_below_zero_are_refused():
    with pytest.raises(ValueError, match="the truth holds -1"):
        f1(np.array([[-1, 2]]), np.array([[1, 2]]))


def test_unlabelled_is_a_value_or_a_boolean_array():
    with pytest.raises(ValueError, match=r"not bool of shape \(2, 3\)"):
        iou(LABELS, LABELS, unlabelled=np.zeros((2, 3), bool))
    with pytest.raises(ValueError, match="not uint16"):
        iou(LABELS, LABELS, unlabelled=LABELS)


def test_as_many_results_as_truths():
    with pytest.raises(ValueError, match="2 images of truth cannot be compared with 1 image"):
        iou([LABELS, LABELS], [LABELS])
    with pytest.raises(ValueError, match="1 image of truth cannot be compared with 2 images"):
        iou(LABELS, [LABELS, LABELS])
    with pytest.raises(ValueError, match="unlabelled has 1 image for 2 images"):
        iou([LABELS, LABELS], [LABELS, LABELS], unlabelled=[LABELS > 0])
    with pytest.raises(ValueError, match="no image"):
        iou([], [])


def test_each_image_has_its_own_unlabelled_pixels():
    hidden = [LABELS > 0, np.zeros((3, 3), bool)]
    assert iou([LABELS, LABELS], [1 - LABELS, LABELS], unlabelled=hidden) == 3 / 9
    assert iou([LABELS, LABELS], [LABELS, LABELS], unlabelled=0) == 1


def test_booleans_are_labels():
    assert seg(LABELS > 0, LABELS) == 1


def test_nothing_of_the_users_is_changed():
    truth, result, hidden = LABELS.copy(), 1 - LABELS, LABELS == 0
    kept = truth.copy(), result.copy(), hidden.copy()
    comparison = Comparison(truth, result, hidden)
    comparison.erased(comparison.truth)[0, 0] = 7
    for array, before in zip((truth, result, hidden), kept, strict=True):
        assert np.array_equal(array, before)


def test_arrays_need_not_be_contiguous():
    wide = np.zeros((6, 6), int)
    wide[::2, ::2] = np.arange(9).reshape(3, 3)
    assert f1(wide[::2, ::2], np.arange(9).reshape(3, 3)) == 1
    assert f1(wide[::2, ::2].T, np.arange(9).reshape(3, 3).T) == 1
