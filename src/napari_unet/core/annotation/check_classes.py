"""Shares: how many pixels each class has, and which have none."""

from typing import NamedTuple

import numpy as np

from napari_unet.core.annotation.finding import Finding
from napari_unet.core.annotation.label_codes import UNLABELLED, LabelCode, LabelTable
from napari_unet.core.text import count, listed, number, ranges, share

RARE = 0.01  # of the labelled pixels: a class with less is learnt slowly


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
    """Look at the classes; ``palette`` holds legal values."""
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
