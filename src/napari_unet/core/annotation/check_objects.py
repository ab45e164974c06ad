"""Checks of objects: specks, ids in several pieces, objects that touch or are painted as one.

Two round objects painted as one are found by the neck between them: the pixels that are deeper than
a share of the greatest depth then form several pieces. Depth is counted in steps along the axes,
which one pass over the pixels finds.
"""

from typing import NamedTuple

import numpy as np

from napari_unet.core.annotation.finding import Finding, Severity
from napari_unet.core.annotation.label_codes import LabelCode, LabelTable
from napari_unet.core.arrays.label_values import ConnectedRegions, each_frame
from napari_unet.core.text import EXAMPLES, count, listed, number

# Measured on hand-made truth whose objects were merged (docs/annotations.md).
CUT = 0.45  # of the greatest depth of the piece: what is deeper are its lobes
DEEP = 0.6  # of the greatest depth: as deep a lobe must be, or it is a bump
FILLED = 0.4  # of the piece: as much the inscribed discs must cover, or it is a branched thing
SMALLEST = 3  # pixels: depth of the smallest lobe that is told from a rough outline


def count_lobes(pieces: ConnectedRegions) -> np.ndarray:
    """Return how many lobes each piece has, (n + 1,); 0 where it looks like a single object."""
    lobes = np.zeros(len(pieces) + 1, np.int64)
    for frame in each_frame(pieces.indices, pieces.axes):
        lobes += _lobes(frame, pieces.areas)
    return lobes


def _lobes(indices: np.ndarray, areas: np.ndarray) -> np.ndarray:
    from skimage.measure import label  # a dock that opens must not wait for it

    depth = _depth(indices)
    deepest = _greatest(depth, indices, len(areas))
    cores = label((indices > 0) & (depth > CUT * deepest[indices]), connectivity=indices.ndim)
    owners = np.zeros(int(cores.max()) + 1, np.int64)
    owners[cores.ravel()] = indices.ravel()
    owners[0] = 0
    radii = _greatest(depth, cores, len(owners))
    counted = (radii >= np.maximum(DEEP * deepest[owners], SMALLEST)) & (owners > 0)
    ball = np.pi * radii**2 if indices.ndim == 2 else 4 / 3 * np.pi * radii**3
    filled = np.bincount(owners[counted], weights=ball[counted], minlength=len(areas))
    number = np.bincount(owners[counted], minlength=len(areas))
    return np.where((number > 1) & (filled >= FILLED * areas), number, 0)


def _depth(indices: np.ndarray) -> np.ndarray:
    """Count the steps from each pixel to the rim of its piece, the rim included."""
    from scipy.ndimage import distance_transform_cdt  # a dock that opens must not wait for it

    inside = indices > 0
    inner = inside & ~_rim(indices)
    if inner.all():  # nothing ends here
        return np.zeros(indices.shape)
    return distance_transform_cdt(inner, metric="taxicab") + inside.astype(np.float64)


def _rim(indices: np.ndarray) -> np.ndarray:
    """Find the pixels that have a neighbour along an axis in another piece or in none."""
    rim = np.zeros(indices.shape, bool)
    for axis in range(indices.ndim):
        values, marks = np.moveaxis(indices, axis, 0), np.moveaxis(rim, axis, 0)
        differs = values[1:] != values[:-1]
        marks[1:] |= differs
        marks[:-1] |= differs
    return rim


def _greatest(depth: np.ndarray, indices: np.ndarray, length: int) -> np.ndarray:
    """Return the greatest depth of each index."""
    greatest = np.zeros(length)
    inside = indices > 0
    np.maximum.at(greatest, indices[inside], depth[inside])
    return greatest


