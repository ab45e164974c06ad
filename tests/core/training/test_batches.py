"""What is drawn depends on seed, step and place alone; labels decide how often an image comes."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_unet.core.annotation.annotation import Annotation
from napari_unet.core.training.batches import Sampler, _shares

CPU = torch.device("cpu")


def take(numbers, annotations, settings, first=0):
    sampler = Sampler(annotations, settings, 2, CPU, first)
    try:
        return {number: sampler.take(number) for number in numbers}
    finally:
        sampler.close()


def same(one, other):
    return all(
        torch.equal(getattr(one, name), getattr(other, name))
        for name in ("image", "classes", "weights")
    )


def test_a_batch_is_the_same_whenever_it_is_drawn(annotation, make, settings):
    annotations = [annotation, make.annotate(1)]
    straight = take(range(1, 9), annotations, settings)
    jumping = take([7, 3, 8, 3], annotations, settings)
    assert all(same(straight[n], jumping[n]) for n in jumping)
    assert not same(straight[1], straight[2])
    other = take([1], annotations, replace(settings, seed=1))
    assert not same(straight[1], other[1])


def test_ranks_share_the_tiles_of_one_batch(annotation, settings):
    both = take([4], [annotation], replace(settings, batch=2))[4]
    for place in (0, 1):
        alone = take([4], [annotation], settings, first=place)[4]
        assert torch.equal(alone.image[0], both.image[place])
    assert not torch.equal(both.image[0], both.image[1])


def test_idle_is_the_loss_of_equal_scores(annotation, settings):
    from napari_unet.core.training.learner import weighted_loss

    batch = take([1], [annotation], replace(settings, batch=2))[1]
    zeros = torch.zeros(2, 2, *batch.classes.shape[1:], dtype=torch.float64)
    loss = weighted_loss(zeros, batch.classes, batch.weights.double())
    assert batch.idle == pytest.approx(loss.item(), rel=1e-6)


def test_images_come_as_often_as_their_labels_fill_tiles(settings):
    empty = np.zeros((400, 400))
    strokes, full, none = (np.zeros((400, 400), np.uint8) for _ in range(3))
    strokes[10, 10:20], full[:] = 1, 1
    annotations = [Annotation(empty, labels) for labels in (strokes, full, none)]
    tile = (44 - 16) ** 2  # at depth 1, 8 px are lost on each side
    shares = _shares(annotations, settings)
    assert shares == pytest.approx(np.array([1, 400**2 / tile, 0]) / (1 + 400**2 / tile))


def test_drawing_is_hidden_behind_the_step(annotation, settings, monkeypatch):
    """While the network learns from a batch the next ones are drawn, and not one more."""
    from napari_unet.core.training import batches as module

    draw, drawn = module.draw_sample, threading.Semaphore(0)

    def draw_and_tell(*given):
        found = draw(*given)
        drawn.release()
        return found

    monkeypatch.setattr(module, "draw_sample", draw_and_tell)
    sampler = Sampler([annotation], settings, 2, CPU)
    sampler.take(1)
    for _ in range(1 + module.AHEAD):
        assert drawn.acquire(timeout=60)
    for number in range(2, 12):
        sampler.take(number)
        assert drawn.acquire(timeout=60)
    sampler.close()
    assert not drawn.acquire(blocking=False)


def test_an_error_of_the_thread_reaches_the_training(annotation, settings, monkeypatch):
    def fail(*_):
        raise OSError("the disk is gone")

    monkeypatch.setattr("napari_unet.core.training.batches.draw_sample", fail)
    with pytest.raises(OSError, match="the disk is gone"):
        take([1], [annotation], settings)
