"""train(): what it promises at every yield, at the end, before the start, and on every device."""

import math
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch

from napari_unet import load_network, save_network
from napari_unet.core.annotation.annotation import Annotation
from napari_unet.core.runtime.device import memory_free
from napari_unet.core.training import schedule, validation
from napari_unet.core.training.learner import Learner
from napari_unet.core.training.step import Step
from napari_unet.core.training.train import train
from napari_unet.core.training.validation import MARGIN, Validator


def losses(steps):
    return [step.loss.hex() for step in steps]


def test_it_learns_and_tells(annotation, network, settings):
    before = network.head.weight.clone()
    steps = list(train(network, [annotation], replace(settings, steps=60)))
    assert [step.number for step in steps] == list(range(1, 61))
    assert np.mean([s.loss for s in steps[-20:]]) < 0.6 * np.mean([s.loss for s in steps[:20]])
    assert not torch.equal(network.head.weight, before)
    seconds = [step.seconds for step in steps]
    assert seconds == sorted(seconds)
    assert steps[-1].seconds_left == 0 < steps[30].seconds_left
    assert steps[-1].rate < 1e-4 < max(step.rate for step in steps) <= settings.rate
    assert all(step.said == "" and step.validation is None and step.best is None for step in steps)
    with pytest.raises(FrozenInstanceError):
        steps[0].loss = 0.0
    history = network.about["history"]
    assert [entry["steps"] for entry in history] == [60]
    assert network.about["normalisation"] == {"low": 1.0, "high": 99.8, "flatten": 0.0}
    assert network.about["settings"]["steps"] == 60


def test_the_same_seed_gives_the_same_training(annotation, make, settings):
    ends = []
    for seed in (0, 0, 1):
        network = make.build(settings)
        found = losses(train(network, [annotation], replace(settings, seed=seed)))
        ends.append((found, make.digest(network)))
    assert ends[0] == ends[1]
    assert ends[0][1] != ends[2][1]


def test_whatever_the_caller_does_with_random_numbers(annotation, make, settings):
    expected = losses(train(make.build(settings), [annotation], settings))
    found = []
    torch.manual_seed(3)
    for step in train(make.build(settings), [annotation], settings):
        found.append(step.loss.hex())
        torch.rand(step.number)
        np.random.default_rng().random()
    assert found == expected


@pytest.mark.parametrize("ema", [0.0, 0.8])
def test_stopping_at_a_yield_keeps_what_the_network_showed(annotation, make, settings, ema):
    settings = replace(settings, ema=ema)
    network = make.build(settings)
    run = train(network, [annotation], settings)
    shown = []
    for step in run:
        shown.append(make.digest(network))
        if step.number == 13:
            break
    run.close()
    assert len(set(shown)) == 13
    assert make.digest(network) == shown[-1]
    assert all(p.grad is None for p in network.parameters())


def test_averaged_weights_are_shown_and_do_not_disturb(annotation, make, settings):
    """The losses are those of a training without an average; the weights shown are averaged."""
    plain, averaged = replace(settings, ema=0.0), replace(settings, ema=0.8)
    raw, expected = [], None
    network = make.build(plain)
    start = [p.detach().clone() for p in network.parameters()]
    for step in train(network, [annotation], plain):
        raw.append(step.loss.hex())
        memory = min(0.8, (1 + step.number) / (10 + step.number))
        expected = [
            memory * e + (1 - memory) * p.detach()
            for e, p in zip(expected or start, network.parameters(), strict=True)
        ]
    network = make.build(averaged)
    assert losses(train(network, [annotation], averaged)) == raw
    for ours, theirs in zip(network.parameters(), expected, strict=True):
        assert (ours - theirs).abs().max() < 1e-6


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_of_the_network_is_restored(annotation, network, settings, training):
    network.train(training)
    list(train(network, [annotation], replace(settings, steps=2)))
    assert network.training == training


