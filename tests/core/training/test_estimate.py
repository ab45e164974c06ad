"""The estimate is measured, close to what the training then takes, and changes nothing."""

import subprocess
import sys
import time
from dataclasses import replace
from importlib import import_module
from types import SimpleNamespace

import pytest
import torch

from napari_unet.core.text import short_duration
from napari_unet.core.training.estimate import counted, estimate
from napari_unet.core.training.train import train


def test_it_changes_nothing(annotation, network, make, settings):
    before, mode = make.digest(network), network.training
    random = torch.get_rng_state()
    found = estimate(network, [annotation], settings)
    assert make.digest(network) == before
    assert network.training == mode
    assert torch.equal(torch.get_rng_state(), random)
    assert all(p.grad is None for p in network.parameters())
    assert found.steps == 30
    assert found.tile == 44
    assert f"about 30 steps of {short_duration(found.seconds_per_step)} in " in found.sentence


def test_the_time_is_that_of_the_steps(annotation, make, settings, monkeypatch):
    """By the processor's time of this thread: what else the machine does has no say."""
    module = import_module("napari_unet.core.training.estimate")
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=time.thread_time))
    settings = replace(settings, tile=140, steps=30)
    network = make.build(settings)
    found = estimate(network, [annotation], settings)
    list(train(make.build(settings), [annotation], replace(settings, steps=2)))
    begun = time.thread_time()
    list(train(network, [annotation], settings))
    taken = (time.thread_time() - begun) / 30
    assert 0.4 * taken < found.seconds_per_step < 2.5 * taken
    minutes = estimate(network, [annotation], replace(settings, minutes=2.0))
    assert minutes.steps == pytest.approx(120 / minutes.seconds_per_step, abs=1)


def test_the_memory_is_what_a_process_takes_more():
    """Peak of the resident memory of a process that trains, before against after."""
    code = """
from pathlib import Path
import numpy as np, psutil, torch
from napari_unet import Annotation, TrainSettings, UNet, train
from napari_unet.core.training.estimate import estimate
torch.set_num_threads(1)
def peak():
    line = next(s for s in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in s)
    return int(line.split()[1]) * 1024
labels = np.tile([1, 2], (400, 200))
annotation = Annotation(labels * 1.0, labels)
def settings(tile, base):
    return TrainSettings(base=base, depth=2, norm="weight", tile=tile, steps=11,
                         precision="float32", sd=0.0, optimiser="adam", ema=0.9)
small, large = settings(44, 2), settings(300, 16)
net = lambda s: UNet(base=s.base, depth=2, norm="weight")
list(train(net(small), [annotation], small))  # libraries and kernels are loaded
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
before = psutil.Process().memory_info().rss
list(train(net(large), [annotation], large))
taken = peak() - before
print(estimate(net(large), [annotation], large).memory_bytes / taken)
"""
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux tells the peak of the resident memory, and lets it begin anew")
    # what else the process takes meanwhile only adds: the largest of two shares is the nearest
    found = [
        float(
            subprocess.run(
                [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True
            ).stdout
        )
        for _ in range(2)
    ]
    assert 0.65 < max(found) < 1.5


def test_a_tile_that_does_not_fit_becomes_smaller(annotation, network, settings, monkeypatch):
    from napari_unet.core.training.learner import Learner

    learn = Learner.learn

    def limited(learner, batch, rate, number):
        if batch.image.shape[-1] > 30:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return learn(learner, batch, rate, number)

    monkeypatch.setattr(Learner, "learn", limited)
    found = estimate(network, [annotation], settings)
    assert found.tile == 30
    assert "tiles of 30 px" in found.sentence


def test_kept_tensors_are_counted_once():
    x = torch.rand(1000, requires_grad=True)
    with counted() as held:
        y = x * x  # keeps x, twice
        (y.exp() * y.exp()).sum()
    assert held.largest == 4000
    assert held.bytes in range(3 * 4000, 5 * 4000 + 1, 4000)
