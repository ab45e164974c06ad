"""Vectors are as long as the processor's; convolutions are right with shorter ones, too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core import config

from napari_unet.core.fast_conv.simd import has

TESTS = Path(__file__).with_name("test_block.py")
CHILD = """
import sys, pytest
from napari_unet.core.fast_conv.simd import LANES
assert LANES == 8
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", sys.argv[1]]))
"""


def test_a_processor_without_any_feature_convolves(tmp_path):
    environment = os.environ | {"NUMBA_CPU_NAME": "generic", "NUMBA_CACHE_DIR": str(tmp_path)}
    child = subprocess.run(
        [sys.executable, "-c", CHILD, f"{TESTS}::test_channels"],
        env=environment, capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert child.returncode == 0, child.stdout + child.stderr
    assert "12 passed" in child.stdout


@pytest.mark.parametrize(
    ("name", "features", "found"),
    [
        ("generic", None, False),
        (None, "+avx2,+avx512f", True),
        (None, "+avx2,-avx512f", False),
        ("znver5", "-avx512f", False),
    ],
)
def test_what_numba_was_told_counts(monkeypatch, name, features, found):
    monkeypatch.setattr(config, "CPU_NAME", name)
    monkeypatch.setattr(config, "CPU_FEATURES", features)
    assert has("avx512f") is found
