"""What the guard calls wrong, and what it lets pass."""

import json
import math

import numpy as np
import pytest

from napari_unet.core.training.divergence import DivergenceDetector


def first_alarm(losses, idle=1.0):
    guard = DivergenceDetector()
    for place, loss in enumerate(losses):
        if guard.sees(loss, idle):
            return place
    return None


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_is_seen_at_once(bad):
    assert first_alarm([0.5, 0.4, bad]) == 2


def test_an_explosion_is_seen_after_a_few_steps_and_one_bad_tile_is_none():
    assert first_alarm([0.5] * 30 + [1e3] * 5) == 32
    assert first_alarm([0.5] * 30 + [1e3] + [0.5] * 30) is None


def test_a_collapse_to_knowing_nothing_is_seen():
    learned = list(np.linspace(1.0, 0.1, 100))
    assert 100 < first_alarm(learned + [1.0] * 30) < 115


def test_weights_are_not_trusted_while_the_loss_rises():
    guard, trusted = DivergenceDetector(), []
    for loss in [0.2] * 40 + list(np.linspace(0.2, 0.79, 60)):
        assert not guard.sees(loss, 1.0)
        trusted.append(guard.trusts())
    assert all(trusted[:80])
    assert not any(trusted[-5:])
    guard.forget_recent()
    assert guard.trusts()


def test_losses_are_measured_against_that_of_knowing_nothing():
    rng = np.random.default_rng(0)
    scale = rng.uniform(0.1, 100, 400)  # tiles of very different weight
    guard = DivergenceDetector()
    shares = np.linspace(1.0, 0.2, 400) * rng.uniform(0.5, 1.5, 400)
    assert not any(guard.sees(s * w, w) for s, w in zip(shares, scale, strict=True))


def test_noisy_but_healthy_losses_pass():
    rng = np.random.default_rng(1)
    for start in (1.0, 2.5):  # He's initialisation begins above knowing nothing
        fall = start * np.exp(-np.arange(2000) / 150) + 0.02
        assert first_alarm(fall * rng.lognormal(0, 0.7, 2000)) is None


def test_it_goes_on_exactly_after_json():
    rng = np.random.default_rng(2)
    losses = rng.uniform(0.1, 0.3, 50).tolist()
    guard, twin = DivergenceDetector(), DivergenceDetector()
    for loss in losses:
        guard.sees(loss, 0.7)
        twin.sees(loss, 0.7)
        twin = DivergenceDetector.from_dict(json.loads(json.dumps(twin.to_dict())))
    assert twin.to_dict() == guard.to_dict()
    assert (
        DivergenceDetector.from_dict(DivergenceDetector().to_dict()).to_dict()
        == DivergenceDetector().to_dict()
    )
