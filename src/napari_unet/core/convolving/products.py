"""Products: six rows times sixteen columns, the inner loop of nearly all the work."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from napari_unet.core.convolving.vectors import (
    ADDRESS,
    BYTES,
    FUSED,
    LANES,
    VECTOR,
    Vector,
    along,
    everywhere,
)

ROWS, COLUMNS = 6, 2 * LANES  # of a product: 12 registers of sums, and there are 16


@intrinsic
def multiply(typing: Any, depth: Any, left: Any, line: Any, right: Any, out: Any, row: Any) -> Any:
    """Write the product (6, 16) of ``left`` (6, depth) and ``right`` (depth, 16).

    ``line`` and ``row`` are the strides of the rows of ``left`` and ``out``; ``right`` is dense.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        depth, left, line, right, out, row = given
        sums = _Sums(builder, [Vector(builder, ir.Constant(VECTOR, [0.0] * LANES))] * 2)
        sums.add_product(depth, left, line, right)
        sums.put(out, row)
        return context.get_dummy_value()

    return types.void(*(ADDRESS,) * 6), generate


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
    halves = along(builder, bias, ir.Constant(bias.type, LANES * BYTES), 2)
    sums = _Sums(builder, [Vector.at(builder, place) for place in halves])
    sums.add_product(depth, left, line, right)
    sums.put(out, row, ir.Constant(VECTOR, [0.0] * LANES) if rectified else None)
    return context.get_dummy_value()


class _Sums:
    """The 6x16 sums of a product while code is generated; they stay in registers."""

    def __init__(self, builder: Any, first: Sequence[Vector]) -> None:
        """Begin every row with the same two vectors."""
        self.builder = builder
        self.places = [
            [cgutils.alloca_once(builder, VECTOR) for _ in range(2)] for _ in range(ROWS)
        ]
        for pair in self.places:
            for place, vector in zip(pair, first, strict=True):
                builder.store(vector.value, place)

    def add_product(self, depth: Any, left: Any, line: Any, right: Any) -> None:
        """Add the product of ``left`` (6, depth) and ``right`` (depth, 16)."""
        builder = self.builder
        lefts = along(builder, left, line, ROWS)
        half = ir.Constant(depth.type, LANES * BYTES)
        with cgutils.for_range(builder, depth, intp=depth.type) as loop:
            size = ir.Constant(depth.type, COLUMNS * BYTES)
            rights = along(builder, builder.add(right, builder.mul(loop.index, size)), half, 2)
            factors = [Vector.at(builder, place) for place in rights]
            offset = builder.mul(loop.index, ir.Constant(depth.type, BYTES))
            for start, pair in zip(lefts, self.places, strict=True):
                one = everywhere(builder, builder.add(start, offset))
                for place, factor in zip(pair, factors, strict=True):
                    product = builder.fmul(one, factor.value, flags=FUSED)
                    builder.store(builder.fadd(builder.load(place), product, flags=FUSED), place)

    def put(self, out: Any, row: Any, least: Any = None) -> None:
        """Write the rows, ``row`` bytes from one to the next."""
        half = ir.Constant(row.type, LANES * BYTES)
        for start, pair in zip(along(self.builder, out, row, ROWS), self.places, strict=True):
            for place, to in zip(pair, along(self.builder, start, half, 2), strict=True):
                made = Vector(self.builder, self.builder.load(place))
                (made if least is None else made.not_below(least)).put(to)
