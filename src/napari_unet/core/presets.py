"""The four presets: what of TrainSettings each one changes from the paper's values."""

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    # the paper as it stands: base 64, depth 4, no normalisation, SGD 0.99, one 572 tile a step
    "paper": {},
    # twice the width of small; in 10 CPU minutes small was ahead on isbi2012 and usiigaci, because
    # more than four times as many of its steps fit in (docs/benchmarks.md, Accuracy)
    "standard": {
        "base": 32, "depth": 3, "norm": "weight", "dropout": 0.2, "tile": 348, "batch": 1,
        "optimiser": "adam", "rate": 1e-3, "momentum": 0.9, "warmup": 20, "ema": 0.99,
        "balance": False,
    },
    "small": {
        "base": 16, "depth": 3, "norm": "weight", "dropout": 0.2, "tile": 284, "batch": 1,
        "optimiser": "adam", "rate": 1e-3, "momentum": 0.9, "warmup": 20, "ema": 0.98,
        "balance": False,
    },
    # for live teaching: a first useful result in seconds on one core
    "nano": {
        "base": 12, "depth": 2, "norm": "weight", "dropout": 0.0, "tile": 172, "batch": 1,
        "optimiser": "adam", "rate": 3e-3, "momentum": 0.9, "warmup": 5, "ema": 0.95,
        "flatten": 32.0,
    },
}  # fmt: skip
