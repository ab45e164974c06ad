"""Checks of the painted values: those without meaning or unlikely, and classes without pixels."""

from typing import NamedTuple

import numpy as np

from napari_unet.core.annotation.finding import Finding, Severity
from napari_unet.core.annotation.label_codes import (
    LARGEST,
    LAST_CLASS,
    UNLABELLED,
    LabelCode,
    LabelTable,
)
from napari_unet.core.text import count, listed, number, ranges, share

WHITE = 128  # a single value this high beside 0 is the white of a black-and-white picture


def value_findings(palette: LabelTable, code: LabelCode) -> list[Finding]:
    """Check the painted values; with an error here the classes cannot be determined."""
    if palette.values.dtype.kind == "f":
        return _not_whole(palette)
    findings = [*_negative(palette, code), *_black_and_white(palette, code)]
    return findings or _too_many(palette, code)


def _pixels_hold(palette: LabelTable, chosen: np.ndarray) -> str:
    pixels = int(palette.counts[chosen].sum())
    return f"{count(pixels, 'label pixel')} {'holds' if pixels == 1 else 'hold'}"


def _not_whole(palette: LabelTable) -> list[Finding]:
    values = palette.values
    finite = np.isfinite(values)
    broken = finite & (values != np.floor(values))
    with np.errstate(over="ignore"):  # float16 ends below
        huge = finite & (np.abs(values) >= LARGEST)
    findings = []
    if not finite.all():
        message = f"{_pixels_hold(palette, ~finite)} NaN or infinity."
        remedy = "Set them to 0 with np.nan_to_num(labels, nan=0, posinf=0, neginf=0)."
        findings.append(Finding("label-nan", "error", message, remedy, palette.where(~finite)))
    if broken.any():
        message = (
            f"{_pixels_hold(palette, broken)} a value that is not a whole number, such as "
            f"{values[broken][0]:g}."
        )
        remedy = "Resize or turn labels with the nearest neighbour, never by interpolation."
        findings.append(Finding("fractions", "error", message, remedy, palette.where(broken)))
    if huge.any():
        message = (
            f"{_pixels_hold(palette, huge)} a value too large to be an id, {values[huge][0]:g}."
        )
        remedy = "Give labels as whole numbers below 2**62."
        findings.append(Finding("huge", "error", message, remedy, palette.where(huge)))
    return findings


def _negative(palette: LabelTable, code: LabelCode) -> list[Finding]:
    negative = palette.values < 0
    if not negative.any():
        return []
    message = (
        f"{_pixels_hold(palette, negative)} a negative value; the lowest is {palette.values[0]}."
    )
    remedy = "If they are unlabelled, set them to 0: labels[labels < 0] = 0."
    if code.zero == "background":
        remedy = (
            "If they are unlabelled, give np.where(labels < 0, 0, labels + 1) with "
            "zero='unlabelled'."
        )
    return [Finding("negative", "error", message, remedy, palette.where(negative))]


def _black_and_white(palette: LabelTable, code: LabelCode) -> list[Finding]:
    """Find a mask: two values, black and white, in which 0 is background."""
    painted = palette.values[palette.values > 0]
    if len(painted) != 1 or int(painted[0]) < WHITE:
        return []
    white = int(painted[0])
    message = (
        f"The labels hold only 0 and {number(white)}, as a black-and-white picture does; "
        f"{_pixels_hold(palette, palette.values == white)} {number(white)}."
    )
    remedy = "If 0 is background and white one class, give labels > 0 with zero='background'."
    where = palette.where(palette.values == white)
    severity: Severity = "warning" if code.instances else "error"
    return [Finding("black-and-white", severity, message, remedy, where)]


def _too_many(palette: LabelTable, code: LabelCode) -> list[Finding]:
    beyond = palette.values > LAST_CLASS + code.background
    if code.instances or not beyond.any():
        return []
    top = int(palette.values[-1])
    message = (
        f"The labels go up to {number(top)}, which would be class "
        f"{number(top - code.background)}; there are at most {LAST_CLASS} classes beside the "
        "background."
    )
    remedy = "If each value is an object, say ids='objects'; else number the classes from 1."
    return [Finding("too-many-classes", "error", message, remedy, palette.where(beyond))]


RARE = 0.01  # of the labelled pixels: a class with less is learned slowly


class _Shares(NamedTuple):
    """Pixels of each class, and the class of each value."""

    palette: LabelTable
    code: LabelCode
    of_value: np.ndarray  # (values,) uint8
    pixels: np.ndarray  # (256,) int64; the last is unlabelled

    @property
    def painted(self) -> np.ndarray:
        """The classes that have pixels."""
        return np.flatnonzero(self.pixels[:UNLABELLED])

    def where(self, label: int) -> tuple[int, ...] | None:
        return self.palette.where(self.of_value == label)


