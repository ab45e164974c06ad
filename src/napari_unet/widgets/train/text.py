"""Times, sizes and the state of a training in words."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from napari_unet.core.training.settings import PRESETS, TrainSettings
from napari_unet.workflows.training_estimate import TrainingEstimate

if TYPE_CHECKING:
    from napari_unet.core.training.step import Step

KEPT = ("budget",)  # groups of settings that no preset decides


def spoken_time(seconds: float) -> str:
    """Return a time in the unit a person would use."""
    if seconds < 1:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def spoken_bytes(count: float) -> str:
    """Return a size in the unit a person would use."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{max(count / 1e6, 1):.0f} MB"


def ago(when: datetime) -> str:
    """Say how long ago ``when`` was."""
    seconds = (datetime.now() - when).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min ago"
    return when.strftime("%H:%M") if seconds < 86_400 else when.strftime("%d %b")


def number(value: int) -> str:
    """Write a number with thin spaces between its thousands."""
    return f"{value:,}".replace(",", "\N{THIN SPACE}")


def expectation(found: TrainingEstimate) -> str:
    """Say what a training will take: time, steps, memory."""
    if not found.seconds:
        return ""
    total = spoken_time(found.seconds * found.steps)
    memory = f"{spoken_bytes(found.memory)} of {spoken_bytes(found.free)} free"
    steps = f"{number(found.steps)} step{'s' * (found.steps != 1)}"
    return f"≈ {steps} of {spoken_time(found.seconds)} in {total} · {memory}"


def progress(step: "Step") -> str:
    """Say where a training is."""
    doing = " · validating" if step.validating is not None else ""
    left = f"{spoken_time(step.seconds_left)} left" if step.seconds_left else "finishing"
    return f"step {number(step.number)} · loss {step.loss:.3g} · {left}{doing}"


def share_done(step: "Step") -> float:
    """Return the share of the time that is used."""
    total = step.seconds + step.seconds_left
    return float(step.seconds / total) if total else 1.0


def preset_of(settings: TrainSettings) -> str:
    """Return the preset that ``settings`` are, the budget aside; empty where they are none."""
    return next((name for name in PRESETS if with_preset(settings, name) == settings), "")


def with_preset(settings: TrainSettings, name: str) -> TrainSettings:
    """Return the preset called ``name`` with the budget of ``settings``."""
    kept = {
        item.name: getattr(settings, item.name)
        for item in settings.__dataclass_fields__.values()
        if item.metadata["group"] in KEPT
    }
    return TrainSettings.preset(name, **kept)


def best_of(steps: Sequence[Any]) -> str:
    """Say which step was best."""
    scored = [step for step in steps if step.validation is not None]
    if not scored:
        return ""
    step = max(scored, key=lambda s: float(s.validation["score"]))
    return f"best: step {number(step.number)}, IoU {step.validation['iou']:.2f}"
