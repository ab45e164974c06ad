"""Paint random strokes into a journal, telling each with its time, until somebody kills this.

The time is told by a clock that stands still while the disk is being waited for: how long that
takes is not the program's to say.
The strokes are drawn from a seed, so that the test can paint the same ones without a journal.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np

from napari_unet.workflows.stroke_journal import Journal

SHAPE = (300, 400)


def strokes(seed):
    """Yield boxes and what they hold after each stroke: painting, erasing and undoing."""
    rng = np.random.default_rng(seed)
    labels, undone = np.zeros(SHAPE, np.uint8), []
    while True:
        if undone and rng.random() < 0.2:
            box, values = undone.pop()
        else:
            start = [int(rng.integers(edge - 40)) for edge in SHAPE]
            box = tuple(slice(a, a + int(rng.integers(1, 40))) for a in start)
            values = np.where(rng.random(labels[box].shape) < 0.7, rng.integers(0, 4), labels[box])
            undone.append((box, labels[box].copy()))
        labels[box] = values
        yield box, values.astype(np.uint8)


class Disk:
    """Counts the seconds for which the disk is waited for."""

    def __init__(self):
        self._waited, self._since, self._fsync = 0.0, None, os.fsync
        os.fsync = self.fsync

    def fsync(self, file):
        self._since = time.monotonic()
        self._fsync(file)
        self._waited, self._since = self.waited, None

    @property
    def waited(self):
        since = self._since
        return self._waited + (time.monotonic() - since if since is not None else 0.0)


def main():
    path, seed, disk = Path(sys.argv[1]), int(sys.argv[2]), Disk()
    journal = Journal(path, compact_from=20_000)  # so that a kill also meets a rewriting
    journal.begin("cells", np.zeros(SHAPE, np.uint8), {"image": "cells"})
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for box, values in strokes(seed):
        journal.stroke("cells", box, values)
        sys.stdout.write(f"{time.monotonic() - disk.waited}\n")
        sys.stdout.flush()
        time.sleep(0.002)


if __name__ == "__main__":
    main()
