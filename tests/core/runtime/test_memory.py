"""Kept memory is used again without a page fault, and goes back at the end."""

import os
import subprocess
import sys

import pytest

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
