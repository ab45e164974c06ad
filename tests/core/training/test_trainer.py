"""What a training does when the loss diverges, when the memory ends, and after a stop."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from napari_unet.core.training.step import DivergenceError
from napari_unet.core.training.train import train

# -- divergence


@pytest.mark.parametrize("update", [0, 9, 10, 14])
def test_nan_is_seen_at_once_and_undone(annotation, make, settings, monkeypatch, update):
    """The loss after the poisoned update is NaN; the weights before it come back."""
    make.poison(monkeypatch, update)
    network = make.build(settings)
    steps = list(train(network, [annotation], settings))
    (bad,) = [step for step in steps if not np.isfinite(step.loss)]
    assert bad.number == update + 2
    good = max((bad.number - 2) // 10 * 10, 0)
    assert f"back to the weights of step {good}, the rate is halved (1 of 3)" in bad.said
    assert [step.number for step in steps] == list(range(1, 31))
    assert all(torch.isfinite(p).all() for p in network.parameters())
    calm = {n: s.rate for n, s in enumerate(train(make.build(settings), [annotation], settings))}
    for place, step in enumerate(steps):
        factor = 0.5 if step.number > bad.number else 1.0
        assert step.rate == pytest.approx(factor * calm[place])


def test_the_weights_that_come_back_are_those_of_the_good_step(
    annotation, make, settings, monkeypatch
):
    shown = {}
    for step in train(network := make.build(settings), [annotation], settings):
        shown[step.number] = make.digest(network)
    make.poison(monkeypatch, 14)
    for step in train(network := make.build(settings), [annotation], settings):
        if step.number == 16:
            assert make.digest(network) == shown[10]


def test_after_three_times_it_ends_in_words_with_good_weights(
    annotation, make, settings, monkeypatch
):
    make.poison(monkeypatch, 5, 8, 12, 15)
    network, said = make.build(settings), []
    steps = train(network, [annotation], settings)
    words = r"4th time.*weights of step 10; train on with a rate below 0\.00125"
    with pytest.raises(DivergenceError, match=words):
        said.extend(step.said for step in steps if step.said)
    assert [word[-9:-1] for word in said] == ["(1 of 3)", "(2 of 3)", "(3 of 3)"]
    assert all(torch.isfinite(p).all() for p in network.parameters())
    assert network.about["history"][-1]["steps"] < 17


def test_a_rate_that_is_too_high_is_lowered_until_it_learns(annotation, make, settings):
    """No poison here: SGD without normalisation, at rates that diverge by themselves."""
    wild = replace(
        settings, norm="none", optimiser="sgd", momentum=0.9, ema=0.0, warmup=0, steps=150,
        schedule="constant",
    )  # fmt: skip
    ends = {}
    for rate in (1e-2, 4.0, 10.0):
        network = make.build(wild)
        try:
            steps = list(train(network, [annotation], replace(wild, rate=rate)))
            ends[rate] = sum("the rate is halved" in step.said for step in steps)
        except DivergenceError:
            ends[rate] = 4
        assert all(torch.isfinite(p).all() for p in network.parameters())
    assert ends[1e-2] == 0
    assert 1 <= ends[4.0] <= ends[10.0] == 4


# -- memory


class NoMemory(TorchDispatchMode):
    """The n-th operation finds no memory; one that only looks at a tensor needs none."""

    def __init__(self, place):
        super().__init__()
        self.place, self.count = place, 0

    def __torch_dispatch__(self, call, types, args=(), kwargs=None):
        self.count += call is not torch.ops.aten.detach.default
        if self.count == self.place:
            self.count += 1
            raise no_memory(self.place)
        return call(*args, **(kwargs or {}))


def no_memory(number):
    """As CUDA, torch on a CPU, and NumPy say it."""
    return [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        MemoryError("Unable to allocate 1.2 GiB"),
    ][number % 3]


def operations(annotation, make, settings):
    """How many operations the first step has."""
    counter = NoMemory(0)
    steps = train(make.build(settings), [annotation], settings)
    with counter:
        next(steps)
    steps.close()
    return counter.count


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_memory_that_ends_anywhere_in_a_step_leaves_no_trace(annotation, make, settings, optimiser):
    """Afterwards the training is bit for bit one that had the smaller tile from the start."""
    settings = replace(settings, optimiser=optimiser, steps=3)
    smaller = replace(settings, tile=36)
    twin = make.build(smaller)
    expected = make.run(twin, annotation, smaller)
    total = operations(annotation, make, settings)
    assert total > 150
    for place in range(1, total, 13):
        network = make.build(settings)
        steps = train(network, [annotation], settings)
        with NoMemory(place):
            first = next(steps)
        assert "the tile is 36 px now instead of 44" in first.said, place
        found = [first.loss.hex(), *(step.loss.hex() for step in steps)]
        assert found == expected, place
        assert make.digest(network) == make.digest(twin)


def test_memory_that_ends_later_goes_back_to_the_last_good_weights(annotation, make, settings):
    ends = set()
    for place in (5, 60, 120, 180):
        network = make.build(settings)
        steps = train(network, [annotation], settings)
        for step in steps:
            if step.number == 15:
                break
        with NoMemory(place):
            assert next(steps).number == 16
        assert [step.number for step in steps] == list(range(17, 31))
        ends.add(make.digest(network))
    assert len(ends) == 1


def test_when_the_smallest_tile_does_not_fit_it_ends_in_words(annotation, make, settings):
    class Never(TorchDispatchMode):
        def __torch_dispatch__(self, call, types, args=(), kwargs=None):
            if "convolution" in str(call):
                raise no_memory(0)
            return call(*args, **(kwargs or {}))

    network = make.build(settings)
    before = make.digest(network)
    steps = train(network, [annotation], settings)
    words = r"a tile of 18 px, the smallest .* choose a smaller base"
    with Never(), pytest.raises(ValueError, match=words):
        next(steps)
    assert make.digest(network) == before


# -- losses that are read a step late, as on CUDA


def test_losses_read_late_are_the_same_losses(annotation, make, settings, monkeypatch, tmp_path):
    from napari_unet.core.training import trainer

    held = [make.annotate(5)]
    prompt, late = make.build(settings), make.build(settings)
    expected = make.run(prompt, annotation, settings, validation=held)
    monkeypatch.setattr(trainer, "LAG", {"cpu": 1})
    assert make.run(late, annotation, settings, validation=held) == expected
    assert make.digest(late) == make.digest(prompt)
    steps, found = train(make.build(settings), [annotation], settings, folder=tmp_path), []
    for step in steps:
        found.append(step.loss.hex())
        if step.number == 13:
            break
    steps.close()  # step 14 is on its way, and taken in
    network = make.build(settings)
    assert found == expected[:13]
    assert make.run(network, annotation, settings, resume=tmp_path) == expected[14:]
    straight = make.build(settings)
    make.run(straight, annotation, settings)
    assert make.digest(network) == make.digest(straight)


def test_nan_that_is_read_late_is_undone(annotation, make, settings, monkeypatch):
    from napari_unet.core.training import trainer

    monkeypatch.setattr(trainer, "LAG", {"cpu": 1})
    make.poison(monkeypatch, 14)
    network = make.build(settings)
    steps = list(train(network, [annotation], settings))
    assert [step.number for step in steps] == list(range(1, 31))
    assert "back to the weights of step 10" in steps[15].said
    assert all(np.isfinite(step.loss) for step in steps[16:])
    assert all(torch.isfinite(p).all() for p in network.parameters())