def share_findings(palette: LabelTable, code: LabelCode) -> list[Finding]:
    """Check how many pixels each class has; ``palette`` holds legal values."""
    of_value = code.classes(palette.values)
    pixels = np.zeros(256, np.int64)
    np.add.at(pixels, of_value, palette.counts)
    shares = _Shares(palette, code, of_value, pixels)
    if not len(shares.painted):
        return [_nothing(shares)]
    return [
        *_unlabelled(shares), *_missing(shares), *_one(shares), *_no_background(shares),
        *_balance(shares),
    ]  # fmt: skip


def _nothing(shares: _Shares) -> Finding:
    message = f"None of the {count(int(shares.pixels.sum()), 'pixel')} is labelled."
    remedy = "Paint some background (1) and some of each class (2…)."
    if shares.code.zero == "unlabelled":
        remedy += " If 0 means background here, say zero='background'."
    return Finding("nothing-labelled", "error", message, remedy)


def _unlabelled(shares: _Shares) -> list[Finding]:
    pixels, whole = int(shares.pixels[UNLABELLED]), int(shares.pixels.sum())
    if not pixels:
        return []
    message = f"{share(pixels, whole)} of the pixels ({number(pixels)}) are unlabelled."
    remedy = "That is allowed: they weigh nothing. If 0 means background, say zero='background'."
    return [Finding("unlabelled", "note", message, remedy, shares.where(UNLABELLED))]


def _missing(shares: _Shares) -> list[Finding]:
    painted = shares.painted
    missing = np.setdiff1d(np.arange(1, painted[-1]), painted)
    if not len(missing):
        return []
    noun = "Class" if len(missing) == 1 else "Classes"
    verb = "has" if len(missing) == 1 else "have"
    message = (
        f"{noun} {listed(ranges(missing))} {verb} no pixels, though class {painted[-1]} has "
        f"{number(int(shares.pixels[painted[-1]]))}."
    )
    values = listed(ranges(missing + shares.code.background))
    remedy = (
        f"Paint some pixels of value {values} here or in another image, or number the classes "
        "without gaps."
    )
    return [Finding("empty-class", "warning", message, remedy)]


def _one(shares: _Shares) -> list[Finding]:
    if len(shares.painted) > 1:
        return []
    only = int(shares.painted[0])
    message = (
        f"Only {shares.code.name(only)} is painted: all {count(int(shares.pixels[only]), 'pixel')} "
        "that are labelled."
    )
    remedy = "Paint at least one other class, here or in another image: one alone teaches nothing."
    if not only and shares.code.zero == "unlabelled":
        remedy += " If 0 is background and 1 a class or object, say zero='background'."
    return [Finding("one-class", "warning", message, remedy, shares.where(only))]


def _no_background(shares: _Shares) -> list[Finding]:
    if shares.pixels[0]:
        return []
    labelled = int(shares.pixels[:UNLABELLED].sum())
    message = (
        f"Background is never painted: the {count(labelled, 'labelled pixel')} belong to "
        f"{listed([shares.code.name(int(label)) for label in shares.painted])}."
    )
    remedy = f"Paint some background, value {shares.code.background}, close to the objects."
    if shares.code.instances and len(shares.palette.values) > 1:
        remedy += " Where objects touch, training opens a line of background between them."
    return [Finding("no-background", "warning", message, remedy)]


def _balance(shares: _Shares) -> list[Finding]:
    painted, pixels = shares.painted, shares.pixels
    if len(painted) < 2:
        return []
    labelled = int(pixels[:UNLABELLED].sum())
    parts = [f"{share(int(pixels[c]), labelled)} are {shares.code.name(int(c))}" for c in painted]
    shown = ", ".join(parts[:10]) + (f" and {len(parts) - 10} more" if len(parts) > 10 else "")
    rarest = int(painted[np.argmin(pixels[painted])])
    message = f"Of the {count(labelled, 'labelled pixel')}, {shown}."
    if pixels[rarest] >= RARE * labelled:
        remedy = "Nothing must be done: rare classes weigh more while class balance is on."
        return [Finding("balance", "note", message, remedy)]
    remedy = (
        f"Paint more of {shares.code.name(rarest)}, which has "
        f"{count(int(pixels[rarest]), 'pixel')}, and leave class balance on."
    )
    return [Finding("balance", "warning", message, remedy, shares.where(rarest))]
