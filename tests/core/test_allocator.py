"""Kept memory is used again without a page fault."""

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np
from napari_unet.core.allocator import keep_memory
if sys.argv[1] == "keep":
    assert keep_memory()
for _ in range(3):
    np.ones(100 * 2**20, np.uint8)  # freed at once
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    np.ones(100 * 2**20, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how):
    command = [sys.executable, "-c", FAULTS, how]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is told how to keep memory")
def test_kept_memory_is_used_again():
    assert faults("keep") < 100 < faults("give back")
