"""The rate climbs, falls and ends with the budget, in steps or in minutes."""

import math
from dataclasses import replace

import pytest

from napari_unet.core.training.schedule import Budget, rate_at
from napari_unet.core.training.settings import TrainSettings

SETTINGS = TrainSettings(rate=0.02, warmup=10, steps=200)


def test_the_rate_climbs_in_a_straight_line_and_falls_as_half_a_cosine():
    rates = [rate_at(SETTINGS, n, (n - 1) / 200) for n in range(1, 201)]
    flat = replace(SETTINGS, schedule="constant")
    assert [rate_at(flat, n, 0.9) for n in (1, 5, 10, 50)] == [0.002, 0.01, 0.02, 0.02]
    assert rates[100] == pytest.approx(0.02 * 0.5 * (1 + math.cos(math.pi * 0.5)))
    assert max(rates) == max(rates[8:12])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 1e-3 * 0.02
    assert rate_at(SETTINGS, 10_000, 1.0) == 0.0
    assert rate_at(replace(SETTINGS, warmup=0), 1, 0.0) == 0.02


def test_steps_and_minutes_end_the_budget():
    steps, minutes = Budget(SETTINGS), Budget(replace(SETTINGS, minutes=2.0))
    assert not steps.used_up(199, 1e9)
    assert steps.used_up(200, 0.0)
    assert not minutes.used_up(10**9, 119.0)
    assert minutes.used_up(1, 120.0)
    assert minutes.progress(7, 30.0) == 0.25
    assert steps.seconds_left(150, 75.0, 0.5) == 25.0
    assert minutes.seconds_left(150, 75.0, 0.5) == 45.0


def test_time_is_kept_for_the_last_validation():
    budget = Budget(replace(SETTINGS, minutes=2.0))
    budget.keep(20.0)
    assert not budget.used_up(1, 99.0)
    assert budget.used_up(1, 100.0)
    assert budget.progress(1, 50.0) == 0.5
    budget.keep(1e6)  # more than there is
    assert not budget.used_up(1, 59.0)
    assert budget.used_up(1, 60.0)
