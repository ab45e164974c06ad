"""How numbers, times, sizes and lists are written in sentences: the only home of these words."""

import math
import time
from collections.abc import Iterable, Sequence
from datetime import datetime

EXAMPLES = 3  # a sentence names at most so many
_UNITS = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))  # as disks are sold


def number(value: int) -> str:
    """Write 31030658 as 31 030 658, with spaces at which no line is broken.

    Of the spaces that do so, this is the one that every console of Windows can show.
    """
    return f"{value:,}".replace(",", "\N{NO-BREAK SPACE}")


def count(value: int, noun: str) -> str:
    """Write '1 pixel' or '12 pixels'."""
    plural = noun if value == 1 else f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number(value)} {plural}"


def share(part: int, whole: int) -> str:
    """Write a percentage; one that is not 0 or 100 never looks so."""
    percent = 100.0 * part / whole
    if percent < 0.01:
        return "less than 0.01 %" if part else "0 %"
    if percent > 99.9:
        return "more than 99.9 %" if part < whole else "100 %"
    return f"{percent:.3g} %"


def size(shape: Sequence[int]) -> str:
    """Write a shape as '512 × 600'."""
    return " × ".join(map(str, shape)) or "a single number"


def listed(parts: Sequence[str], last: str = "and", total: int | None = None) -> str:
    """Write 'a, b and c'; of many (``total``, when not all are given) the first few."""
    total = total or len(parts)
    shown = list(parts)
    if total > EXAMPLES + 1:
        shown = [*shown[:EXAMPLES], f"{number(total - EXAMPLES)} more"]
    return f" {last} ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def ranges(numbers: Iterable[int]) -> list[str]:
    """Write ascending numbers as ranges: '2', '4–7'."""
    runs: list[list[int]] = []
    for item in numbers:
        if runs and item == runs[-1][1] + 1:
            runs[-1][1] = item
        else:
            runs.append([item, item])
    return [f"{low}" if low == high else f"{low}–{high}" for low, high in runs]


def memory(amount: float, least: bool = False) -> str:
    """Write bytes as '850 MB' or '1.1 GB'; what is needed at ``least`` is rounded up."""
    for unit, name in _UNITS:
        if amount >= unit:
            digits = 0 if 10 * unit <= amount < 10**9 else 1
            tenths = amount / unit * 10**digits
            return f"{(math.ceil(tenths) if least else tenths) / 10**digits:.{digits}f} {name}"
    return count(round(amount), "byte")


def duration(seconds: float) -> str:
    """Write a time that somebody waits: 'less than 1 s', '9 s', '4 min' or '2 h 10 min'."""
    if seconds < 0.95:
        return "less than 1 s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def short_duration(seconds: float) -> str:
    """Write the measured time of one step, which may be far below a second: '35 ms', '1.4 s'."""
    if seconds < 0.00995:
        return f"{seconds * 1e3:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 9.95 else duration(seconds)


def ago(when: datetime, now: datetime | None = None) -> str:
    """Write how long before ``now`` that was: 'just now', '5 min ago', '14:05' or '02 Mar'."""
    seconds = ((now or datetime.now()) - when).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min ago"
    return when.strftime("%H:%M") if seconds < 86_400 else when.strftime("%d %b")


class ProgressClock:
    """Tells how much time some work will still take, by the time of what is done of it."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None  # seconds, and the share done by then

    def restart(self) -> None:
        """Count from the next share on: the work has rested."""
        self._first = None

    def time_left(self, done: float) -> str:
        """Return '4 s left' now that the share ``done`` is done; empty while it is not known."""
        now = time.monotonic()
        if self._first is None:
            self._first = now, done
        began, before = self._first
        if done <= before or done >= 1:
            return ""
        return f"{duration((now - began) * (1 - done) / (done - before))} left"