class Clock:
    """By which a step takes 20 ms, and a validation as long as its pixels, on any machine."""

    STEP = 0.02  # seconds

    def __init__(self, monkeypatch):
        self.now = 0.0
        for module in (schedule, validation):
            monkeypatch.setattr(module, "time", self)
        learn, run = Learner.learn, Validator.run

        def learned(*given):
            self.now += self.STEP
            return learn(*given)

        def validated(validator, *given):
            tiles = sum(len(field.tiles) for field in validator._fields)
            for part in run(validator, *given):
                if not isinstance(part, dict):
                    self.now += self.STEP * validator.steps_worth() / MARGIN / tiles
                yield part

        monkeypatch.setattr(Learner, "learn", learned)
        monkeypatch.setattr(Validator, "run", validated)

    def perf_counter(self):
        return self.now


@pytest.fixture
def watch(monkeypatch):
    return Clock(monkeypatch)


def test_pauses_of_the_caller_are_left_out(annotation, network, settings, watch):
    steps = []
    for step in train(network, [annotation], replace(settings, steps=6)):
        steps.append(step)
        watch.now += 1000
    assert [step.seconds for step in steps] == pytest.approx(np.arange(1, 7) * watch.STEP)


def test_minutes_end_the_training(annotation, network, settings, watch):
    budget = replace(settings, minutes=1.2 / 60, steps=1)
    steps = list(train(network, [annotation], budget, validation=[annotation]))
    assert 0.8 * 1.2 < watch.now <= 1.2 + watch.STEP
    assert steps[-1].number > 5
    assert steps[-1].rate < 0.1 * settings.rate
    assert steps[-1].validation is not None


def test_a_long_validation_at_the_end_lies_within_the_minutes(make, settings, watch):
    """Its time is known from its pixels before the first one has run."""
    image, labels = make.scene(shape=(400, 400), squares=60)
    held = Annotation(image, np.minimum(labels, 2))
    budget = replace(settings, minutes=5 / 60)
    steps = train(make.build(settings), [make.annotate()], budget, validation=[held])
    found = [step for step in steps if step.validation is not None]
    assert len(found) >= 1
    assert 3 < watch.now <= 5 + watch.STEP


def test_the_architecture_is_that_of_the_network(annotation, network, settings):
    odd = replace(settings, base=64, depth=4, dims=3, norm="none", dropout=0.5, steps=2)
    list(train(network, [annotation], odd))
    assert network.about["settings"] == {
        **network.about["settings"], "base": 8, "depth": 1, "dims": 2, "norm": "weight",
        "dropout": 0.1, "tile": 44,
    }  # fmt: skip


def test_volumes(make, settings):
    settings = replace(settings, dims=3, tile=28, steps=60, rotation=30.0)
    image, labels = make.scene(shape=(24, 36, 40), squares=6)
    volume = Annotation(image, labels, axes="ZYX", ids="objects")
    network = make.build(settings)
    last = list(train(network, [volume], settings, validation=[volume]))[-1]
    assert last.validation["iou"] > 0.75


def test_channels_classes_batches_and_dice(make, settings):
    image, labels = make.scene()
    colour = np.stack([image, -image, image * 0], axis=-1)
    classes = np.where(labels > 1, 2 + labels % 2, 1)
    settings = replace(settings, batch=2, dice=0.5, steps=60)
    network = make.build(settings, channels=3, classes=3)
    annotation = Annotation(colour, classes, axes="YXC")
    last = list(train(network, [annotation], settings, validation=[annotation]))[-1]
    assert last.validation["iou_per_class"][0] > 0.8
    assert len(last.validation["iou_per_class"]) == 3


def test_strokes_are_enough_and_the_rest_is_never_seen(make, settings):
    """Labels of unlabelled pixels do not exist, whatever was painted there before."""
    image, labels = make.scene()
    strokes = np.zeros_like(labels)
    strokes[::9] = np.minimum(labels[::9], 2)
    settings = replace(settings, steps=80)
    network = make.build(settings)
    list(train(network, [Annotation(image, strokes)], settings, validation=[make.annotate()]))
    assert network.about["history"][-1]["validation"]["iou"] > 0.8


