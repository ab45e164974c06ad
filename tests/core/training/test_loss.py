"""The loss against a sum over pixels written out by hand, in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.core.training.learner import weighted_loss


def draw(seed, tiles, classes, edge, dims=2):
    rng = np.random.default_rng(seed)
    shape = (tiles, *(edge,) * dims)
    labels = rng.integers(0, classes + 1, shape)
    labels = np.where(labels == classes, 255, labels).astype(np.uint8)
    labels[(slice(None), *(0,) * dims)] = 0  # every tile has a label
    values = rng.normal(size=(tiles, classes, *(edge,) * dims)) * 3
    weights = rng.uniform(0.1, 11, shape)
    return values, labels, weights


def by_hand(values, labels, weights):
    """Σ w · -log softmax, over labelled pixels alone, per tile divided by their number."""
    tiles = []
    for tile in range(len(values)):
        total, count = 0.0, 0
        for place in np.ndindex(*labels.shape[1:]):
            label = labels[(tile, *place)]
            if label == 255:
                continue
            pixel = values[(tile, slice(None), *place)]
            total += weights[(tile, *place)] * (np.log(np.exp(pixel).sum()) - pixel[label])
            count += 1
        tiles.append(total / count)
    return np.mean(tiles)


@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(2, 5), st.sampled_from([2, 3]))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_cross_entropy_equals_the_sum_by_hand(seed, tiles, classes, dims):
    values, labels, weights = draw(seed, tiles, classes, 5 if dims == 2 else 3, dims)
    found = weighted_loss(*map(torch.from_numpy, (values, labels, weights)))
    assert found.item() == pytest.approx(by_hand(values, labels, weights), rel=1e-12)


def test_it_is_not_divided_by_the_sum_of_weights():
    values, labels, weights = map(torch.from_numpy, draw(0, 2, 2, 6))
    assert weighted_loss(values, labels, 3 * weights) == pytest.approx(
        3 * weighted_loss(values, labels, weights).item(), rel=1e-12
    )


@pytest.mark.parametrize("dice", [0.0, 0.4, 1.0])
def test_unlabelled_pixels_have_no_gradient(dice):
    values, labels, weights = map(torch.from_numpy, draw(1, 2, 3, 6))
    values.requires_grad_()
    weighted_loss(values, labels, weights, dice).backward()
    moved = values.grad.abs().sum(1) > 0
    assert not moved[labels == 255].any()
    assert moved[labels != 255].all()


def test_a_share_of_dice():
    values, labels, weights = draw(2, 2, 3, 6)
    scores = np.exp(values) / np.exp(values).sum(1, keepdims=True)
    losses = []
    for tile in range(2):
        known = labels[tile] != 255
        dice = [
            (2 * scores[tile, c][known & (labels[tile] == c)].sum() + 1)
            / (scores[tile, c][known].sum() + (labels[tile] == c).sum() + 1)
            for c in range(3)
        ]
        losses.append(1 - np.mean(dice))
    expected = 0.7 * by_hand(values, labels, weights) + 0.3 * np.mean(losses)
    found = weighted_loss(*map(torch.from_numpy, (values, labels, weights)), 0.3)
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_scores_for_certain_cost_nothing_and_stay_finite():
    labels = torch.tensor([[[0, 1]]], dtype=torch.uint8)
    values = torch.tensor([[[[1e4, -1e4]], [[-1e4, 1e4]]]])
    for dice in (0.0, 0.5):
        assert weighted_loss(values, labels, torch.ones(1, 1, 2), dice).item() == 0.0
    assert torch.isfinite(weighted_loss(-values, labels, torch.ones(1, 1, 2), 0.5))