def touching(pieces: ConnectedRegions, names: np.ndarray) -> list[Finding]:
    """Find objects that meet along an axis; ``names`` are the ids by piece."""
    contacts = [
        _contacts(pieces.indices, axis) for axis, letter in enumerate(pieces.axes) if letter != "T"
    ]
    pixels, first, second = np.concatenate(contacts, axis=1)
    if not len(pixels):
        return []
    key = pieces.owners[first].astype(np.int64) * (int(pieces.owners.max()) + 1)
    pairs = len(np.unique(key + pieces.owners[second]))
    nearest = int(np.argmin(pixels))
    one, other = sorted((int(names[first[nearest]]), int(names[second[nearest]])))
    message = f"There is no background between the touching objects {one} and {other}"
    if pairs > 1:
        message += f", nor between {count(pairs - 1, 'more pair')}"
    ids = np.unique(names[np.concatenate([first, second])])
    remedy = (
        "Nothing must be done: training opens a line of background between them. If they are one "
        "object, give them one id."
    )
    place = np.unravel_index(int(pixels[nearest]), pieces.indices.shape)
    where = tuple(int(index) for index in place)
    named = tuple(int(name) for name in ids)
    return [Finding("touching", "note", f"{message}.", remedy, where, named)]


def _contacts(indices: np.ndarray, axis: int) -> np.ndarray:
    """Return the flat place and the lower and higher piece of each contact along ``axis``."""
    values = np.moveaxis(indices, axis, 0)
    before, after = values[:-1], values[1:]
    meet = np.nonzero((before != after) & (before > 0) & (after > 0))
    pair = np.sort(np.stack([before[meet], after[meet]]), axis=0)
    place = (*meet[1 : axis + 1], meet[0], *meet[axis + 1 :])
    return np.stack([np.ravel_multi_index(place, indices.shape), *pair])


SPECK = 0.01  # of the median area: what is smaller was probably painted by mistake
SCATTERED = 20  # pieces of one id that look like a class
MANY = 8  # classes of one piece each that look like objects


class _Objects(NamedTuple):
    """Pieces put together: one object at one time, or a piece of a class; tables from 0 on."""

    names: np.ndarray  # the painted value
    areas: np.ndarray  # pixels
    parts: np.ndarray  # number of pieces
    smallest: np.ndarray  # the smallest of the pieces


def object_findings(palette: LabelTable, code: LabelCode, axes: str) -> list[Finding]:
    """Look at connected pieces; ``axes`` are those of the labels, ``palette`` has legal values."""
    numbers = np.arange(1, len(palette.values) + 1, dtype=np.int32)
    owners = np.where(palette.values > code.background, numbers, np.int32(0))
    pieces = ConnectedRegions.of(owners[palette.indices], axes, diagonal=True)
    if not len(pieces):
        return []
    names = palette.values[pieces.owners - 1]  # by piece; that of no piece is not used
    objects = _together(pieces, names, code)
    if code.instances:
        findings = [*_several(objects, pieces), *touching(pieces, names)]
    else:
        findings = _one_piece_each(objects)
    return [*_specks(objects, pieces, code), *_lobed(pieces, names, code), *findings]


def _together(pieces: ConnectedRegions, names: np.ndarray, code: LabelCode) -> _Objects:
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


def _specks(objects: _Objects, pieces: ConnectedRegions, code: LabelCode) -> list[Finding]:
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
    remedy = "Erase what was painted by mistake: a speck is learned like everything else."
    ids = _ids(objects.names[specks]) if code.instances else ()
    return [Finding("specks", "warning", message, remedy, place, ids)]


def _several(objects: _Objects, pieces: ConnectedRegions) -> list[Finding]:
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


def _lobed(pieces: ConnectedRegions, names: np.ndarray, code: LabelCode) -> list[Finding]:
    """Find pieces that look like touching objects painted as one."""
    number_of = count_lobes(pieces)
    lobed = np.flatnonzero(number_of)
    if not len(lobed):
        return []
    lobed = lobed[np.argsort(-number_of[lobed], kind="stable")]
    ids = _ids(names[lobed]) if code.instances else ()
    noun = "object" if code.instances else "piece"
    shown = [
        f"{f'id {names[k]}' if ids else f'at {pieces.place(int(k))}'} like {number_of[k]}"
        for k in lobed[: EXAMPLES + 1]
    ]
    message = (
        f"{count(len(lobed), noun)} {'looks' if len(lobed) == 1 else 'look'} like touching objects "
        f"with nothing between them: {listed(shown, total=len(lobed))}."
    )
    remedy = "If they are several, give each its own id."
    if not ids:
        remedy = "If they are several, paint a line of background one pixel wide between them."
    cells = len(np.unique(names[1:])) == 1 or code.instances  # one of many classes is often a web
    place = pieces.place(int(lobed[0]))
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
