"""What the values painted in an annotation layer mean.

In our own layers 0 is unlabelled, 1 is background and 2… are classes, or objects of one class. In
labels made elsewhere 0 is often background and 1… are classes or objects. Both are read here and
nowhere else.
"""

from dataclasses import dataclass

import numpy as np

UNLABELLED = 255  # in an array of classes; such a pixel weighs nothing, anywhere
LAST_CLASS = UNLABELLED - 1
ZERO = ("unlabelled", "background")
IDS = ("classes", "objects")
LARGEST = 2.0**62  # below, a whole float is an int64
SPAN = 2**22  # a table this long is made in milliseconds, where sorting all pixels takes a second


@dataclass(frozen=True)
class LabelCode:
    """What 0 means, and whether the values after the background are classes or objects."""

    zero: str = "unlabelled"
    ids: str = "classes"

    def __post_init__(self) -> None:
        for name, value, choices in (("zero", self.zero, ZERO), ("ids", self.ids, IDS)):
            if value not in choices:
                raise ValueError(f"{name} is {value!r}: choose '{choices[0]}' or '{choices[1]}'")

    @property
    def background(self) -> int:
        """The value painted for background."""
        return ZERO.index("background") - ZERO.index(self.zero)

    @property
    def instances(self) -> bool:
        """Whether each value is an object of one class."""
        return self.ids == "objects"

    def classes(self, values: np.ndarray) -> np.ndarray:
        """Return the class (uint8) that each of ``values`` stands for."""
        foreground = np.minimum(values, LAST_CLASS + self.background) - self.background
        foreground = (values > self.background) if self.instances else foreground
        return np.where(values < self.background, UNLABELLED, foreground).astype(np.uint8)

    def objects(self, values: np.ndarray) -> np.ndarray:
        """Return the object id (int32, 0 none) of each of ``values``, which ascend.

        An object keeps its painted value; only where one does not fit are all numbered afresh.
        """
        kept = values > self.background
        if len(values) and values[-1] > np.iinfo(np.int32).max:
            return np.where(kept, np.cumsum(kept), 0).astype(np.int32)
        return np.where(kept, values, 0).astype(np.int32)

    def name(self, label: int) -> str:
        """Name the class in a sentence."""
        if not label:
            return "background"
        return "objects" if self.instances else f"class {label}"


@dataclass(frozen=True, eq=False)
class LabelTable:
    """The values of a label array, each once, and where they are."""

    values: np.ndarray  # (n,) ascending; float only where one is not a whole number
    counts: np.ndarray  # (n,) pixels
    indices: np.ndarray  # the shape of the labels, positions in ``values``

    @classmethod
    def of(cls, labels: np.ndarray) -> "LabelTable":
        """Count the values of ``labels`` (bool, integer or float)."""
        whole = _whole(labels)
        if whole.dtype.kind != "f" and whole.size:
            low, high = int(whole.min()), int(whole.max())
            if high - low < SPAN:
                return cls._by_table(whole, low)
        values, indices, counts = np.unique(whole, return_inverse=True, return_counts=True)
        return cls(values, counts, indices.reshape(labels.shape))

    @classmethod
    def _by_table(cls, labels: np.ndarray, low: int) -> "LabelTable":
        wide = labels if labels.dtype.kind == "u" else labels.astype(np.int64)
        offsets = (wide - wide.dtype.type(low)).astype(np.intp)
        counts = np.bincount(offsets.ravel())
        present = np.flatnonzero(counts)
        table = np.zeros(len(counts), np.int32)
        table[present] = np.arange(len(present))
        kind = np.uint64 if labels.dtype.kind == "u" else np.int64
        return cls(present.astype(kind) + kind(low), counts[present], table[offsets])

    def where(self, chosen: np.ndarray) -> tuple[int, ...] | None:
        """Return the first pixel, in scan order, whose value is among the ``chosen`` ones."""
        if not chosen.any():
            return None
        first = np.argmax(chosen[self.indices])
        return tuple(int(index) for index in np.unravel_index(first, self.indices.shape))


def _whole(labels: np.ndarray) -> np.ndarray:
    """Return ``labels`` as integers where every one of them is a whole number."""
    if labels.dtype.kind == "b":
        return labels.view(np.uint8)
    if labels.dtype.kind != "f":
        return labels
    reach = float(np.abs(labels).max(initial=0))  # NaN where there is one
    whole = reach < LARGEST and np.array_equal(labels, np.floor(labels))
    return labels.astype(np.int64) if whole else labels


@dataclass(frozen=True)
class LabelClass:
    """A class with the name and colour that people see."""

    name: str
    color: str  # '#rrggbb'
