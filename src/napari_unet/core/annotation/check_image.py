"""Checks of the image itself, channel by channel."""

from typing import NamedTuple

import numpy as np

from napari_unet.core.annotation.finding import Finding, Severity
from napari_unet.core.arrays.axes import channels_first
from napari_unet.core.text import count, listed, number, share

PILED = 0.01  # of the pixels at the largest value: the detector was saturated
TOP = 0.02  # of the range: if less lies below the largest value than at it, it is a pile


class _Channel(NamedTuple):
    """What one channel holds, NaN and infinity left out."""

    label: str  # as it stands in a sentence
    low: float
    high: float
    at_low: int  # pixels
    at_high: int
    near_high: int  # pixels in the top of the range, the largest value left out
    pixels: int  # finite ones
    brightest: tuple[int, ...]  # a pixel of the largest value


def pixel_findings(image: np.ndarray, axes: str) -> list[Finding]:
    """Check the values of ``image``; without ``axes`` it is taken as one channel."""
    planes = channels_first(image, axes)
    findings = _not_finite(planes)
    measured = [_measure(plane, number, len(planes)) for number, plane in enumerate(planes)]
    channels = [channel for channel in measured if channel is not None]
    for look in (_constant, _two_values, _saturated):
        findings += look(channels)
    return [*findings, *_equal(planes)]


def _place(index: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(index, shape))


def _measure(plane: np.ndarray, index: int, channels: int) -> _Channel | None:
    values = plane[np.isfinite(plane)] if plane.dtype.kind == "f" else plane
    if not values.size:
        return None
    low, high = values.min(), values.max()
    near = float(high) - TOP * (float(high) - float(low))
    top = plane == high
    at_high = int(np.count_nonzero(top))
    return _Channel(
        "the image" if channels == 1 else f"channel {index}",
        float(low),
        float(high),
        int(np.count_nonzero(values == low)),
        at_high,
        int(np.count_nonzero(values >= near)) - at_high,
        values.size,
        _place(int(np.argmax(top)), plane.shape),
    )


def _not_finite(planes: np.ndarray) -> list[Finding]:
    if planes.dtype.kind != "f":
        return []
    finite = np.isfinite(planes)
    missing = finite.size - int(np.count_nonzero(finite))
    if not missing:
        return []
    nan = int(np.count_nonzero(np.isnan(planes)))
    message = (
        f"The image holds {number(nan)} NaN and {count(missing - nan, 'infinite value')}, "
        f"{share(missing, finite.size)} of all."
    )
    remedy = "Leave these pixels unlabelled or set them first; else NaN is black, infinity white."
    severity: Severity = "warning" if missing < finite.size else "error"
    where = _place(int(np.argmin(finite)), finite.shape)[1:]
    return [Finding("not-finite", severity, message, remedy, where)]


def _named(channels: list[_Channel]) -> str:
    named = listed([channel.label for channel in channels])
    return f"{named[0].upper()}{named[1:]} {'holds' if len(channels) == 1 else 'hold'}"


def _constant(channels: list[_Channel]) -> list[Finding]:
    flat = [channel for channel in channels if channel.low == channel.high]
    if not flat:
        return []
    message = f"{_named(flat)} one value everywhere: {listed([f'{c.high:g}' for c in flat])}."
    remedy = "Check that this is the image you meant, or leave out the channel (opacity is one)."
    return [Finding("constant", "warning", message, remedy)]


def _two_values(channels: list[_Channel]) -> list[Finding]:
    two = [c for c in channels if c.low < c.high and c.at_low + c.at_high == c.pixels]
    if not two:
        return []
    message = f"{_named(two)} only two values, {two[0].low:g} and {two[0].high:g}, as labels do."
    remedy = "Check that image and labels were not exchanged."
    return [Finding("two-values", "warning", message, remedy)]


def _saturated(channels: list[_Channel]) -> list[Finding]:
    piled = [
        c
        for c in channels
        if c.at_high >= max(PILED * c.pixels, c.near_high + 1) and c.at_low + c.at_high < c.pixels
    ]
    if not piled:
        return []
    parts = [
        f"{share(c.at_high, c.pixels)} of the pixels of {c.label} ({number(c.at_high)}) hold "
        f"{c.high:g}"
        for c in piled
    ]
    message = f"The largest value is piled up: {listed(parts)}."
    remedy = "What lies there is lost: record with less light or gain; training goes on without it."
    return [Finding("saturated", "warning", message, remedy, piled[0].brightest)]


def _equal(planes: np.ndarray) -> list[Finding]:
    """Find a gray picture that was stored in colour."""
    if len(planes) not in (3, 4) or not all(np.array_equal(planes[0], p) for p in planes[1:3]):
        return []
    message = "The first three channels are equal: it is a gray picture stored in colour."
    remedy = "Give one channel of it, which is learned as well and three times as fast to read."
    return [Finding("gray-as-colour", "warning", message, remedy)]
