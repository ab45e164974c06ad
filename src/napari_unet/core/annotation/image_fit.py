"""Check that image and labels are arrays of numbers of matching shapes, and find their axes."""

from typing import NamedTuple

import numpy as np

from napari_unet.core.annotation.finding import Finding, Severity
from napari_unet.core.arrays.axes import check_axes, guess_axes
from napari_unet.core.text import listed, number, size

COLOURS = (3, 4)  # red, green, blue, and perhaps opacity
MOST_GUESSED = 8  # channels that are taken as such without a word
_HELD = {
    "c": ("complex numbers", "Take their size with np.abs()"),
    "M": ("dates", "Give the pixels as numbers"),
    "m": ("time spans", "Give the pixels as numbers"),
    "V": ("records of several fields", "Take one field of them, as in array['name']"),
    "O": ("Python objects", "Make them numbers with .astype(float)"),
}


class Fit(NamedTuple):
    """The axes of the image, empty where errors were found, and what was found."""

    axes: str
    findings: tuple[Finding, ...]


def fit(image: np.ndarray, labels: np.ndarray, axes: str | None) -> Fit:
    """Compare the types and shapes; no pixel is read."""
    kinds = [f for name, a in (("image", image), ("labels", labels)) for f in _kind(name, a)]
    if axes is None:
        axes, findings = _guess(image.shape, labels.shape)
    else:
        axes, findings = _named(axes, image.shape, labels.shape)
    findings = kinds + findings
    if any(finding.severity == "error" for finding in findings):
        return Fit("", tuple(findings))
    return Fit(axes, (*findings, *_colour(image.shape, axes)))


def is_numeric(array: np.ndarray) -> bool:
    """Whether ``array`` holds truth values, integers or real numbers, at least one."""
    return array.dtype.kind in "biuf" and array.size > 0


def _kind(name: str, array: np.ndarray) -> list[Finding]:
    verb = "holds" if name == "image" else "hold"
    if array.dtype.kind not in "biuf":
        held, remedy = _HELD.get(array.dtype.kind, ("text", "Give the pixels as numbers"))
        message = f"The {name} {verb} {held} ({array.dtype}) and not numbers."
        return [Finding("type", "error", message, f"{remedy}.")]
    if array.size == 0:
        message = f"The {name} of shape {size(array.shape)} {verb} no pixels."
        return [Finding("shapes", "error", message, f"Give the {name} at least one pixel.")]
    return []


def _named(axes: str, image: tuple[int, ...], labels: tuple[int, ...]) -> tuple[str, list[Finding]]:
    try:
        axes = check_axes(axes, image)
    except ValueError as error:
        message = str(error)
        remedy = "Name each axis of the image once, as in 'YX', 'YXC' or 'ZYX'."
        return "", [Finding("axes", "error", f"{message[0].upper()}{message[1:]}.", remedy)]
    expected = tuple(n for n, letter in zip(image, axes, strict=True) if letter != "C")
    return axes, [] if labels == expected else [_misfit(image, axes, expected, labels)]


def _guess(image: tuple[int, ...], labels: tuple[int, ...]) -> tuple[str, list[Finding]]:
    """Find the axes from both shapes: labels have every axis of the image but channels."""
    without = [image[:axis] + image[axis + 1 :] for axis in range(len(image))]
    if not (labels == image or labels in without) or not 2 <= len(labels) <= 4:
        return "", [_misfit(image, "", _expected(image, labels), labels)]
    axes = guess_axes(image, labels_ndim=len(labels))
    if labels == image:
        return axes, []
    places = [axis for axis, rest in enumerate(without) if rest == labels]
    place = places[-1] if places[-1] == len(image) - 1 else places[0]
    spatial = axes.replace("C", "")
    possible = [f"{spatial[:axis]}C{spatial[axis:]}" for axis in places]
    axes = possible[places.index(place)]
    return axes, _doubts(image, axes, possible, place)


def _doubts(image: tuple[int, ...], axes: str, possible: list[str], place: int) -> list[Finding]:
    """Say so where another reading of the axes is as good."""
    remedy = f"Name the axes, as in axes='{axes}', and this is settled."
    if len(possible) > 1:
        others = listed([other for other in possible if other != axes], "or")
        message = f"The image of {size(image)} is read as {axes}; {others} would fit as well."
        return [Finding("axes", "warning", message, remedy)]
    if image[place] > MOST_GUESSED:
        message = (
            f"The image of {size(image)} is read as {axes}, with {number(image[place])} channels, "
            "since the labels have one axis less."
        )
        remedy = f"If these are planes, give labels for every plane; else say axes='{axes}'."
        return [Finding("axes", "warning", message, remedy)]
    return []


def _expected(image: tuple[int, ...], labels: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape the labels should have: one axis may be channels."""
    if len(labels) != len(image) - 1 or len(image) < 3:
        return image
    return image[1:] if image[0] in COLOURS and image[-1] not in COLOURS else image[:-1]


def _misfit(
    image: tuple[int, ...], axes: str, expected: tuple[int, ...], labels: tuple[int, ...]
) -> Finding:
    named = f" ({axes})" if axes else ""
    message = f"The image is {size(image)}{named} and the labels are {size(labels)}."
    return Finding("shapes", "error", message, f"{_remedy(expected, labels)}.")


def _remedy(expected: tuple[int, ...], labels: tuple[int, ...]) -> str:
    """Say what was probably done to the labels."""
    if not 2 <= len(expected) <= 5:
        return "Give an image of 2 to 4 axes, channels not counted, and labels of the same size"
    if labels[::-1] == expected:
        return "Turn the labels: labels.T has the size of the image"
    if tuple(n for n in labels if n != 1) == tuple(n for n in expected if n != 1):
        return f"Leave out the axes of length 1: labels.reshape({expected})"
    if labels[:-1] == expected and labels[-1] in COLOURS:
        return "Give a number for each class instead of a colour, as in labels[..., 0]"
    if len(labels) == len(expected):
        factors = {a / b for a, b in zip(labels, expected, strict=True) if b}
        if len(factors) == 1:
            return (
                f"Resize the labels, which are {factors.pop():.3g} times as large, to "
                f"{size(expected)} with the nearest neighbour, never by interpolation"
            )
    return f"Give labels of {size(expected)}, a value for every pixel of the image"


def _colour(shape: tuple[int, ...], axes: str) -> list[Finding]:
    """Find a colour picture that is read as gray planes."""
    if "C" in axes or len(shape) < 3:
        return []
    ends: tuple[tuple[int, Severity], ...] = ((-1, "warning"), (0, "note"))
    for axis, severity in ends:
        if shape[axis] in COLOURS:
            end = "last" if axis else "first"
            rest = axes.replace("Z", "", 1) if "Z" in axes else axes.replace("T", "", 1)
            named = f"{rest}C" if axis else f"C{rest}"
            message = (
                f"The image of {size(shape)} is read as {axes}, gray; its {end} axis is "
                f"{shape[axis]} long, as red, green and blue are."
            )
            remedy = f"If it is in colour, say axes='{named}' and give labels without that axis."
            return [Finding("colour", severity, message, remedy)]
    return []
