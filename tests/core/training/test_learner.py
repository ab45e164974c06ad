"""One step against torch's plain one, and the loss against a sum by hand, both in float64.

State that is loaded goes on as if never left.
"""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from napari_unet.core.network.unet import UNet
from napari_unet.core.training.batches import Sampler
from napari_unet.core.training.learner import Average, Learner, compute_dtype, seeded, weighted_loss


def draw(annotation, settings):
    sampler = Sampler([annotation], settings, 2, torch.device("cpu"))
    found = [sampler.take(number) for number in range(1, 5)]
    sampler.close()
    return found


@pytest.fixture
def batches(annotation, settings):
    return draw(annotation, settings)


def plain(network, settings, batches, rate):
    """The same steps by torch's single-tensor optimisers, on a contiguous copy of the network."""
    twin = UNet(1, 2, settings.base, settings.depth, 2, 0.0, settings.norm)
    twin.load_state_dict(network.state_dict())
    twin.double().to(memory_format=torch.contiguous_format).train()
    kind = {"foreach": False, "fused": False}
    if settings.optimiser == "adam":
        optimiser = torch.optim.Adam(twin.parameters(), rate, (settings.momentum, 0.999), **kind)
    else:
        optimiser = torch.optim.SGD(twin.parameters(), rate, settings.momentum, **kind)
    losses = []
    for batch in batches:
        optimiser.zero_grad()
        image, classes, weights = batch.to(torch.device("cpu"), torch.float64)
        loss = weighted_loss(twin(image), classes, weights)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses, twin


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
@pytest.mark.parametrize("depth", [1, 2])
def test_a_step_is_the_plain_one(float64, annotation, make, optimiser, depth):
    settings = replace(float64[0], optimiser=optimiser, depth=depth)
    batches = draw(annotation, settings)
    network = make.build(settings, dtype=torch.float64).train()
    expected, twin = plain(network, settings, batches, 0.01)
    learner = Learner(network, settings, torch.float64)
    found = [learner.learn(b, 0.01, n).value() for n, b in enumerate(batches, 1)]
    assert found == pytest.approx(expected, rel=1e-11)
    for ours, theirs in zip(network.parameters(), twin.parameters(), strict=True):
        assert (ours - theirs).abs().max() < 1e-11


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_loaded_state_goes_on_bit_for_bit(settings, annotation, make, optimiser):
    settings = replace(settings, optimiser=optimiser, depth=2)
    batches = draw(annotation, settings)
    one = Learner(make.build(settings).train(), settings, torch.float32)
    for number, batch in enumerate(batches[:2], 1):
        one.learn(batch, 0.01, number)
    # as a file gives them back: copies that lie contiguously in memory
    kept = {
        name: t.clone(memory_format=torch.contiguous_format) for name, t in one.tensors().items()
    }
    other = Learner(make.build(replace(settings, seed=9)).train(), settings, torch.float32)
    other.learn(batches[0], 0.5, 1)
    other.load(kept)
    ends = []
    for learner in (one, other):
        losses = [learner.learn(b, 0.01, n).value().hex() for n, b in enumerate(batches[2:], 3)]
        ends.append((losses, make.digest(learner.network)))
    assert ends[0] == ends[1]
    assert all(torch.equal(kept[n], t) for n, t in kept.items())  # none of the copies was taken


def test_going_back_to_the_start_forgets_the_momentum(network, settings, batches):
    learner = Learner(network.train(), settings, torch.float32)
    start = {name: tensor.clone() for name, tensor in learner.tensors().items()}
    first = learner.learn(batches[0], 0.01, 1).value()
    learner.load(start)
    assert learner.learn(batches[0], 0.01, 1).value() == first


def test_dropout_depends_on_seed_and_step_and_leaves_torch_as_it_was(network, settings, batches):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    losses = []
    for number in (1, 1, 2):
        learner = Learner(network.train(), settings, torch.float32)
        losses.append(learner.learn(batches[0], 0.0, number).value())  # a rate of 0 keeps weights
    assert losses[0] == losses[1] != losses[2]
    assert torch.equal(torch.rand(3), expected)


def test_seeds_do_not_reach_the_caller():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    with seeded(torch.device("cpu"), [0, 7, 0]):
        one = torch.rand(2)
    with seeded(torch.device("cpu"), [0, 7, 1]):
        other = torch.rand(2)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def strides(tensor):
    return [step for step, n in zip(tensor.stride(), tensor.shape, strict=True) if n > 1]


