"""Validation: the scores of the whole image, at steps the clock has no say in, without leaks."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_unet.core.annotation.annotation import Annotation
from napari_unet.core.arrays.boxes import read_mirrored
from napari_unet.core.fast_conv.network import accelerated
from napari_unet.core.network.unet import UNet
from napari_unet.core.normalisation import Normalisation
from napari_unet.core.training import validation
from napari_unet.core.training.train import train
from napari_unet.core.training.validation import Validator
from napari_unet.core.training.validation_split import reach, split_by_blocks


def whole_image_classes(network, image):
    """Score a grey plane in one piece: normalised, mirrored, cut back."""
    contrast = Normalisation().measure(image, "YX")
    size = [network.input_size(n) for n in image.shape]
    grid = [slice(-network.border, edge - network.border) for edge in size]
    pixels = contrast.apply(image[None], tuple(np.arange(n) for n in image.shape))[0]
    scores = network.score(read_mirrored(pixels, grid)[None])
    return scores[:, : image.shape[0], : image.shape[1]].argmax(0)


def validated(annotations, network, settings):
    *shares, scores = Validator(annotations, settings).run(network, torch.float32)
    assert shares == sorted(shares)
    assert all(0 < share < 1 for share in shares)
    return scores


@pytest.mark.parametrize("depth", [1, 2])
def test_scores_are_those_of_the_whole_image(make, settings, depth):
    settings = replace(settings, depth=depth, tile=60)
    network = make.build(settings)
    image, labels = make.scene(shape=(131, 117))
    labels[:20], labels[90:, :50] = 0, 0  # unlabelled: the tiles cover the box of the rest
    annotation = Annotation(image, labels, ids="objects")
    scores = validated([annotation], network, settings)
    found = whole_image_classes(network, image)
    known = labels > 0
    for label in (0, 1):
        truth, result = (labels > 1) == label, found == label
        both, either = (truth & result & known).sum(), ((truth | result) & known).sum()
        assert scores["iou_per_class"][label] == both / either
    assert scores["iou"] == np.mean(scores["iou_per_class"])
    assert scores["score"] == (scores["iou"] + scores["ap"]) / 2


def test_pixels_are_pooled_over_images_and_planes(make, settings):
    network = make.build(settings)
    one, other = make.scene(1), make.scene(2)
    apart = validated(
        [Annotation(*one, ids="objects"), Annotation(*other, ids="objects")], network, settings
    )
    stack = Annotation(
        np.stack([one[0], other[0]]), np.stack([one[1], other[1]]), axes="ZYX", ids="objects"
    )
    together = validated([stack], network, settings)
    assert together["iou"] == pytest.approx(apart["iou"], abs=0.02)  # percentiles of both, once


def test_a_class_that_is_nowhere_has_no_iou(make, settings):
    network = make.build(settings, classes=4)
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.bias.copy_(torch.tensor([1.0, 0.0, 0.0, -1.0]))
    image, labels = make.scene()
    scores = validated([Annotation(image, np.minimum(labels, 2))], network, settings)
    assert scores["iou_per_class"][1:] == [0.0, None, None]
    assert scores["iou"] == scores["iou_per_class"][0] / 2


def test_classes_are_not_scored_as_objects(make, settings):
    image, labels = make.scene()
    scores = validated([Annotation(image, np.minimum(labels, 2))], make.build(settings), settings)
    assert "ap" not in scores
    assert scores["score"] == scores["iou"]


def test_objects_found_are_scored(make, settings):
    """A network that is told the truth by its input scores 1."""
    _, labels = make.scene(squares=1)
    truth = (labels > 1).astype(np.float32)
    network = make.build(replace(settings, norm="none", dropout=0.0))
    with torch.no_grad():
        for tensor in network.parameters():
            tensor.zero_()
        first, second = network.contract[0].first, network.contract[0].second
        last_one, last_two = network.expand[0].first, network.expand[0].second
        middle = (slice(None), slice(None), 1, 1)
        first.weight[0, 0, 1, 1] = second.weight[0, 0, 1, 1] = 1
        last_one.weight[middle][0, settings.base] = last_two.weight[middle][0, 0] = 1
        network.head.weight[1, 0, 0, 0] = 1
        network.head.bias[0] = 0.5
    scores = validated([Annotation(truth, labels, ids="objects")], network, settings)
    assert scores["ap"] == scores["iou"] == scores["score"] == 1.0


def test_it_comes_at_steps_that_follow_from_the_pixels_alone(annotation, make, settings):
    settings, runs = replace(settings, validation_time=0.4), []
    for pause in (0.0, 0.01):
        network, found = make.build(settings), []
        for step in train(network, [annotation], settings, validation=[make.annotate(3)]):
            time.sleep(pause)
            if step.validation:
                found.append((step.number, step.validation["score"]))
        runs.append(found)
    assert runs[0] == runs[1]
    assert runs[0][-1][0] == 30
    assert len(runs[0]) >= 2


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_it_keeps_to_its_share_of_the_time(make, settings, share, monkeypatch):
    """By the processor's time: validation against all of it, the one at the end left out.

    Both are measured in one training, so that whatever else the machine does slows both.
    """
    settings = replace(settings, steps=140, validation_time=share)
    network, held = make.build(settings), [make.annotate(3)]
    validator = Validator(held, settings)
    list(validator.run(network, torch.float32))  # compiles what has to be compiled
    run, taken = Validator.run, []

    def timed(*given):
        taken.append(0.0)
        parts = run(*given)
        while True:
            begun = time.thread_time()
            part = next(parts)
            taken[-1] += time.thread_time() - begun
            yield part

    monkeypatch.setattr(Validator, "run", timed)
    begun = time.process_time()
    list(train(network, [make.annotate()], settings, validation=held))
    total = time.process_time() - begun
    assert len(taken) >= 2
    assert sum(taken[:-1]) / (total - taken[-1]) < share


def test_the_best_weights_are_kept(annotation, make, settings):
    held = [make.annotate(3)]
    settings = replace(settings, rate=0.1, schedule="constant", ema=0.0, validation_time=0.5)
    network, scores, digests = make.build(settings), {}, {}
    for step in train(network, [annotation], settings, validation=held):
        if step.validation:
            scores[step.number] = step.validation["score"]
            digests[step.number] = make.digest(network)
            assert step.best == max(scores.values())
    best = max(scores, key=scores.get)
    assert best != 30  # else this tells nothing
    assert make.digest(network) == digests[best]
    assert validated(held, network, settings)["score"] == scores[best]


def test_patience_ends_a_training_that_gains_no_more(annotation, make, settings):
    still = replace(settings, rate=1e-9, patience=3, steps=10_000, norm="none")
    steps = list(train(make.build(still), [annotation], still, validation=[annotation]))
    validations = [step.number for step in steps if step.validation]
    assert len(validations) == 4
    assert steps[-1].number == validations[-1] < 10_000
    assert steps[-1].said == "stopped early: no gain in 3 validations."


def test_a_long_validation_shows_that_it_lives_and_can_be_stopped(
    annotation, make, settings, monkeypatch
):
    from napari_unet.core.training import trainer

    monkeypatch.setattr(trainer, "HEARTBEAT", 0.0)
    settings = replace(settings, validation_time=0.4)
    network = make.build(settings)
    steps, shares = train(network, [annotation], settings, validation=[annotation]), []
    for step in steps:
        shares.append(step.validating)
        if step.validation:
            validated_one = make.digest(network)
            break
    assert shares[-1] is None
    assert sum(share is not None for share in shares) >= 2
    for step in steps:
        if step.validating is not None:
            break
    assert make.digest(network) != validated_one
    steps.close()
    assert make.digest(network) == validated_one  # the best of those that were validated


def test_stopped_in_the_middle_of_a_validation_it_is_made_up_for(
    annotation, make, settings, monkeypatch, tmp_path
):
    from napari_unet.core.training import trainer

    monkeypatch.setattr(trainer, "HEARTBEAT", 0.0)
    whole = make.build(settings)
    list(train(whole, [annotation], settings, validation=[annotation]))
    for step in (
        steps := train(
            make.build(settings), [annotation], settings, validation=[annotation], folder=tmp_path
        )
    ):
        if step.validating is not None:
            break
    steps.close()
    network = make.build(settings)
    rest = list(train(network, [annotation], settings, validation=[annotation], resume=tmp_path))
    assert rest[0].number == step.number
    assert [s.validation is not None for s in rest if s.number == step.number][-1]
    assert make.digest(network) == make.digest(whole)
    ours, theirs = (n.about["history"][-1]["validation"] for n in (network, whole))
    assert ours == theirs


@pytest.mark.parametrize(("guard", "same"), [("reach", True), (0, False)])
def test_what_is_validated_is_never_seen_in_training(make, settings, guard, same):
    """Other pixels in the block that is validated change no loss; without the guard they do."""
    settings = replace(settings, sd=0.0, rotation=0.0, steps=25)
    image, labels = make.scene(shape=(120, 90))
    width = reach(settings.depth) if guard else 0
    losses = []
    for turned in (False, True):
        train_part, val_part = split_by_blocks(Annotation(image, labels, ids="objects"), width, 0.3)
        pixels = image.copy()
        if turned:  # the same values in other places: percentiles stay
            block = val_part.classes != 255
            pixels[block] = pixels[block][::-1]
        seen = Annotation(pixels, train_part.labels, ids="objects")
        steps = train(make.build(settings), [seen], settings)
        losses.append([step.loss.hex() for step in steps])
    assert (losses[0] == losses[1]) == same


def test_validation_is_never_deformed(make, settings):
    """Its scores depend on the network alone, not on any setting of the deformation."""
    network, held = make.build(settings), [make.annotate(3)]
    wild = replace(settings, sd=30.0, rotation=180.0, gray=1.0, noise=0.5, seed=9)
    assert validated(held, network, settings) == validated(held, network, wild)


def test_the_faster_copy_finds_the_same_scores_and_follows_the_weights(make, settings, monkeypatch):
    torch.manual_seed(1)
    network = UNet(base=16, depth=1)
    validator = Validator(
        [Annotation(*make.scene(0, (600, 600)), ids="objects")], replace(settings, base=16, depth=1)
    )
    copies = []

    def copied(given, dtype):
        copies.append(accelerated(given))
        return copies[-1]

    def scores(faster):
        monkeypatch.setattr(validation, "faster_copy", faster)
        return list(validator.run(network, torch.float32))[-1]

    first = scores(copied)
    assert first == scores(lambda given, dtype: None)
    with torch.no_grad():
        network.head.weight.neg_()
        network.head.bias.neg_()
    changed = scores(copied)
    assert changed == scores(lambda given, dtype: None)
    assert changed != first
    assert network.training
    assert len(copies) == 2
    small = Validator([Annotation(*make.scene(0), ids="objects")], settings)
    monkeypatch.setattr(validation, "faster_copy", copied)
    assert list(small.run(make.build(settings), torch.float32))
    assert len(copies) == 2  # not worth it
