"""A training that was stopped goes on as if it had not been, from the last whole checkpoint."""

import json
import time
from dataclasses import replace

import pytest
import torch

from napari_unet.core.annotation.annotation import Annotation
from napari_unet.core.training.train import train

# -- resuming


def test_stopped_anywhere_and_resumed_it_is_the_same_training(annotation, make, settings, tmp_path):
    """Losses as hex, weights as digests, best validation and all."""
    held = [make.annotate(5)]
    settings = replace(settings, validation_time=0.5, rate=0.1, schedule="constant")
    whole = make.build(settings)
    expected = make.run(whole, annotation, settings, validation=held)
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
        found += make.run(network, annotation, settings, validation=held, resume=folder)
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
        make.poison(patch, 24)
        expected = make.run(network, annotation, settings)
    with pytest.MonkeyPatch.context() as patch:
        make.poison(patch, 24)
        steps = train(make.build(settings), [annotation], settings, folder=folder)
        for step in steps:
            if step.number == 23:
                break
        steps.close()
    with pytest.MonkeyPatch.context() as patch:
        make.poison(patch, 1)  # the 25th update is the second one after step 23
        twin = make.build(settings)
        found = make.run(twin, annotation, settings, resume=folder)
    assert found[:3] == expected[23:26]
    assert "nan" in found


def test_more_steps_can_be_asked_for_and_nothing_else(annotation, make, settings, tmp_path):
    make.run(make.build(settings), annotation, settings, folder=tmp_path)
    assert make.run(make.build(settings), annotation, settings, resume=tmp_path) == []
    longer = replace(settings, steps=35)
    assert len(make.run(make.build(settings), annotation, longer, resume=tmp_path)) == 5
    changed = replace(settings, rate=1e-3, gray=0.1)
    with pytest.raises(ValueError, match=r"gray \(0.2 became 0.1\), rate \(0.01 became 0.001\)"):
        train(make.build(settings), [annotation], changed, resume=tmp_path)
    with pytest.raises(ValueError, match="another network"):
        train(make.build(replace(settings, base=4)), [annotation], settings, resume=tmp_path)
    with pytest.raises(ValueError, match="holds the checkpoints of another training"):
        train(make.build(settings), [annotation], settings, folder=tmp_path)


def test_what_differs_is_said(annotation, make, settings, tmp_path):
    make.run(make.build(settings), annotation, replace(settings, steps=10), folder=tmp_path)
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
    expected = make.run(make.build(settings), annotation, settings)
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
    make.run(make.build(settings), annotation, settings, folder=tmp_path, validation=[annotation])
    newest = sorted((tmp_path / "checkpoints").iterdir())[-1]
    facts = json.loads((newest / "facts.json").read_text())
    assert facts["settings"]["rate"] == settings.rate
    assert facts["dtype"] == "float32"
    assert facts["progress"]["number"] == 30
    assert facts["progress"]["best"] == max(v["score"] for v in facts["progress"]["validations"])
