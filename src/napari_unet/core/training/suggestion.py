"""Suggestion: which preset suits a device and the time that is given, and why."""

from typing import NamedTuple

MINUTES = {"cpu": 10.0, "cuda": 2.0, "mps": 5.0}  # when none are given
FAST = ("cuda", "mps")
ENOUGH = 6.0  # CPU minutes from which the larger network pays
SHORT = 1.0  # CPU minutes below which only the smallest learns anything


class Suggestion(NamedTuple):
    """A preset by name, and the sentence that gives the reason."""

    preset: str
    reason: str


def suggest_preset(device: str, minutes: float) -> Suggestion:
    """Return the preset for ``minutes`` on a device of this type: cpu, cuda or mps."""
    if device in FAST or minutes >= ENOUGH:
        preset, why = "standard", "the most accurate one that has learnt by then"
    elif minutes >= SHORT:
        preset, why = "small", "the larger ones need more time"
    else:
        preset, why = "nano", "all others need more time"
    where = "a CPU" if device == "cpu" else "a GPU"
    return Suggestion(preset, f"preset {preset} for {minutes:g} min on {where}: {why}")
