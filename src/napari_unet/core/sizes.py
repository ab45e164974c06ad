"""Which input sizes an unpadded U-Net can take, and what is left of them.

Sizes are found by walking through the network (two 3x3 convolutions, pooling, up-convolution),
never by a remembered formula. The rule is the same for every axis; all sizes are in pixels.
"""

from functools import cache
from operator import index


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
