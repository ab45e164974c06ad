"""Clock: the time a training takes, without the pauses its caller makes between two steps."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Runs from its making, and stands still within ``stopped``."""

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
