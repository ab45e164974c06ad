"""Values: painted values that mean nothing, or that probably mean something else."""

import numpy as np

from napari_unet.core.annotation.finding import Finding, Severity
from napari_unet.core.annotation.label_codes import LARGEST, LAST_CLASS, LabelCode, LabelTable
from napari_unet.core.text import count, number

WHITE = 128  # a single value this high beside 0 is the white of a black-and-white picture


def value_findings(palette: LabelTable, code: LabelCode) -> list[Finding]:
    """Look at the painted values; an error here means that classes cannot be told."""
    if palette.values.dtype.kind == "f":
        return _not_whole(palette)
    found = [*_negative(palette, code), *_black_and_white(palette, code)]
    return found or _too_many(palette, code)


def _pixels_hold(palette: LabelTable, chosen: np.ndarray) -> str:
    pixels = int(palette.counts[chosen].sum())
    return f"{count(pixels, 'label pixel')} {'holds' if pixels == 1 else 'hold'}"


def _not_whole(palette: LabelTable) -> list[Finding]:
    values = palette.values
    finite = np.isfinite(values)
    broken = finite & (values != np.floor(values))
    with np.errstate(over="ignore"):  # float16 ends below
        huge = finite & (np.abs(values) >= LARGEST)
    found = []
    if not finite.all():
        message = f"{_pixels_hold(palette, ~finite)} NaN or infinity."
        remedy = "Set them to 0 with np.nan_to_num(labels, nan=0, posinf=0, neginf=0)."
        found.append(Finding("label-nan", "error", message, remedy, palette.where(~finite)))
    if broken.any():
        message = (
            f"{_pixels_hold(palette, broken)} a value that is not a whole number, such as "
            f"{values[broken][0]:g}."
        )
        remedy = "Resize or turn labels with the nearest neighbour, never by interpolation."
        found.append(Finding("fractions", "error", message, remedy, palette.where(broken)))
    if huge.any():
        message = (
            f"{_pixels_hold(palette, huge)} a value too large to be an id, {values[huge][0]:g}."
        )
        remedy = "Give labels as whole numbers below 2**62."
        found.append(Finding("huge", "error", message, remedy, palette.where(huge)))
    return found


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
