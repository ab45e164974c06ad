"""Grid lines: where straight lines of the image run in a deformed tile, and where it is folded.

They are drawn as lines, not as pixels, so that they stay crisp at every zoom.
"""

import numpy as np

STEP = 4  # px at least between the places that are looked at
PLACES = 64  # along a large tile; at usual strengths a line is then off by less than 0.1 px

Lines = tuple[np.ndarray, ...]  # each (points, 2): rows and columns, in pixels


def grid_lines(places: np.ndarray, spacing: float) -> Lines:
    """Return the lines of the image every ``spacing`` px as they run in a tile.

    ``places`` (2, Y, X) is where each pixel of the tile lies in the image, as
    ``Deformation.coordinates`` tells.
    """
    rows, columns = _picked(places.shape[1]), _picked(places.shape[2])
    coarse = places[:, rows[:, None], columns]
    found = []
    for along in coarse:
        first = np.ceil(along.min() / spacing) * spacing
        for level in np.arange(first, along.max(), spacing):
            found += _contours(along, float(level), rows, columns)
    return tuple(found)


def fold_lines(stretch: np.ndarray) -> Lines:
    """Return the outlines of where ``stretch`` (Y, X), the Jacobian determinant, is below 0."""
    framed = np.pad(stretch, 1, constant_values=1.0)  # so that outlines close at the edges
    rows, columns = (np.clip(np.arange(-1, n + 1), 0, n - 1) for n in stretch.shape)
    return tuple(_contours(framed, 0.0, rows, columns))


def outline(places: np.ndarray) -> np.ndarray:
    """Return the edge of a tile as it runs in the image, (points, 2), closed."""
    top, right = places[:, 0, :-1], places[:, :-1, -1]
    bottom, left = places[:, -1, :0:-1], places[:, ::-1, 0]
    return np.concatenate([top, right, bottom, left], axis=1).T


def _picked(edge: int) -> np.ndarray:
    """Return indices evenly spread, and the last, so that lines reach the edges."""
    return np.unique(np.append(np.arange(0, edge, max(STEP, edge // PLACES)), edge - 1))


def _contours(
    field: np.ndarray, level: float, rows: np.ndarray, columns: np.ndarray
) -> list[np.ndarray]:
    """Return the contours of ``field``, whose entries lie at ``rows`` and ``columns``."""
    from skimage.measure import find_contours  # a dock that opens must not wait for it

    found = find_contours(field, level)
    return [
        np.stack([np.interp(line[:, 0], np.arange(len(rows)), rows),
                  np.interp(line[:, 1], np.arange(len(columns)), columns)], axis=1)
        for line in found
    ]  # fmt: skip
