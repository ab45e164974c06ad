"""Gray curves: between what was drawn, always rising, without corners."""

import numpy as np
import pytest
from scipy.integrate import cumulative_trapezoid

from napari_unet.core.deformation.deformation import GrayCurve


def drawn(gray, count=500):
    rng = np.random.default_rng(0)
    return [GrayCurve.draw(rng, gray) for _ in range(count)]


def test_a_curve_is_the_integral_of_its_slopes():
    for curve in drawn(0.7, 5):
        value = np.linspace(0, 1, 4001)
        rise = cumulative_trapezoid(
            np.interp(value, np.linspace(0, 1, 5), curve.slopes), value, initial=0
        )
        expected = curve.black + (curve.white - curve.black) * rise / rise[-1]
        np.testing.assert_allclose(curve.apply(value), expected, atol=1e-6)


@pytest.mark.parametrize("gray", [0.2, 1.0])
def test_every_curve_rises_everywhere(gray):
    value = np.linspace(-3, 4, 2000, dtype=np.float32)
    for curve in drawn(gray, 100):
        assert (np.diff(curve.apply(value)) > 0).all()


def test_the_strength_of_the_freiburg_plugin():
    """Its editor: black -0.05 to 0.05, white 0.95 to 1.05, slope 0.8 to 1.2."""
    curves = drawn(0.2)
    low, high = (np.percentile([c.black for c in curves], q) for q in (0, 100))
    assert -0.05 <= low < -0.045
    assert 0.045 < high <= 0.05
    low, high = (np.percentile([c.white for c in curves], q) for q in (0, 100))
    assert 0.95 <= low < 0.955
    assert 1.045 < high <= 1.05
    slopes = np.array([c.slopes for c in curves])
    assert 1 / 1.2 - 1e-6 <= slopes.min() < 0.84
    assert 1.19 < slopes.max() <= 1.2 + 1e-6


def test_beyond_black_and_white_the_curve_goes_straight_on():
    curve = GrayCurve(0.1, 0.9, (1.0, 2.0, 1.0, 1.0, 0.5))
    for ends in ([-2, -1, 0], [1, 2, 3]):
        values = curve.apply(np.array(ends, np.float32))
        assert values[1] - values[0] == pytest.approx(values[2] - values[1], rel=1e-5)
    edge = curve.apply(np.array([-0.01, 0, 0.01, 0.99, 1, 1.01]))
    bends = np.diff(edge, 2)[[0, 3]]
    np.testing.assert_allclose(bends, 0, atol=1e-3)  # no corner where the straight lines begin


def test_what_is_not_a_number_stays_and_the_tile_too():
    tile = np.array([np.nan, 0.5], np.float32)
    changed = drawn(0.5, 1)[0].apply(tile)
    np.testing.assert_array_equal(np.isnan(changed), [True, False])
    assert changed[1] != tile[1] == 0.5


def test_no_strength_no_change():
    assert all(curve.straight for curve in drawn(0.0, 20))
    assert not any(curve.straight for curve in drawn(0.01, 20))


def test_falling_curves_are_refused():
    with pytest.raises(ValueError, match="white must be above black"):
        GrayCurve(black=0.5, white=0.5)
    with pytest.raises(ValueError, match="all above 0"):
        GrayCurve(slopes=(1.0, 0.0))
