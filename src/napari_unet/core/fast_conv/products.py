"""Products: some rows times sixteen columns, the inner loop of nearly all the work."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from napari_unet.core.fast_conv.simd import (
    ADDRESS,
    BYTES,
    FUSED,
    LANES,
    LINE,
    VECTOR,
    Vector,
    along,
    everywhere,
    fetch,
)

COLUMNS = 16  # of a product, whatever the vectors: weights lie in sixteens
VECTORS = COLUMNS // LANES  # of a row
ROWS = 12 // VECTORS  # of a product: 12 registers of sums, and there are 16 or more
AT_ONCE = 8 * VECTORS  # terms of the sums in one turn of the loop; inputs come in sixteens


@intrinsic
def multiply(
    typing: Any, depth: Any, left: Any, line: Any, right: Any, out: Any, row: Any, ahead: Any
) -> Any:
    """Write the product (ROWS, 16) of ``left`` (ROWS, depth) and ``right`` (depth, 16).

    ``line`` and ``row`` are the strides of the rows of ``left`` and ``out``; ``right`` is dense,
    ``depth`` a multiple of AT_ONCE. From ``ahead`` on, a line of memory for each turn is fetched:
    kernels of wide layers lie far away, and the processor does not look ahead beyond a page.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        depth, left, line, right, out, row, ahead = given
        sums = _Sums(builder, [Vector(builder, ir.Constant(VECTOR, [0.0] * LANES))] * VECTORS)
        sums.add_product(depth, left, line, right, AT_ONCE, ahead)
        sums.put(out, row)
        return context.get_dummy_value()

    return types.void(*(ADDRESS,) * 7), generate


@intrinsic
def multiply_from(
    typing: Any, depth: Any, left: Any, line: Any, right: Any, bias: Any, out: Any, row: Any
) -> Any:
    """Write what ``multiply`` does plus 16 numbers."""
    return types.void(*(ADDRESS,) * 7), partial(_generate_from, False)


@intrinsic
def multiply_rectified(
    typing: Any, depth: Any, left: Any, line: Any, right: Any, bias: Any, out: Any, row: Any
) -> Any:
    """Write what ``multiply_from`` does, and 0 where it is above."""
    return types.void(*(ADDRESS,) * 7), partial(_generate_from, True)


def _generate_from(rectified: bool, context: Any, builder: Any, signature: Any, given: Any) -> Any:
    depth, left, line, right, bias, out, row = given
    parts = along(builder, bias, ir.Constant(bias.type, LANES * BYTES), VECTORS)
    sums = _Sums(builder, [Vector.at(builder, place) for place in parts])
    sums.add_product(depth, left, line, right)
    sums.put(out, row, ir.Constant(VECTOR, [0.0] * LANES) if rectified else None)
    return context.get_dummy_value()


class _Sums:
    """The sums (ROWS, 16) of a product while code is generated; they stay in registers."""

    def __init__(self, builder: Any, first: Sequence[Vector]) -> None:
        """Begin every row with the same vectors."""
        self.builder = builder
        self.places = [
            [cgutils.alloca_once(builder, VECTOR) for _ in range(VECTORS)] for _ in range(ROWS)
        ]
        for places in self.places:
            for place, vector in zip(places, first, strict=True):
                builder.store(vector.value, place)

    def add_product(
        self, depth: Any, left: Any, line: Any, right: Any, steps: int = 1, ahead: Any = None
    ) -> None:
        """Add the product of ``left`` (ROWS, depth) and ``right`` (depth, 16), ``steps`` a turn."""
        builder = self.builder

        def number(n: int) -> Any:
            return ir.Constant(depth.type, n)

        lefts = along(builder, left, line, ROWS)
        turns = builder.sdiv(depth, number(steps))
        with cgutils.for_range(builder, turns, intp=depth.type) as loop:
            if ahead is not None:
                fetch(builder, builder.add(ahead, builder.mul(loop.index, number(LINE))))
            begin = builder.mul(loop.index, number(steps))
            for index in along(builder, begin, number(1), steps):
                row = builder.add(right, builder.mul(index, number(COLUMNS * BYTES)))
                rights = along(builder, row, number(LANES * BYTES), VECTORS)
                factors = [Vector.at(builder, place) for place in rights]
                offset = builder.mul(index, number(BYTES))
                for start, places in zip(lefts, self.places, strict=True):
                    one = everywhere(builder, builder.add(start, offset))
                    self._add(places, one, factors)

    def _add(self, places: Sequence[Any], one: Any, factors: Sequence[Vector]) -> None:
        """Add to one row of sums."""
        builder = self.builder
        for place, factor in zip(places, factors, strict=True):
            product = builder.fmul(one, factor.value, flags=FUSED)
            builder.store(builder.fadd(builder.load(place), product, flags=FUSED), place)

    def put(self, out: Any, row: Any, least: Any = None) -> None:
        """Write the rows, ``row`` bytes from one to the next."""
        part = ir.Constant(row.type, LANES * BYTES)
        for start, places in zip(along(self.builder, out, row, ROWS), self.places, strict=True):
            for place, to in zip(places, along(self.builder, start, part, VECTORS), strict=True):
                made = Vector(self.builder, self.builder.load(place))
                (made if least is None else made.not_below(least)).put(to)
