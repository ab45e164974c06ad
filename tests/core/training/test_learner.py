"""One step against torch's plain one, in float64; state that is loaded goes on as if never left."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

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
