"""Race contenders in one process and write the outcome down.

Every contender runs once a round, round after round, so that whatever else the machine does hits
all of them alike. A round is taken again when another program had the processor meanwhile.
"""

import functools
import gc
import importlib
import importlib.metadata
import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import date
from math import nan
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import psutil

RESULTS = Path(__file__).parents[1] / "docs" / "benchmarks.md"
SHORTEST_S = 0.05  # a faster contender is called again and again until this has passed
FOREIGN = 0.2  # processor cores in other hands above which a round does not count
TRIES = 3


class Row(NamedTuple):
    """What one contender took: seconds per call over the rounds, low and high the extremes."""

    name: str
    median_s: float
    low_s: float
    high_s: float
    rounds: int = 0
    foreign: float = 0.0  # cores other programs took meanwhile, median over the rounds
    absent: str = ""  # why the contender did not run


class _Round(NamedTuple):
    seconds: float
    foreign: float


def race(
    contenders: dict[str, Callable[[], object]],
    rounds: int = 7,
    longest_s: float = 60.0,
    around: Mapping[str, Callable[[], AbstractContextManager[object]]] | None = None,
    warm: Mapping[str, Callable[[], object]] | None = None,
) -> list[Row]:
    """Time all contenders round-robin after one warm-up each; rows come in the order given.

    A contender that raises ImportError is reported as absent. One that has used ``longest_s``
    seconds gets no further round: its row says how many it had. ``around``: what a contender finds
    about it in use, entered before each of its rounds and not timed. ``warm``: a shorter warm-up,
    for contenders of minutes that keep nothing of one call for the next.
    """
    places, shorter = around or {}, warm or {}
    absent = {name: _warm_up(shorter.get(name, call)) for name, call in contenders.items()}
    taken: dict[str, list[_Round]] = {name: [] for name in contenders if not absent[name]}
    for _ in range(rounds):
        for name, samples in taken.items():
            if sum(sample.seconds for sample in samples) < longest_s:
                with places.get(name, nullcontext)():
                    samples.append(_quiet_round(contenders[name]))
    return [_row(name, taken.get(name, []), absent[name]) for name in contenders]


def table(rows: list[Row], reference: str) -> str:
    """Markdown of the rows; the last column is how many times slower each is than ``reference``."""
    base = next(row.median_s for row in rows if row.name == reference)
    lines = [
        f"| contender | median ms | fastest | slowest | rounds | × {reference} |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        if row.absent:
            lines.append(f"| {row.name} | absent: {row.absent} | | | | |")
            continue
        times = " | ".join(_milliseconds(s) for s in (row.median_s, row.low_s, row.high_s))
        lines.append(f"| {row.name} | {times} | {row.rounds} | {row.median_s / base:.2f} |")
    return "\n".join([*lines, *_disturbed(rows)])


def record(section: str, markdown: str) -> None:
    """Replace what docs/benchmarks.md says between the marks of ``section``."""
    text = RESULTS.read_text(encoding="utf-8")
    start, end = f"<!-- {section} -->", f"<!-- /{section} -->"
    if text.count(start) != 1 or text.count(end) != 1:
        raise ValueError(f"{RESULTS.name} needs {start} and {end} exactly once each")
    new = f"{start}\n{markdown.strip()}\n\nMeasured {date.today()} on {machine()}.\n{end}"
    span = re.escape(start) + ".*?" + re.escape(end)
    RESULTS.write_text(re.sub(span, lambda _: new, text, flags=re.S), encoding="utf-8")


def machine() -> str:
    """Processor, accelerator and versions, in one line."""
    versions = [f"Python {platform.python_version()}"]
    versions += [
        f"{name} {version}" for name in ("numpy", "torch") if (version := version_of(name))
    ]
    return f"{_processor()}, {os.cpu_count()} cores{_accelerator()}; {', '.join(versions)}"


def peer(name: str) -> ModuleType:
    """Import the peer ``name``; whatever keeps it from being imported makes it absent."""
    try:
        _declare_torchvision()
        return importlib.import_module(name)
    except ImportError:
        raise
    except Exception as error:  # peers fail on import in ways of their own
        raise ImportError(f"{name} cannot be imported: {error}") from error


def version_of(package: str) -> str:
    """Version of an installed package, or an empty string."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


@functools.cache  # the operators live as long as what is returned
def _declare_torchvision() -> object:
    """Declare two operators without which torchvision, built for CUDA, fails on a CPU's torch.

    segmentation-models-pytorch and torch_em import torchvision and call neither.
    """
    import torch

    if torch.version.cuda is not None:
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def _warm_up(call: Callable[[], object]) -> str:
    try:
        call()
    except ImportError as error:
        return str(error).splitlines()[0]
    return ""


def _quiet_round(call: Callable[[], object]) -> _Round:
    """Of a few tries, the one that other programs disturbed least."""
    best = _Round(nan, float("inf"))
    for _ in range(TRIES):
        _wait_for_quiet()
        sample = _round(call)
        best = min(best, sample, key=lambda tried: tried.foreign)
        if best.foreign < FOREIGN or sample.seconds > 4:
            break
    return best


def _round(call: Callable[[], object]) -> _Round:
    gc.collect()
    calls, busy, own, start = 0, _busy(), time.process_time(), time.perf_counter()
    while calls == 0 or time.perf_counter() - start < SHORTEST_S:
        call()
        calls += 1
    passed = time.perf_counter() - start
    foreign = (_busy() - busy) - (time.process_time() - own)
    return _Round(passed / calls, max(0.0, foreign / passed))


def _busy() -> float:
    """Processor seconds all programs together have used since the machine started."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)  # counted twice
    return sum(times) - idle - guests


def _wait_for_quiet(longest_s: float = 3.0) -> None:
    end = time.perf_counter() + longest_s
    while time.perf_counter() < end:
        busy, start = _busy(), time.perf_counter()
        time.sleep(0.12)
        if _busy() - busy < FOREIGN * (time.perf_counter() - start):
            return


def _row(name: str, samples: list[_Round], absent: str) -> Row:
    if absent:
        return Row(name, nan, nan, nan, absent=absent)
    seconds = [sample.seconds for sample in samples]
    foreign = statistics.median(sample.foreign for sample in samples)
    median = statistics.median(seconds)
    return Row(name, median, min(seconds), max(seconds), len(seconds), foreign)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.3g}" if seconds < 1 else f"{seconds * 1e3:,.0f}"


def _disturbed(rows: list[Row]) -> list[str]:
    names = [row.name for row in rows if row.foreign > FOREIGN]
    if not names:
        return []
    return ["", f"Other programs took more than {FOREIGN} cores during: {', '.join(names)}."]


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"model name\s*: (.*)", text)
    return found[1].strip() if found else platform.machine()


def _accelerator() -> str:
    try:
        import torch
    except ImportError:
        return ""
    return f" and {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
