"""Vectors: the inner loops, written for 8 numbers at a time in the compiler's own language.

Left to numba, arrays may overlap and indices may be negative, so that it takes one number at a
time. Here addresses are plain integers, in bytes, and nothing is checked: who calls makes sure
that all of it lies in his arrays.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from napari_unet.core.convolving.squares import MADE, TAKEN, pixels_of_values, values_of_pixels

LANES = 8  # float32 a vector: one register of AVX2, two of Arm's
ROWS, COLUMNS = 6, 2 * LANES  # of a product: 12 registers of sums, and there are 16
BYTES = 4
FUSED = ("contract",)  # a multiplication and an addition may round once, nothing else may change
_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, LANES)
_ADDRESS = types.int64


class Vector:
    """8 numbers while code is generated, in the notation of numbers."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    @classmethod
    def at(cls, builder: Any, address: Any) -> "Vector":
        """Read the vector at an address."""
        return cls(builder, builder.load(_pointer(builder, address), align=BYTES))

    def put(self, address: Any) -> None:
        """Write the vector to an address."""
        self.builder.store(self.value, _pointer(self.builder, address), align=BYTES)

    def __add__(self, other: "Vector") -> "Vector":
        return Vector(self.builder, self.builder.fadd(self.value, other.value, flags=FUSED))

    def __sub__(self, other: "Vector") -> "Vector":
        return Vector(self.builder, self.builder.fsub(self.value, other.value, flags=FUSED))

    def __mul__(self, factor: float) -> "Vector":
        by = ir.Constant(_VECTOR, [factor] * LANES)
        return Vector(self.builder, self.builder.fmul(self.value, by, flags=FUSED))

    def not_below(self, least: Any) -> "Vector":
        """Return what is above ``least``, and that elsewhere; NaN stays NaN, as in torch."""
        below = self.builder.fcmp_ordered("<", self.value, least)
        return Vector(self.builder, self.builder.select(below, least, self.value))

    def or_larger(self, other: "Vector") -> "Vector":
        """Return the larger of two; NaN where either is."""
        kept = self.builder.fcmp_ordered(">", self.value, other.value)
        none = self.builder.fcmp_unordered("!=", self.value, self.value)
        keep = self.builder.or_(kept, none)
        return Vector(self.builder, self.builder.select(keep, self.value, other.value))


def _pointer(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, _VECTOR.as_pointer())


def _along(builder: Any, start: Any, stride: Any, count: int) -> list[Any]:
    """Return the addresses of ``count`` places from ``start`` on."""
    steps = (builder.mul(stride, ir.Constant(stride.type, n)) for n in range(count))
    return [builder.add(start, step) for step in steps]


def _both_ways(
    rows: Iterable[Sequence[Any]], change: Callable[..., list[Any]]
) -> Iterator[tuple[tuple[int, int], Any]]:
    """Change the rows of a square, then its columns; yield row and column and what is there.

    Each row is read just before it is changed, and each column may be written at once: there are
    16 registers for 36 vectors.
    """
    changed = [change(row) for row in rows]
    for x, column in enumerate(zip(*changed, strict=True)):
        for y, found in enumerate(change(column)):
            yield (y, x), found


@intrinsic
def spread(typing: Any, pixel: Any, row: Any, column: Any, values: Any, plane: Any) -> Any:
    """Write the 36 values of a square of 6x6 pixels, 8 channels of it.

    ``row`` and ``column`` are the strides of the pixels, ``plane`` that of the values.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        pixel, row, column, values, plane = given
        square = (
            [Vector.at(builder, place) for place in _along(builder, line, column, TAKEN)]
            for line in _along(builder, pixel, row, TAKEN)
        )
        lines = _along(builder, values, builder.mul(plane, ir.Constant(plane.type, TAKEN)), TAKEN)
        for (y, x), value in _both_ways(square, values_of_pixels):
            value.put(_along(builder, lines[y], plane, TAKEN)[x])
        return context.get_dummy_value()

    return types.void(*(_ADDRESS,) * 5), generate


@intrinsic
def gather(
    typing: Any, value: Any, plane: Any, bias: Any, pixel: Any, row: Any, column: Any
) -> Any:
    """Write 4x4 rectified pixels of 36 products and a bias, 8 channels of them."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        value, plane, bias, pixel, row, column = given
        line = builder.mul(plane, ir.Constant(plane.type, TAKEN))
        square = (
            [Vector.at(builder, place) for place in _along(builder, start, plane, TAKEN)]
            for start in _along(builder, value, line, TAKEN)
        )
        added, zero = Vector.at(builder, bias), ir.Constant(_VECTOR, [0.0] * LANES)
        lines = _along(builder, pixel, row, MADE)
        for (y, x), made in _both_ways(square, pixels_of_values):
            (made + added).not_below(zero).put(_along(builder, lines[y], column, MADE)[x])
        return context.get_dummy_value()

    return types.void(*(_ADDRESS,) * 6), generate


