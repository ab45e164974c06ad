"""Every example runs, and does what it says."""

import runpy
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_every_example_is_tested_here():
    assert [file.name for file in EXAMPLES.glob("*.py")] == ["train_and_segment.py"]


def test_a_network_learns_the_sample_nuclei():
    main = runpy.run_path(str(EXAMPLES / "train_and_segment.py"))["main"]
    assert main(60) > 0.3
