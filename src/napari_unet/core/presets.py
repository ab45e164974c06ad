"""The four presets: what of TrainSettings each one changes from the paper's values."""

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    # the paper as it stands: base 64, depth 4, no normalisation, SGD 0.99, one 572 tile a step
    "paper": {},
    # the best or as good as the best measured after 10 CPU minutes: with base 24 or 32 fewer steps
    # fit in and it is behind; w0 2 instead of 10 loses fewer pixels to the separation
    # (docs/benchmarks.md, Accuracy)
    "standard": {
        "base": 16, "depth": 3, "norm": "weight", "dropout": 0.2, "tile": 284, "batch": 1,
        "optimiser": "adam", "rate": 1e-3, "momentum": 0.9, "warmup": 20, "ema": 0.98,
        "balance": False, "w0": 2.0,
    },
    "small": {
        "base": 12, "depth": 3, "norm": "weight", "dropout": 0.1, "tile": 252, "batch": 1,
        "optimiser": "adam", "rate": 2e-3, "momentum": 0.9, "warmup": 10, "ema": 0.97,
        "balance": False, "w0": 2.0,
    },
    # for live teaching: a first useful result in seconds on one core
    "nano": {
        "base": 12, "depth": 2, "norm": "weight", "dropout": 0.0, "tile": 172, "batch": 1,
        "optimiser": "adam", "rate": 3e-3, "momentum": 0.9, "warmup": 5, "ema": 0.95,
        "flatten": 32.0, "w0": 2.0,
    },
}  # fmt: skip
