import numpy as np
import pytest
from scipy.stats import binomtest

from napari_unet.core.teaching.blind_check import BlindCheck, RightBeforeLearning, wilson
from napari_unet.core.teaching.stroke_agreement import Agreement


@pytest.mark.parametrize(("right", "number"), [(0, 3), (3, 3), (9, 10), (47, 50), (1, 200)])
def test_wilsons_interval_is_scipys(right, number):
    expected = binomtest(right, number).proportion_ci(0.95, method="wilson")
    np.testing.assert_allclose(wilson(right, number), (expected.low, expected.high), atol=1e-6)


def test_a_share_of_nothing_is_refused():
    with pytest.raises(ValueError, match="0 of 0"):
        wilson(0, 0)


def test_windows_of_the_blind_check_lie_evenly_in_the_image():
    check = BlindCheck(seed=3)
    boxes = [check.draw((3, 300, 500)) for _ in range(300)]
    planes = np.bincount([box[0].start for box in boxes], minlength=3)
    assert planes.min() > 70
    corners = np.array([[part.start for part in box[1:]] for box in boxes])
    assert corners.min() >= 0
    assert (corners <= [172, 372]).all()
    np.testing.assert_allclose(corners.mean(axis=0), [86, 186], rtol=0.12)
    assert BlindCheck(seed=3).draw((3, 300, 500)) == boxes[0]


def test_the_blind_check_says_what_was_counted_and_no_more():
    check = BlindCheck()
    assert check.result is None
    for right in (True, True, True, False):
        check.judge(right)
    result = check.result
    assert (result.share, result.number) == (0.75, 4)
    assert "3 of 4 windows drawn at random" in result.said
    assert f"{result.low:.0%} to {result.high:.0%}" in result.said


def test_foreseen_is_the_mean_over_the_last_twenty_strokes():
    foreseen = RightBeforeLearning()
    assert foreseen.share is None
    foreseen.note(Agreement(0, right, 10) for right in [10] * 5 + [0] * 10 + [10] * 10)
    assert len(foreseen.shares) == 20
    assert foreseen.share == pytest.approx(0.5)
    assert "20 strokes" in foreseen.said
    assert "50%" in foreseen.said