def test_an_error_while_drawing_leaves_the_last_good_weights(
    annotation, make, settings, monkeypatch
):
    from napari_unet.core.training import batches

    def fail(annotation, settings, rng):
        if next(calls) == 15:
            raise OSError("the share is gone")
        return draw(annotation, settings, rng)

    calls, draw = iter(range(10**6)), batches.draw_sample
    monkeypatch.setattr(batches, "draw_sample", fail)
    network, shown = make.build(settings), {}
    steps = train(network, [annotation], settings)
    with pytest.raises(OSError, match="the share is gone"):
        shown.update((step.number, make.digest(network)) for step in steps)
    assert max(shown) >= 10
    assert make.digest(network) == shown[10]


def test_a_step_says_all_it_should():
    step = Step(3, math.nan, 0.1, 1.0, 2.0)
    assert (step.validation, step.best, step.said, step.validating) == (None, None, "", None)


GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
CUDA = pytest.param("cuda", marks=[pytest.mark.gpu, GPU])
CLOSE = {"cpu": 1e-4, "cuda": 0.02}  # relative: convolutions of a GPU round to ten bits


@pytest.fixture(params=["cpu", CUDA])
def device(request):
    return torch.device(request.param)


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_the_losses_are_those_of_double_precision(annotation, make, settings, device, optimiser):
    settings = replace(settings, dropout=0.0, steps=10, optimiser=optimiser, rate=1e-3)
    found = [s.loss for s in train(make.build(settings).to(device), [annotation], settings)]
    exact = make.build(settings).double()  # on the CPU, from the same weights
    expected = [s.loss for s in train(exact, [annotation], settings)]
    np.testing.assert_allclose(found, expected, rtol=CLOSE[device.type])


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_learns_and_is_kept(annotation, make, settings, device, precision, tmp_path):
    settings = replace(settings, w0=0.0, precision=precision)
    network = make.build(settings).to(device)
    losses = [step.loss for step in train(network, [annotation], settings)]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:3])
    assert {p.device.type for p in network.parameters()} == {device.type}
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    path = tmp_path / "learned.safetensors"
    save_network(network, path)
    tile = make.scene()[0][None, :44, :44]
    np.testing.assert_allclose(load_network(path).score(tile), network.score(tile), atol=0.02)


def test_stopped_and_gone_on_with(annotation, make, settings, device, tmp_path):
    settings = replace(settings, steps=20)
    network = make.build(settings).to(device)
    whole = [s.loss for s in train(network, [annotation], settings)]
    running = train(make.build(settings).to(device), [annotation], settings, folder=tmp_path)
    first = [next(running).loss for _ in range(9)]
    running.close()
    network = make.build(settings).to(device)
    rest = list(train(network, [annotation], settings, resume=tmp_path))
    assert rest[0].number in (10, 11)  # on a GPU the tenth was on its way, and counts
    assert rest[-1].number == 20
    found = first + [step.loss for step in rest]
    wanted = whole[:9] + whole[rest[0].number - 1 :]
    np.testing.assert_allclose(found, wanted, rtol={"cpu": 0.0, "cuda": 0.1}[device.type])


@pytest.mark.gpu
@GPU
def test_a_gpu_that_is_full_gets_smaller_tiles(annotation, make, settings):
    settings = replace(settings, base=64, depth=2, tile=572, steps=4)
    network = make.build(settings).cuda()
    torch.cuda.empty_cache()
    whole = torch.cuda.mem_get_info()[1]
    assert memory_free(torch.device("cuda")) > 2**30
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 400 * 2**20) / whole)
    try:
        steps = list(train(network, [annotation], settings))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert steps[-1].number == 4
    assert any("the tile is" in step.said and "instead of 572" in step.said for step in steps)
