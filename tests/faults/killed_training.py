"""Run as a program: trains in forked children that are killed at random, and says what came of it.

usage: killed_training.py FOLDER KILLS SEED [forgetful]

A child is a fork of a process that has imported everything, so that it starts at once. With
``forgetful`` a resumed training loses its momentum, as one whose checkpoint holds weights alone.
Prints a JSON object.
"""

import hashlib
import json
import os
import random
import signal
import sys
import time
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from napari_unet import Annotation, TrainSettings, UNet, train
from napari_unet.core.training import resume as records
from napari_unet.core.training.optimiser import Optimiser

SETTINGS = TrainSettings(
    base=8, depth=1, norm="weight", dropout=0.2, tile=60, optimiser="sgd", rate=0.02, momentum=0.9,
    warmup=5, ema=0.9, steps=150, precision="float32", checkpoint_seconds=0.1, validation_time=0.2,
)  # fmt: skip
LAST = 145  # the step at which a child waits that is to be killed


def scene(seed):
    rng = np.random.default_rng(seed)
    image, labels = rng.normal(size=(90, 96)), np.ones((90, 96), int)
    for label in range(2, 9):
        row, column = rng.integers(0, 78, 2)
        labels[row : row + 12, column : column + 12] = label
    return Annotation(image + 4 * (labels > 1), labels, ids="objects")


def work(folder, log, forgetful=False, held=False):
    """Train, or go on training; every loss goes to ``log`` at once, the end beside it.

    A checkpoint is due whenever one can be written, and whom somebody will kill waits for that near
    the end, so that the speed of the machine has no say.
    """
    torch.manual_seed(0)
    records.time = SimpleNamespace(monotonic=count().__next__)
    network = UNet(base=8, depth=1, norm="weight", dropout=0.2)
    resume = folder if (folder / "checkpoints").is_dir() else None
    if forgetful:
        Optimiser.load = lambda optimiser, tensors: optimiser.forget_gradients()
    try:
        steps = train(
            network, [scene(0)], SETTINGS, validation=[scene(1)], folder=folder, resume=resume
        )
    except ValueError:  # killed before the first checkpoint was whole
        steps = train(network, [scene(0)], SETTINGS, validation=[scene(1)], folder=folder)
    with log.open("a") as file:
        for step in (step for step in steps if step.validating is None):
            score = step.validation["score"].hex() if step.validation else ""
            file.write(f"{step.number} {step.loss.hex()} {score}\n")
            file.flush()
            if held and step.number == LAST:
                time.sleep(3600)
    weights = b"".join(t.contiguous().numpy().tobytes() for t in network.state_dict().values())
    log.with_suffix(".end").write_text(hashlib.sha256(weights).hexdigest())


def fork(*arguments):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work(*arguments)
            status = 0
        finally:
            os._exit(status)
    return child


def lines(log):
    return log.read_bytes().count(b"\n") if log.exists() else 0


def wait(child, log, draw):
    """Sleep for some steps of the child and a part of one, or for a moment of its start."""
    before = lines(log)
    end = before + draw.choice([0, draw.randint(5, 45), draw.randint(5, 45)])
    while lines(log) < end and not is_held(log, before) and not gone(child):
        time.sleep(0.002)
    time.sleep(draw.uniform(0.0, 0.05))


def is_held(log, before):
    """Whether the child has come to the step at which it waits."""
    new = log.read_bytes().splitlines(keepends=True)[before:] if log.exists() else []
    return any(line.startswith(b"%d " % LAST) and line.endswith(b"\n") for line in new)


def gone(child):
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)


def told(log):
    """Return the losses by step, and whether a step that came twice had the same loss."""
    found, same = {}, True
    for line in log.read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            number, *values = line.split()
            same &= found.setdefault(number, values) == values
    return found, same


def main(folder, kills, seed, forgetful):
    torch.set_num_threads(1)
    straight, often = folder / "straight.log", folder / "often.log"
    assert os.waitpid(fork(folder / "straight", straight), 0)[1] == 0
    draw, killed, failed = random.Random(seed), 0, 0
    while not often.with_suffix(".end").exists():
        child = fork(folder / "often", often, forgetful, killed < kills)
        if killed < kills:
            wait(child, often, draw)
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        killed += os.WIFSIGNALED(status)
        failed += os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0
        assert failed < 3, "a training could not be resumed"
    (expected, _), (found, same) = told(straight), told(often)
    ends = [log.with_suffix(".end").read_text() for log in (straight, often)]
    found = {
        "kills": killed, "failed": failed, "steps": len(found), "repeats agree": same,
        "losses agree": found == expected, "weights agree": ends[0] == ends[1],
    }  # fmt: skip
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:] == ["forgetful"])
