"""Examiner: decides when to validate, and keeps the weights that scored best."""

import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from napari_unet.core.training.job import Job
from napari_unet.core.training.learner import Learner
from napari_unet.core.training.progress import Progress
from napari_unet.core.training.snapshot import copy_of_weights
from napari_unet.core.training.validation import Validator


class Examiner:
    """Validates what ``learner`` shows: its averaged weights where it has some."""

    def __init__(self, job: Job, learner: Learner, best: Mapping[str, torch.Tensor]) -> None:
        self._job = job
        self._learner = learner
        self._validator = Validator(job.validation, job.settings) if job.validation else None
        self._interval = self._validator.interval() if self._validator else 0
        self.best = best
        self._seconds = 0.0  # that the last validation took

    def due(self, progress: Progress, last: bool = False) -> bool:
        """Tell whether to validate now: at steps that the clock has no say in, and at the end.

        Only where the budget is in minutes, one that would exceed its share of the time waits.
        """
        settings = self._job.settings
        if self._validator is None or progress.validated == progress.number:
            return False
        if last:
            return True
        if not settings.validation_time or progress.number % self._interval:
            return False
        spent = progress.validating + self._seconds
        return not settings.minutes or spent <= settings.validation_time * progress.seconds

    def on_grid(self, number: int) -> bool:
        """Tell whether a validation may follow step ``number``."""
        return bool(self._interval) and number % self._interval == 0

    def seconds(self, per_step: float) -> float:
        """Return the time a validation takes: as long as the last one, or by its pixels."""
        if self._validator is None:
            return 0.0
        return self._seconds or self._validator.steps_worth() * per_step

    def run(self, progress: Progress) -> Iterator[float]:
        """Validate; yield the share done. The scores are the last of ``progress.validations``."""
        assert self._validator is not None
        start, network = time.perf_counter(), self._learner.network
        parts = self._validator.run(network, self._learner.dtype)
        network.eval()
        try:
            while True:
                with self._learner.shown():
                    part = next(parts)
                    if isinstance(part, dict):
                        self._take(progress, part)
                        break
                yield part
        finally:
            network.train()
            self._seconds = time.perf_counter() - start
            progress.validating += self._seconds

    def _take(self, progress: Progress, scores: dict[str, Any]) -> None:
        """Note the ``scores``, and keep the weights that the network shows now if they are best."""
        (score,) = self._job.agreed([scores["score"]])
        progress.validations.append({**scores, "score": score, "step": progress.number})
        progress.validated = progress.number
        progress.stale += 1
        if score > progress.best or not math.isfinite(progress.best):
            progress.best, progress.stale = score, 0
            self.best = copy_of_weights(self._learner)
