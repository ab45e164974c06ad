"""Safety: the last good state of a training, and the way back to it.

A snapshot counts as good only when the loss of the step after it was: a loss tells of the weights
before its step, and the step itself may have broken them. While the loss rises none is taken.
"""

from collections.abc import Mapping

import torch

from napari_unet.core.training.learner import Learner
from napari_unet.core.training.progress import Progress
from napari_unet.core.training.snapshot import Snapshot


class Safety:
    """Keeps the last good snapshot of ``learner``."""

    def __init__(self, learner: Learner, start: Snapshot) -> None:
        self._learner = learner
        self.good = start
        self.step = start.progress.number  # after which the good weights were learnt
        self._offered: Snapshot | None = None

    def offer(self, progress: Progress, best: Mapping[str, torch.Tensor]) -> None:
        """Take a snapshot, which is good if the next loss is."""
        if progress.guard.trusts():
            self._offered = Snapshot.take(self._learner, progress, best)

    def confirm(self) -> bool:
        """Take a good loss for the step after the snapshot on offer; tell whether there was one."""
        if self._offered is None:
            return False
        self.good, self._offered = self._offered, None
        self.step = self.good.progress.number
        return True

    def go_back(self, progress: Progress) -> None:
        """Load the good weights. They are the state of ``progress`` now: steps are not unmade."""
        self._learner.load(self.good.tensors)
        self._offered = None
        self.good = Snapshot(self.good.tensors, progress.copy(), self.good.best)
