"""Pace: how fast the steps of a training come, for the line that tells of it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_unet.core.training import Step


class Pace:
    """How fast steps come since the first one, and the last IoU, for the live line."""

    def __init__(self, first: "Step") -> None:
        self._number, self._seconds = first.number - 1, 0.0
        if self._number:  # resumed: seconds of the earlier session do not count
            self._number, self._seconds = first.number, first.seconds
        self._iou = ""

    def line(self, step: "Step") -> str:
        """Return step, loss, IoU, seconds a step, and the time left."""
        if step.validation:
            self._iou = f"  IoU {step.validation['iou']:.3f}"
        steps = step.number - self._number
        pace = f"  {(step.seconds - self._seconds) / steps:.2g} s/step" if steps else ""
        doing = "  validating" if step.validating is not None else ""
        left = spoken_time(step.seconds_left)
        return f"step {step.number}  loss {step.loss:.4f}{self._iou}{pace}  {left} left{doing}"


def spoken_time(seconds: float) -> str:
    """Return a time in the unit a person would use."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
