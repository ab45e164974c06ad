"""The device that computes: choose it, and find its speed in half precision and its free memory."""

import math
import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import psutil
import torch
import torch.nn.functional as F

CGROUP = Path("/sys/fs/cgroup")  # where Linux tells a container or cluster job its limits
CLEARLY_FASTER = 1.2  # times; below it, half precision is not worth its rounding


def choose_device(name: str = "auto") -> torch.device:
    """Return the device called auto, cpu, cuda, cuda:N or mps, or say why there is none."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else _mps_or_cpu())
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (number and not (kind == "cuda" and number.isdigit())):
        raise ValueError(f"there is no device '{name}': choose auto, cpu, cuda, cuda:1 or mps")
    if kind == "cuda":
        _check_cuda(name, int(number or 0))
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ValueError("the device 'mps' needs a Mac with Apple silicon: choose auto or cpu")
    return torch.device(name)


@cache
def fast_dtype(device: torch.device) -> torch.dtype:
    """Return bfloat16 where convolutions are clearly faster in it, else float32.

    An NVIDIA GPU that has units for it is always faster. CPUs with such units take half the time,
    those without several times longer: that is measured once per process, in some hundredths of a
    second.
    """
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float32
    if device.type == "mps":
        return torch.float32
    try:
        gain = _gain_of_bfloat16(device)
    except RuntimeError:  # no such convolution on this device
        return torch.float32
    return torch.bfloat16 if gain > CLEARLY_FASTER else torch.float32


def memory_free(device: torch.device) -> int:
    """Return the bytes a job may still take on the device."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0] + unused)
    free = min(psutil.virtual_memory().available, _container_memory_free())
    if device.type == "mps":
        limit = torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
        free = min(free, limit)
    return max(int(free), 0)


def limit_threads() -> int:
    """Leave one core free for the window; return the number of threads that torch uses.

    A training on all cores makes a single redraw wait up to 0.4 s for the one it needs.
    """
    threads = max(1, min(torch.get_num_threads(), _cores() - 1))
    torch.set_num_threads(threads)
    return threads


def _mps_or_cpu() -> str:
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _check_cuda(name: str, number: int) -> None:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count == 0:
        raise ValueError(f"the device '{name}' needs an NVIDIA GPU, and none is found: choose cpu")
    if number >= count:
        raise ValueError(f"there is no device '{name}': the last GPU is cuda:{count - 1}")


def _gain_of_bfloat16(device: torch.device) -> float:
    """Return how many times faster a typical convolution is, from the quickest of several runs."""
    tile = torch.ones(1, 64, 96, 96, device=device).to(memory_format=torch.channels_last)
    kernel = torch.ones(64, 64, 3, 3, device=device).to(memory_format=torch.channels_last)
    quickest = {torch.float32: math.inf, torch.bfloat16: math.inf}
    with torch.inference_mode():
        for _ in range(5):
            for dtype, before in quickest.items():
                x, w = tile.to(dtype), kernel.to(dtype)
                taken = _seconds(lambda x=x, w=w: F.conv2d(x, w))  # type: ignore[misc]
                quickest[dtype] = min(before, taken)
    return quickest[torch.float32] / quickest[torch.bfloat16]


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _cores() -> int:
    """Return the cores this process may use: by affinity, and by the share of a container."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota, _, period = _read(CGROUP / "cpu.max").partition(" ")
    share = math.ceil(int(quota) / int(period)) if quota.isdigit() and period else math.inf
    return int(min(allowed or 1, share))


def _container_memory_free() -> float:
    """Return the bytes left below the limit of a container; files kept in memory can be dropped."""
    limit, taken = _read(CGROUP / "memory.max"), _read(CGROUP / "memory.current")
    if not (limit.isdigit() and taken.isdigit()):
        return math.inf
    kept = dict(line.split() for line in _read(CGROUP / "memory.stat").splitlines())
    return int(limit) - int(taken) + int(kept.get("inactive_file", 0))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
