"""The weight map: how much each pixel counts in the loss.

Rare classes weigh more, and so does the background between touching objects, which teaches the
network to keep them apart. Unlabelled pixels weigh 0. After a change inside a box, only the box and
the pixels within reach of it are computed again, to the same bits as the whole.
"""

import numpy as np

from napari_unet.core.annotation.label_codes import UNLABELLED
from napari_unet.core.arrays.boxes import Box, box_in, grow, inside, join, shape_of, share, whole
from napari_unet.core.runtime.jit import jit
from napari_unet.core.weights.formulas import Falk, Paper
from napari_unet.core.weights.nearest_objects import dims_of, ids_of, nearest_two, same_shape
from napari_unet.core.weights.touching_ridge import Ridge, fields_of


def class_counts(classes: np.ndarray) -> np.ndarray:
    """Count the pixels of each class, int64 (256,)."""
    counts = np.zeros((4, UNLABELLED + 1), np.int64)
    _count(np.ascontiguousarray(classes).ravel(), counts)
    return counts.sum(axis=0)


@jit
def _count(classes: np.ndarray, counts: np.ndarray) -> None:
    """Count into four rows in turn: repeated additions to one number would wait for each other."""
    even = classes.size - classes.size % 4
    for i in range(0, even, 4):
        for row in range(4):
            counts[row, classes[i + row]] += 1
    for i in range(even, classes.size):
        counts[0, classes[i]] += 1


@jit
def weigh(
    classes: np.ndarray, weights: np.ndarray, separation: np.ndarray, out: np.ndarray
) -> None:
    """Set what a pixel's class weighs, and the separation there."""
    for i in range(classes.size):
        out[i] = weights[classes[i]] + separation[i]


_EDGES = {2: (256, 512), 3: (32, 128, 128)}  # px: what one thread takes at a time


def weight_map(
    labels: np.ndarray,
    *,
    w0: float = Paper.w0,
    sigma: float = Paper.sigma,
    balance: bool = Paper.balance,
    unlabelled: np.ndarray | None = None,
    classes: np.ndarray | None = None,
    dims: int | None = None,
) -> np.ndarray:
    """Return the paper's weights, float32: w_c + w0 · exp(-(d1 + d2)² / 2 sigma²).

    ``labels``: 0 background, 1… objects; pieces with the same id are one object. d1 and d2 are the
    distances in pixels to the nearest and second nearest object once ``open_ridge`` has set
    touching objects apart; the term is added on background, and is 0 where fewer than two objects
    are. w_c is inverse to the frequency of the class among the labelled pixels, whose mean w_c is
    1; 1 everywhere without ``balance``.
    ``unlabelled``: True where nothing is known: these weigh 0 and are not counted.
    ``classes``: 0 background, 1…, 255 unlabelled; objects are one class without it.
    ``dims``: 2 to take a stack plane by plane; the last two or three axes when None.
    """
    formula = Paper(w0, sigma, balance)
    return WeightMap(labels, formula, unlabelled=unlabelled, classes=classes, dims=dims).weights()


