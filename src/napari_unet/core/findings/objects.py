"""Objects: specks, ids that lie in several pieces, objects painted as one, objects that touch."""

from typing import NamedTuple

import numpy as np

from napari_unet.core.coding import Code, Palette
from napari_unet.core.findings.finding import Finding, Severity
from napari_unet.core.findings.necks import lobes
from napari_unet.core.findings.touching import touching
from napari_unet.core.findings.words import EXAMPLES, count, listed, number
from napari_unet.core.pieces import Pieces

SPECK = 0.01  # of the median area: what is smaller was probably painted by mistake
SCATTERED = 20  # pieces of one id that look like a class
MANY = 8  # classes of one piece each that look like objects


class _Objects(NamedTuple):
    """Pieces put together: one object at one time, or a piece of a class; tables from 0 on."""

    names: np.ndarray  # the painted value
    areas: np.ndarray  # pixels
    parts: np.ndarray  # number of pieces
    smallest: np.ndarray  # the smallest of the pieces


def object_findings(palette: Palette, code: Code, axes: str) -> list[Finding]:
    """Look at connected pieces; ``axes`` are those of the labels, ``palette`` has legal values."""
    numbers = np.arange(1, len(palette.values) + 1, dtype=np.int32)
    owners = np.where(palette.values > code.background, numbers, np.int32(0))
    pieces = Pieces.of(owners[palette.indices], axes, diagonal=True)
    if not len(pieces):
        return []
    names = palette.values[pieces.owners - 1]  # by piece; that of no piece is not used
    objects = _together(pieces, names, code)
    if code.instances:
        found = [*_several(objects, pieces), *touching(pieces, names)]
    else:
        found = _one_piece_each(objects)
    return [*_specks(objects, pieces, code), *_lobed(pieces, names, code), *found]


def _together(pieces: Pieces, names: np.ndarray, code: Code) -> _Objects:
    """Put the pieces of an id at one time together; those of a class are objects each."""
    every = np.arange(1, len(pieces) + 1)
    if not code.instances:
        return _Objects(names[1:], pieces.areas[1:], np.ones(len(every), np.int64), every)
    key = pieces.frames[1:] * (int(pieces.owners.max()) + 1) + pieces.owners[1:]
    order = np.lexsort((pieces.areas[1:], key))
    _, first, parts = np.unique(key[order], return_index=True, return_counts=True)
    areas = np.add.reduceat(pieces.areas[1:][order], first)
    smallest = every[order][first]
    return _Objects(names[smallest], areas, parts, smallest)


def _ids(names: np.ndarray) -> tuple[int, ...]:
    return tuple(int(name) for name in np.unique(names))


def _specks(objects: _Objects, pieces: Pieces, code: Code) -> list[Finding]:
    """Find what is smaller than a hundredth of the median object, class by class."""
    groups = np.zeros_like(objects.names) if code.instances else objects.names
    medians = np.zeros(len(groups))
    for group in np.unique(groups):
        medians[groups == group] = np.median(objects.areas[groups == group])
    specks = np.flatnonzero(objects.areas < SPECK * medians)
    if not len(specks):
        return []
    specks = specks[np.argsort(objects.areas[specks], kind="stable")]
    place = pieces.place(int(objects.smallest[specks[0]]))
    noun = "object" if code.instances else "piece"
    shown = [count(int(objects.areas[speck]), "pixel") for speck in specks[: EXAMPLES + 1]]
    message = (
        f"{count(len(specks), noun)} {'is' if len(specks) == 1 else 'are'} smaller than 1 % of "
        f"the median area of {number(round(medians[specks[0]]))} pixels: "
        f"{listed(shown, total=len(specks))}."
    )
    remedy = "Erase what was painted by mistake: a speck is learnt like everything else."
    ids = _ids(objects.names[specks]) if code.instances else ()
    return [Finding("specks", "warning", message, remedy, place, ids)]


def _several(objects: _Objects, pieces: Pieces) -> list[Finding]:
    """Find ids that lie in more than one piece at a time."""
    torn = np.flatnonzero(objects.parts > 1)
    if not len(torn):
        return []
    torn = torn[np.argsort(-objects.parts[torn], kind="stable")]
    shown = [f"id {objects.names[k]} in {number(int(objects.parts[k]))}" for k in torn]
    verb = "lies" if len(torn) == 1 else "lie"
    message = f"{count(len(torn), 'object')} {verb} in several pieces: {listed(shown)}."
    remedy = "Erase specks, and give each object its own id."
    if objects.parts[torn[0]] >= SCATTERED:
        remedy += " If the values are classes, say ids='classes'."
    elif "Z" in pieces.axes:
        remedy += " If the planes are images of their own, name the axis T instead of Z."
    place = pieces.place(int(objects.smallest[torn[0]]))
    return [Finding("several-pieces", "warning", message, remedy, place, _ids(objects.names[torn]))]


def _lobed(pieces: Pieces, names: np.ndarray, code: Code) -> list[Finding]:
    """Find pieces that look like touching objects painted as one."""
    number_of = lobes(pieces)
    found = np.flatnonzero(number_of)
    if not len(found):
        return []
    found = found[np.argsort(-number_of[found], kind="stable")]
    ids = _ids(names[found]) if code.instances else ()
    noun = "object" if code.instances else "piece"
    shown = [
        f"{f'id {names[k]}' if ids else f'at {pieces.place(int(k))}'} like {number_of[k]}"
        for k in found[: EXAMPLES + 1]
    ]
    message = (
        f"{count(len(found), noun)} {'looks' if len(found) == 1 else 'look'} like touching objects "
        f"with nothing between them: {listed(shown, total=len(found))}."
    )
    remedy = "If they are several, give each its own id."
    if not ids:
        remedy = "If they are several, paint a line of background one pixel wide between them."
    cells = len(np.unique(names[1:])) == 1 or code.instances  # one of many classes is often a web
    place = pieces.place(int(found[0]))
    severity: Severity = "warning" if cells else "note"
    return [Finding("touching-one-id", severity, message, remedy, place, ids)]


def _one_piece_each(objects: _Objects) -> list[Finding]:
    """Find object ids that are read as classes."""
    classes, parts = np.unique(objects.names, return_counts=True)
    if len(classes) < MANY or np.median(parts) > 1:
        return []
    message = (
        f"There are {number(len(classes))} classes and most have a single piece, as objects do."
    )
    remedy = "If each value is an object, say ids='objects'."
    return [Finding("objects-as-classes", "warning", message, remedy)]
