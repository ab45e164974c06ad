"""Learning rate and budget: how fast to learn, and how much is left, in steps or in minutes.

The time counted is that of the training, without the pauses its caller makes between two steps.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from napari_unet.core.training.settings import TrainSettings


def rate_at(settings: TrainSettings, number: int, progress: float) -> float:
    """Return the learning rate of step ``number`` (from 1); ``progress``: share of budget used.

    It climbs in a straight line during the warm-up and falls as half a cosine, so that it reaches
    0 when the budget, be it steps or minutes, is used.
    """
    climb = min(number / settings.warmup, 1.0) if settings.warmup else 1.0
    fall = 1.0
    if settings.schedule == "cosine":
        fall = 0.5 * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))
    return settings.rate * climb * fall


class Budget:
    """What a training may use: minutes where some are given, steps otherwise."""

    def __init__(self, settings: TrainSettings) -> None:
        self._seconds = settings.minutes * 60
        self._steps = settings.steps
        self._kept = 0.0  # seconds, for the last validation

    def keep(self, seconds: float) -> None:
        """Reserve time for the last validation, at most half of a budget in minutes."""
        self._kept = min(seconds, self._seconds / 2)

    def progress(self, number: int, seconds: float) -> float:
        """Return the share used, from 0 to 1, after ``number`` steps and ``seconds``."""
        if self._seconds:
            return min(seconds / (self._seconds - self._kept), 1.0)
        return min(number / self._steps, 1.0)

    def used_up(self, number: int, seconds: float) -> bool:
        """Tell whether there is no time, or step, left."""
        return self.progress(number, seconds) >= 1

    def seconds_left(self, number: int, seconds: float, per_step: float) -> float:
        """Return the time left when a step takes ``per_step`` seconds."""
        if self._seconds:
            return max(self._seconds - seconds, 0.0)
        return max(self._steps - number, 0) * per_step


class Clock:
    """Counts seconds from its creation, except within ``stopped``."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._before = seconds
        self._since = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds counted so far."""
        return self._before + time.perf_counter() - self._since

    def set(self, seconds: float) -> None:
        """Go on from ``seconds``."""
        self._before, self._since = seconds, time.perf_counter()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Leave out the time within."""
        seconds = self.seconds
        try:
            yield
        finally:
            self.set(seconds)
