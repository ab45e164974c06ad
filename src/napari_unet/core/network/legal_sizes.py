"""Which input sizes an unpadded U-Net can take, and what size of output they give.

Sizes are found by walking through the network (two 3x3 convolutions, pooling, up-convolution) and
not by a formula. The rule is the same for every axis; all sizes are in pixels.

``Architecture`` holds the nine values that decide the shape of every weight. It is written into
network files, so it checks itself: wrong values from a file or a form are refused in one sentence,
before any memory is taken.
"""

from dataclasses import dataclass, fields
from functools import cache
from operator import index
from typing import Any


def border(depth: int) -> int:
    """Return the pixels lost on each side of an axis: 92 at depth 4."""
    smallest = _smallest(depth)
    return (smallest - output_size(depth, smallest)) // 2


def output_size(depth: int, n: int) -> int:
    """Return how many pixels come out where ``n`` go in; an illegal ``n`` is refused."""
    left = _walk(_checked(depth), n)
    if left is None:
        first, second = _nearest(depth, n)
        raise ValueError(
            f"a side of {n} px does not fit a network of depth {depth}: "
            f"the nearest sizes that do are {first} and {second} px"
        )
    return left


def input_size(depth: int, n: int) -> int:
    """Return the smallest legal input whose output has at least ``n`` pixels."""
    if n < 1:
        raise ValueError(f"an output of {n} px is not possible: ask for at least 1 px")
    start = max(index(n) + 2 * border(depth), _smallest(depth))
    return next(size for size in range(start, start + 2**depth) if is_legal(depth, size))


def is_legal(depth: int, n: int) -> bool:
    """Tell whether an axis of ``n`` pixels fits a network of this depth."""
    return _walk(_checked(depth), n) is not None


def _walk(depth: int, n: int) -> int | None:
    """Follow one axis through the network; None where a pooling is odd or nothing is left."""
    n = index(n)
    for _ in range(depth):
        n -= 4
        if n < 2 or n % 2:
            return None
        n //= 2
    n -= 4
    for _ in range(depth):
        n = 2 * n - 4
        if n < 1:
            return None
    return n


@cache
def _smallest(depth: int) -> int:
    return next(n for n in range(1, 16 * 2 ** _checked(depth)) if _walk(depth, n) is not None)


def _nearest(depth: int, n: int) -> tuple[int, int]:
    """Return the legal sizes below and above ``n``; the two smallest where none is below."""
    step = 2**depth
    legal = (m for m in range(n - step, n) if _walk(depth, m) is not None)
    below = max((_smallest(depth), *legal))
    return below, below + step


def _checked(depth: int) -> int:
    if not 1 <= index(depth) <= 12:
        raise ValueError(f"the depth is {depth}: a U-Net has 1 to 12 poolings")
    return depth


NORMS = ("none", "weight")
WIDEST = 16_384  # channels at the bottom; beyond it a single pair of convolutions exceeds 10 GB
MOST_CHANNELS = 4_096
MOST_CLASSES = 255  # annotations hold classes as uint8, in which 255 means unlabelled


@dataclass(frozen=True)
class Architecture:
    """What ``UNet`` takes, in this order; the defaults are the paper's network."""

    channels: int = 1  # of the input image
    classes: int = 2  # the background counts
    base: int = 64  # channels of the first level, doubled at each level
    depth: int = 4  # poolings
    dims: int = 2  # 2 for planes, 3 for volumes
    dropout: float = 0.5  # at the end of the contracting path
    norm: str = "none"  # or "weight": weight standardisation
    skips: bool = True  # copy each contracting level to the expanding one
    release: bool = False  # as the authors' released network differs from the text: see UNet

    def __post_init__(self) -> None:
        for item in fields(self):
            _check_type(item.name, getattr(self, item.name), type(item.default))
        _check_range("channels", self.channels, 1, MOST_CHANNELS)
        _check_range("classes", self.classes, 2, MOST_CLASSES)
        _check_range("base", self.base, 1, WIDEST)
        _check_range("depth", self.depth, 1, 12)
        _check_range("dims", self.dims, 2, 3)
        _check_range("dropout", self.dropout, 0.0, 0.99)
        if self.norm not in NORMS:
            raise ValueError(f"norm is '{self.norm}': choose one of {', '.join(NORMS)}")
        if self.widths[-1] > WIDEST:
            raise ValueError(
                f"base {self.base} at depth {self.depth} gives {self.widths[-1]} channels at the "
                f"bottom: choose a smaller base or depth, for at most {WIDEST}"
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level, from the first to the bottom: 64, 128, … 1024."""
        return tuple(self.base << level for level in range(self.depth + 1))

    def up_width(self, level: int) -> int:
        """Channels the up-convolution into ``level`` gives: half of what it gets.

        The released network keeps them all in the last one (128 instead of 64).
        """
        return self.widths[level + (self.release and level == 0)]

    def joined_width(self, level: int) -> int:
        """Channels the expanding pair of ``level`` gets: up-sampled ones, then copied ones."""
        return self.up_width(level) + (self.widths[level] if self.skips else 0)


def _check_type(name: str, value: Any, kind: type) -> None:
    right = type(value) is kind or (kind is float and type(value) is int)
    if not right:
        raise TypeError(f"{name} must be of type {kind.__name__}, not {value!r}")


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # also refuses NaN
        raise ValueError(f"{name} is {value}: it must lie between {low:g} and {high:g}")
