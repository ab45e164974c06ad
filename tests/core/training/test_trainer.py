"""What a training does when the loss diverges, when the memory ends, and after a stop."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from napari_unet.core.annotation.annotation import Annotation
from napari_unet.core.runtime.memory import is_out_of_memory
from napari_unet.core.training.optimiser import Optimiser
from napari_unet.core.training.step import DivergenceError
from napari_unet.core.training.train import train


def run(network, annotation, settings, **more):
    steps = train(network, [annotation], settings, **more)
    return [step.loss.hex() for step in steps if step.validating is None]


# -- divergence


class Poison:
    """Puts NaN into a weight after the given updates; 0 is the first."""

    def __init__(self, monkeypatch, *updates):
        self.count, step = -1, Optimiser.step

        def poisoned(optimiser, rate):
            step(optimiser, rate)
            self.count += 1
            if self.count in updates:
                weights = list(optimiser._parameters.values())
                weights[self.count % len(weights)].data.fill_(float("nan"))

        monkeypatch.setattr(Optimiser, "step", poisoned)


@pytest.mark.parametrize("update", [0, 9, 10, 14])
def test_nan_is_seen_at_once_and_undone(annotation, make, settings, monkeypatch, update):
    """The loss after the poisoned update is NaN; the weights before it come back."""
    Poison(monkeypatch, update)
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
    Poison(monkeypatch, 14)
    for step in train(network := make.build(settings), [annotation], settings):
        if step.number == 16:
            assert make.digest(network) == shown[10]


def test_after_three_times_it_ends_in_words_with_good_weights(
    annotation, make, settings, monkeypatch
):
    Poison(monkeypatch, 5, 8, 12, 15)
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
    expected = run(twin, annotation, smaller)
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


def test_other_errors_are_not_taken_for_missing_memory():
    assert all(is_out_of_memory(no_memory(number)) for number in range(3))
    for error in (RuntimeError("shape mismatch"), ValueError("out of memory"), OSError(12)):
        assert not is_out_of_memory(error)


# -- resuming


def test_stopped_anywhere_and_resumed_it_is_the_same_training(annotation, make, settings, tmp_path):
    """Losses as hex, weights as digests, best validation and all."""
    held = [make.annotate(5)]
    settings = replace(settings, validation_time=0.5, rate=0.1, schedule="constant")
    whole = make.build(settings)
    expected = run(whole, annotation, settings, validation=held)
    for stop in (1, 7, 10, 11, 20, 29, 30):
        folder, found = tmp_path / str(stop), []
        steps = train(make.build(settings), [annotation], settings, validation=held, folder=folder)
        for step in steps:
            if step.validating is None:
                found.append(step.loss.hex())
                if step.number == stop:
                    break
        steps.close()
        network = make.build(replace(settings, seed=7))  # its weights are replaced
        found += run(network, annotation, settings, validation=held, resume=folder)
        assert found == expected, stop
        assert make.digest(network) == make.digest(whole), stop
        assert (
            network.about["history"][-1]["validation"] == whole.about["history"][-1]["validation"]
        )


def test_stopped_often_across_a_divergence_it_is_the_same_training(
    annotation, make, settings, tmp_path, monkeypatch
):
    """What is written now and then is the last good state; from there, all comes again."""
    settings = replace(settings, checkpoint_seconds=0.1, steps=40)
    folder, network = tmp_path / "run", make.build(settings)
    with pytest.MonkeyPatch.context() as patch:
        Poison(patch, 24)
        expected = run(network, annotation, settings)
    with pytest.MonkeyPatch.context() as patch:
        Poison(patch, 24)
        steps = train(make.build(settings), [annotation], settings, folder=folder)
        for step in steps:
            if step.number == 23:
                break
        steps.close()
    with pytest.MonkeyPatch.context() as patch:
        Poison(patch, 1)  # the 25th update is the second one after step 23
        twin = make.build(settings)
        found = run(twin, annotation, settings, resume=folder)
    assert found[:3] == expected[23:26]
    assert "nan" in found


def test_more_steps_can_be_asked_for_and_nothing_else(annotation, make, settings, tmp_path):
    run(make.build(settings), annotation, settings, folder=tmp_path)
    assert run(make.build(settings), annotation, settings, resume=tmp_path) == []
    longer = replace(settings, steps=35)
    assert len(run(make.build(settings), annotation, longer, resume=tmp_path)) == 5
    changed = replace(settings, rate=1e-3, gray=0.1)
    with pytest.raises(ValueError, match=r"gray \(0.2 became 0.1\), rate \(0.01 became 0.001\)"):
        train(make.build(settings), [annotation], changed, resume=tmp_path)
    with pytest.raises(ValueError, match="another network"):
        train(make.build(replace(settings, base=4)), [annotation], settings, resume=tmp_path)
    with pytest.raises(ValueError, match="holds the checkpoints of another training"):
        train(make.build(settings), [annotation], settings, folder=tmp_path)


def test_what_differs_is_said(annotation, make, settings, tmp_path):
    run(make.build(settings), annotation, replace(settings, steps=10), folder=tmp_path)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        image, labels = make.scene()
        labels[:5] = 0
        other = Annotation(image, labels, ids="objects")
        first = next(train(make.build(settings), [other], settings, resume=tmp_path))
    finally:
        torch.set_num_threads(threads)
    assert "the annotations have changed" in first.said
    assert f"threads was {threads} and is {threads + 1}: losses may differ" in first.said


def test_a_damaged_checkpoint_is_named_and_the_one_before_used(
    annotation, make, settings, tmp_path
):
    settings = replace(settings, checkpoint_seconds=0.1)
    expected = run(make.build(settings), annotation, settings)
    for step in train(make.build(settings), [annotation], settings, folder=tmp_path):
        if step.number in (10, 20):
            time.sleep(0.15)  # however fast the machine, a checkpoint is due at the next step
    newest = sorted((tmp_path / "checkpoints").iterdir())[-1]
    (newest / "tensors.safetensors").write_bytes(b"x" * 100)
    steps = list(train(make.build(settings), [annotation], settings, resume=tmp_path))
    assert str(newest) in steps[0].said
    assert "the one before is used" in steps[0].said
    assert [step.loss.hex() for step in steps] == expected[steps[0].number - 1 :]


def test_a_full_disk_does_not_end_the_training(annotation, make, settings, tmp_path, monkeypatch):
    from napari_unet.core.training import checkpoint

    def full(path, data):
        raise OSError(f"{path} cannot be written: the disk is full")

    settings = replace(settings, checkpoint_seconds=0.1)
    steps, rest = train(make.build(settings), [annotation], settings, folder=tmp_path), []
    while next(steps).number < 5:
        pass
    monkeypatch.setattr(checkpoint, "write_safely", full)
    time.sleep(0.15)  # however fast the machine, a checkpoint is due at the next step
    with pytest.raises(OSError, match="the disk is full"):  # that of the end is not swallowed
        rest.extend(steps)
    assert rest[-1].number == 30
    said = [step.said for step in rest if step.said]
    assert said
    assert all("the one before is kept" in words and "the disk is full" in words for words in said)


def test_a_folder_that_cannot_be_written_fails_before_the_first_step(
    annotation, make, settings, tmp_path
):
    (tmp_path / "file").write_text("")
    steps = train(make.build(settings), [annotation], settings, folder=tmp_path / "file")
    with pytest.raises(OSError, match="file"):
        next(steps)


def test_facts_are_plain_json(annotation, make, settings, tmp_path):
    run(make.build(settings), annotation, settings, folder=tmp_path, validation=[annotation])
    newest = sorted((tmp_path / "checkpoints").iterdir())[-1]
    facts = json.loads((newest / "facts.json").read_text())
    assert facts["settings"]["rate"] == settings.rate
    assert facts["dtype"] == "float32"
    assert facts["progress"]["number"] == 30
    assert facts["progress"]["best"] == max(v["score"] for v in facts["progress"]["validations"])


# -- losses that are read a step late, as on CUDA


def test_losses_read_late_are_the_same_losses(annotation, make, settings, monkeypatch, tmp_path):
    from napari_unet.core.training import trainer

    held = [make.annotate(5)]
    prompt, late = make.build(settings), make.build(settings)
    expected = run(prompt, annotation, settings, validation=held)
    monkeypatch.setattr(trainer, "LAG", {"cpu": 1})
    assert run(late, annotation, settings, validation=held) == expected
    assert make.digest(late) == make.digest(prompt)
    steps, found = train(make.build(settings), [annotation], settings, folder=tmp_path), []
    for step in steps:
        found.append(step.loss.hex())
        if step.number == 13:
            break
    steps.close()  # step 14 is on its way, and taken in
    network = make.build(settings)
    assert found == expected[:13]
    assert run(network, annotation, settings, resume=tmp_path) == expected[14:]
    straight = make.build(settings)
    run(straight, annotation, settings)
    assert make.digest(network) == make.digest(straight)


def test_nan_that_is_read_late_is_undone(annotation, make, settings, monkeypatch):
    from napari_unet.core.training import trainer

    monkeypatch.setattr(trainer, "LAG", {"cpu": 1})
    Poison(monkeypatch, 14)
    network = make.build(settings)
    steps = list(train(network, [annotation], settings))
    assert [step.number for step in steps] == list(range(1, 31))
    assert "back to the weights of step 10" in steps[15].said
    assert all(np.isfinite(step.loss) for step in steps[16:])
    assert all(torch.isfinite(p).all() for p in network.parameters())
