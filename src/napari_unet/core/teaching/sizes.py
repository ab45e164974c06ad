"""Sizes: the networks that live teaching grows through, and how each of them learns."""

from typing import Any

from napari_unet.core.settings import TrainSettings

SIZES = ("nano", "small", "standard")  # in the order they take over

_LIVE: dict[str, dict[str, Any]] = {
    "nano": {
        "tile": 132, "batch": 2, "sd": 3.0, "gray": 0.1, "rate": 3e-3, "warmup": 5, "ema": 0.85,
        "flatten": 0.0,
    },
    "small": {"tile": 172, "batch": 2, "sd": 3.0, "gray": 0.1, "dropout": 0.0, "ema": 0.95},
    "standard": {"tile": 252, "batch": 2, "sd": 3.0, "gray": 0.1, "dropout": 0.0, "ema": 0.97},
}  # fmt: skip


def settings_of(size: str, seed: int) -> TrainSettings:
    """Return how the network called ``size`` learns from strokes."""
    return TrainSettings.preset(size, seed=seed, schedule="constant", **_LIVE[size])