@intrinsic
def move(typing: Any, source: Any, target: Any, count: Any) -> Any:
    """Copy so many bytes; assigning slices takes numba long to compile."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        source, target, count = given
        byte = ir.IntType(8).as_pointer()
        places = (builder.inttoptr(place, byte) for place in (target, source))
        cgutils.raw_memmove(builder, *places, count, 1)
        return context.get_dummy_value()

    return types.void(*(_ADDRESS,) * 3), generate


@intrinsic
def largest(typing: Any, pixel: Any, row: Any, column: Any, out: Any) -> Any:
    """Write the largest of 2x2 pixels, 8 channels of them; NaN stays NaN, as in torch."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        pixel, row, column, out = given
        lines = _along(builder, pixel, row, 2)
        first, *others = (
            Vector.at(builder, place)
            for line in lines
            for place in _along(builder, line, column, 2)
        )
        for other in others:
            first = first.or_larger(other)
        first.put(out)
        return context.get_dummy_value()

    return types.void(*(_ADDRESS,) * 4), generate


@intrinsic
def multiply(typing: Any, depth: Any, left: Any, line: Any, right: Any, out: Any, row: Any) -> Any:
    """Write the product (6, 16) of ``left`` (6, depth) and ``right`` (depth, 16).

    ``line`` and ``row`` are the strides of the rows of ``left`` and ``out``; ``right`` is dense.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        depth, left, line, right, out, row = given
        sums = _Sums(builder, [Vector(builder, ir.Constant(_VECTOR, [0.0] * LANES))] * 2)
        sums.add_product(depth, left, line, right)
        sums.put(out, row)
        return context.get_dummy_value()

    return types.void(*(_ADDRESS,) * 6), generate


@intrinsic
def multiply_from(
    typing: Any, depth: Any, left: Any, line: Any, right: Any, bias: Any, least: Any, out: Any,
    row: Any,
) -> Any:  # fmt: skip
    """Write what ``multiply`` does plus 16 numbers, and ``least`` (float32) where it is above."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        depth, left, line, right, bias, least, out, row = given
        halves = _along(builder, bias, ir.Constant(bias.type, LANES * BYTES), 2)
        sums = _Sums(builder, [Vector.at(builder, place) for place in halves])
        sums.add_product(depth, left, line, right)
        sums.put(out, row, _spread_out(builder, least))
        return context.get_dummy_value()

    return types.void(*(_ADDRESS,) * 5, types.float32, *(_ADDRESS,) * 2), generate


class _Sums:
    """The 6x16 sums of a product while code is generated; they stay in registers."""

    def __init__(self, builder: Any, first: Sequence[Vector]) -> None:
        """Begin every row with the same two vectors."""
        self.builder = builder
        self.places = [
            [cgutils.alloca_once(builder, _VECTOR) for _ in range(2)] for _ in range(ROWS)
        ]
        for pair in self.places:
            for place, vector in zip(pair, first, strict=True):
                builder.store(vector.value, place)

    def add_product(self, depth: Any, left: Any, line: Any, right: Any) -> None:
        """Add the product of ``left`` (6, depth) and ``right`` (depth, 16)."""
        builder = self.builder
        lefts = _along(builder, left, line, ROWS)
        half = ir.Constant(depth.type, LANES * BYTES)
        with cgutils.for_range(builder, depth, intp=depth.type) as loop:
            size = ir.Constant(depth.type, COLUMNS * BYTES)
            rights = _along(builder, builder.add(right, builder.mul(loop.index, size)), half, 2)
            factors = [Vector.at(builder, place) for place in rights]
            along = builder.mul(loop.index, ir.Constant(depth.type, BYTES))
            for start, pair in zip(lefts, self.places, strict=True):
                one = _everywhere(builder, builder.add(start, along))
                for place, factor in zip(pair, factors, strict=True):
                    product = builder.fmul(one, factor.value, flags=FUSED)
                    builder.store(builder.fadd(builder.load(place), product, flags=FUSED), place)

    def put(self, out: Any, row: Any, least: Any = None) -> None:
        """Write the rows, ``row`` bytes from one to the next."""
        half = ir.Constant(row.type, LANES * BYTES)
        for start, pair in zip(_along(self.builder, out, row, ROWS), self.places, strict=True):
            for place, to in zip(pair, _along(self.builder, start, half, 2), strict=True):
                made = Vector(self.builder, self.builder.load(place))
                (made if least is None else made.not_below(least)).put(to)


def _everywhere(builder: Any, address: Any) -> Any:
    """Return the number at an address in all places of a vector."""
    return _spread_out(
        builder, builder.load(builder.inttoptr(address, _FLOAT.as_pointer()), align=BYTES)
    )


def _spread_out(builder: Any, number: Any) -> Any:
    """Return a number in all places of a vector."""
    index = ir.IntType(32)
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(nothing, number, ir.Constant(index, 0))
    zeros = ir.Constant(ir.VectorType(index, LANES), [0] * LANES)
    return builder.shuffle_vector(first, nothing, zeros)
