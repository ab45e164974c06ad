"""Kept memory is used again without a page fault; "out of memory" is recognised on each device."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from napari_unet.core.runtime.memory import TileMemoryError, is_out_of_memory

FAULTS = """
import psutil, resource, threading
import numpy as np
from napari_unet.core.runtime.memory import kept_memory

def faults():
    for _ in range(2):
        np.ones(100 * 2**20, np.uint8)  # freed at once
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(3):
        np.ones(100 * 2**20, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = faults()
with kept_memory():
    during = faults()
after, resident = faults(), psutil.Process().memory_info().rss

def beside():
    with kept_memory():
        pass

with kept_memory():  # another thread changes nothing for this one
    other = threading.Thread(target=beside)
    other.start()
    other.join()
    with kept_memory():  # as a validation within a training
        pass
    still = faults()
print(before, during, after, still, resident / 2**20)
"""


def run(**variables):
    command = [sys.executable, "-c", FAULTS]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}  # dask sets one
    environment = {**clean, **variables}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return [float(word) for word in done.stdout.split()]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is told how to keep memory")
def test_kept_memory_is_used_again_and_given_back():
    before, during, after, still, resident = run()
    assert max(during, still) < 100 < min(before, after)
    assert resident < 90  # less than one of the blocks


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is told how to keep memory")
def test_what_the_user_told_the_allocator_stays():
    assert min(run(MALLOC_MMAP_THRESHOLD_="1000000")[:4]) > 100


CPU = "[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: "


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total"),
        torch.OutOfMemoryError("Allocation on device"),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("MPS backend out of memory (MPS allocated: 8.93 GB, other allocations: 2 MB)"),
        RuntimeError("Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)"),
        RuntimeError("(00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)"),
        RuntimeError(f"{CPU}can't allocate memory: you tried to allocate 40000000000 bytes."),
        RuntimeError(f"{CPU}not enough memory: you tried to allocate 40000000000 bytes."),
        RuntimeError("unable to mmap 400 bytes: Cannot allocate memory (12)"),
        RuntimeError("could not allocate memory for the scratchpad"),
        RuntimeError("Failed to allocate 4 GB"),
        RuntimeError("Unable to allocate 4 GB"),
        RuntimeError("std::bad_alloc"),
        MemoryError("std::bad_alloc"),
        MemoryError(),
        TileMemoryError("memory is not enough for the smallest tile"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
    ids=lambda error: f"{type(error).__name__}: {error}"[:50],
)
def test_every_device_says_in_its_own_words_that_memory_is_used_up(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)"),
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("could not create a primitive"),
        ValueError("out of memory"),
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(12),
        KeyboardInterrupt(),
    ],
)
def test_other_errors_are_not_taken_for_missing_memory(error):
    assert not is_out_of_memory(error)


@pytest.mark.parametrize(
    "allocate", [lambda: np.empty(2**59, np.uint8), lambda: torch.empty(2**59, dtype=torch.uint8)]
)
def test_real_allocators_are_understood(allocate):
    with pytest.raises((MemoryError, RuntimeError)) as refused:
        allocate()
    assert is_out_of_memory(refused.value)