def test_gradients_lie_in_memory_as_their_weights_do():
    """The fused optimisers walk through memory without looking at strides."""
    for dims, edge in ((2, 44), (3, 24)):
        net = UNet(2, 3, 4, 1, dims, 0.0, "weight").train()
        net(torch.rand(1, 2, *(edge,) * dims)).square().mean().backward()
        for name, weight in net.named_parameters():
            assert strides(weight.grad) == strides(weight), name
            assert strides(torch.zeros_like(weight)) == strides(weight), name


@pytest.mark.parametrize(
    ("precision", "weights", "expected"),
    [
        ("float32", torch.float32, torch.float32),
        ("bfloat16", torch.float32, torch.bfloat16),
        ("bfloat16", torch.float64, torch.float64),
        ("auto", torch.float64, torch.float64),
    ],
)
def test_the_precision_is_the_one_asked_for(network, settings, precision, weights, expected):
    found = compute_dtype(network.to(weights), replace(settings, precision=precision))
    assert found == expected


def test_bfloat16_learns_with_weights_in_float32(network, settings, batches):
    exact = Learner(network.train(), settings, torch.float32).learn(batches[0], 0.0, 1).value()
    learner = Learner(network, settings, torch.bfloat16)
    assert learner.learn(batches[0], 0.01, 1).value() == pytest.approx(exact, rel=0.03)
    assert {p.dtype for p in network.parameters()} == {torch.float32}


def test_the_compiler_of_torch_stays_away():
    """It takes a second to load, as long as a first result of live teaching may take."""
    code = """
import sys
import numpy as np
from napari_unet import Annotation, TrainSettings, UNet, train
labels = np.tile([1, 2], (60, 30))
for optimiser, precision in (("sgd", "float32"), ("adam", "bfloat16")):
    settings = TrainSettings(
        base=2, depth=1, tile=20, steps=1, optimiser=optimiser, precision=precision
    )
    list(train(UNet(base=2, depth=1), [Annotation(labels * 1.0, labels)], settings))
print([name for name in sys.modules if name.startswith("torch._dynamo")])
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_it_is_the_moving_average_that_forgets_its_start():
    parameter = torch.nn.Parameter(torch.tensor([10.0], dtype=torch.float64))
    average, expected = Average([parameter], 0.9), 10.0
    for number in range(1, 200):
        with torch.no_grad():
            parameter.fill_(float(number % 7))
        average.update(number)
        memory = min(0.9, (1 + number) / (10 + number))
        expected = memory * expected + (1 - memory) * (number % 7)
    assert abs(average.tensors[0].item() - expected) < 1e-12


def test_exchanging_twice_changes_nothing_and_copies_nothing():
    layer = torch.nn.Linear(3, 2)
    average = Average(layer.parameters(), 0.5)
    before = [p.detach().clone() for p in layer.parameters()]
    places = [p.data_ptr() for p in layer.parameters()]
    with torch.no_grad():
        layer.weight.add_(1)
    average.exchange()
    assert torch.equal(layer.weight, before[0])
    average.exchange()
    assert torch.equal(layer.weight, before[0] + 1)
    assert [p.data_ptr() for p in layer.parameters()] == places


def drawn(seed, tiles, classes, edge, dims=2):
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
@examples(max_examples=25, deadline=None, derandomize=True)
def test_cross_entropy_equals_the_sum_by_hand(seed, tiles, classes, dims):
    values, labels, weights = drawn(seed, tiles, classes, 5 if dims == 2 else 3, dims)
    found = weighted_loss(*map(torch.from_numpy, (values, labels, weights)))
    assert found.item() == pytest.approx(by_hand(values, labels, weights), rel=1e-12)


def test_it_is_not_divided_by_the_sum_of_weights():
    values, labels, weights = map(torch.from_numpy, drawn(0, 2, 2, 6))
    assert weighted_loss(values, labels, 3 * weights) == pytest.approx(
        3 * weighted_loss(values, labels, weights).item(), rel=1e-12
    )


@pytest.mark.parametrize("dice", [0.0, 0.4, 1.0])
def test_unlabelled_pixels_have_no_gradient(dice):
    values, labels, weights = map(torch.from_numpy, drawn(1, 2, 3, 6))
    values.requires_grad_()
    weighted_loss(values, labels, weights, dice).backward()
    moved = values.grad.abs().sum(1) > 0
    assert not moved[labels == 255].any()
    assert moved[labels != 255].all()


def test_a_share_of_dice():
    values, labels, weights = drawn(2, 2, 3, 6)
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