class WeightMap:
    """A weight map that is updated when the annotation changes.

    The class balance, which every stroke changes everywhere, is kept apart from the separation,
    which changes near the stroke only; ``weights`` joins them for the box it is asked for.
    """

    def __init__(
        self,
        labels: np.ndarray,
        formula: Paper | Falk | None = None,
        *,
        unlabelled: np.ndarray | None = None,
        classes: np.ndarray | None = None,
        dims: int | None = None,
    ) -> None:
        """Take what ``weight_map`` takes; the arrays are copied."""
        ids = ids_of(labels)
        self.formula = formula or Paper()
        self._dims = dims_of(ids, dims)
        self._by_class = classes is not None
        self._ids = ids.copy()
        self._unlabelled = _unlabelled(unlabelled, ids)
        self._given = _classes(classes, ids, self._unlabelled)  # before the ridge
        self.classes = np.empty(ids.shape, np.uint8)  # after it: what the network should say
        self.separation = np.zeros(ids.shape, np.float32)
        self._ridges = [Ridge(field) for field in self._fields(self._ids)]
        for place in range(len(self._ridges)):
            everything = whole(ids.shape[-self._dims :])
            self._classify(place, everything)
            self._separate(place, everything)
        self._counts = class_counts(self.classes)

    def weights(self, box: Box | None = None) -> np.ndarray:
        """Return the weights of ``box``, or all of them, float32."""
        region = box_in(self.classes.shape, box) if box is not None else whole(self.classes.shape)
        classes, separation = (
            np.ascontiguousarray(part[region]) for part in (self.classes, self.separation)
        )
        weights = np.empty(classes.shape, np.float32)
        weigh(
            classes.ravel(),
            self.formula.class_weights(self._counts),
            separation.ravel(),
            weights.ravel(),
        )
        return weights

    def update(
        self,
        box: Box,
        labels: np.ndarray,
        *,
        unlabelled: np.ndarray | None = None,
        classes: np.ndarray | None = None,
    ) -> Box:
        """Put new ``labels`` into ``box``; return the box whose separation was computed again.

        All pixels of the box count as labelled without ``unlabelled``.
        """
        region = box_in(self._ids.shape, box)
        ids = ids_of(labels)
        same_shape("the box", shape_of(region), ids)
        if self._by_class and classes is None:
            raise ValueError("this weight map was made with classes: give those of the box, too")
        hidden = _unlabelled(unlabelled, ids)
        self._given[region] = _classes(classes, ids, hidden)
        self._unlabelled[region] = hidden
        if ids.dtype.itemsize > self._ids.dtype.itemsize:
            self._widen()
        return self._follow(region, ids)

    def _follow(self, region: Box, ids: np.ndarray) -> Box:
        """Bring ridge, classes and separation of every plane of ``region`` up to date."""
        leading, spatial = region[: -self._dims], region[-self._dims :]
        shape = self._ids.shape[: len(leading)]
        done = spatial
        for index in np.ndindex(*shape_of(leading)) if ids.size else ():
            at = tuple(part.start + i for part, i in zip(leading, index, strict=True))
            place = int(np.ravel_multi_index(at, shape)) if at else 0
            changed = self._ridges[place].update(spatial, ids[index])
            self._counts -= class_counts(self._fields(self.classes)[place][changed])
            self._classify(place, changed)
            self._counts += class_counts(self._fields(self.classes)[place][changed])
            around = grow(changed, self.formula.reach.pixels, self._ids.shape[-self._dims :])
            self._separate(place, around)
            done = join(done, around)
        return leading + done

    def _fields(self, array: np.ndarray) -> np.ndarray:
        return fields_of(array, self._dims)

    def _widen(self) -> None:
        """Make room for ids above 2^31 - 1."""
        self._ids = self._ids.astype(np.int64)
        for ridge, field in zip(self._ridges, self._fields(self._ids), strict=True):
            ridge.labels = field

    def _classify(self, place: int, box: Box) -> None:
        """Set the classes of ``box``: background on the ridge, 255 where nothing is known."""
        classes, unlabelled = (self._fields(a)[place][box] for a in (self._given, self._unlabelled))
        opened = classes * ~self._ridges[place].open[box]
        self._fields(self.classes)[place][box] = opened | -unlabelled.view(np.uint8)

    def _separate(self, place: int, box: Box) -> None:
        """Compute the separation of ``box``."""
        separation = self._fields(self.separation)[place]
        if not self.formula.reach.pixels:
            return

        def work(part: Box) -> None:
            separation[part] = self._nearness(place, part)

        share(work, box, _EDGES[self._dims])

    def _nearness(self, place: int, box: Box) -> np.ndarray:
        """Return what nearness to objects adds to the weights of ``box``, float32."""
        reach = self.formula.reach
        added = np.zeros(shape_of(box), np.float32)
        background = self._fields(self.classes)[place][box] == 0
        if background.any():
            around = grow(box, reach.pixels, self._ids.shape[-self._dims :])
            for objects in self._kinds(place, around):
                squares = nearest_two(objects, inside(around, box), reach)
                added += self.formula.nearness(*squares)
        added *= background
        return added

    def _kinds(self, place: int, box: Box) -> list[np.ndarray]:
        """Return the labels of ``box`` between which distances are measured."""
        opened = self._ridges[place].opened(box)
        if not (self._by_class and isinstance(self.formula, Falk)):
            return [opened] if opened.any() else []
        classes = self._fields(self._given)[place][box]
        kinds = set(np.unique(classes[opened > 0]).tolist())
        return [np.where(classes == kind, opened, 0) for kind in kinds - {0, UNLABELLED}]


def _unlabelled(unlabelled: np.ndarray | None, ids: np.ndarray) -> np.ndarray:
    if unlabelled is None:
        return np.zeros(ids.shape, bool)
    marked = np.asarray(unlabelled)
    same_shape("unlabelled", marked.shape, ids)
    if marked.dtype != bool:
        raise TypeError(f"unlabelled is of type {marked.dtype}: give true and false, as bool")
    return marked.copy()


def _classes(classes: np.ndarray | None, ids: np.ndarray, unlabelled: np.ndarray) -> np.ndarray:
    """Return the classes as uint8; those that are 255 are marked in ``unlabelled``."""
    if classes is None:
        return (ids != 0).astype(np.uint8)
    values = np.asarray(classes)
    same_shape("classes", values.shape, ids)
    if not np.issubdtype(values.dtype, np.integer):
        raise TypeError(f"classes are of type {values.dtype}: give whole numbers, as uint8")
    if values.size and not 0 <= int(values.min()) <= int(values.max()) <= UNLABELLED:
        raise ValueError(
            f"classes lie between {values.min()} and {values.max()}: "
            "give 0 for background, 1 to 254 for classes and 255 for unlabelled"
        )
    numbers = values.astype(np.uint8)
    unlabelled |= numbers == UNLABELLED
    torn = np.count_nonzero((ids != 0) & (numbers == 0) & ~unlabelled)
    if torn:
        raise ValueError(
            f"{torn} pixels belong to an object in labels but are background in classes: "
            "give them a class, or id 0"
        )
    return numbers
