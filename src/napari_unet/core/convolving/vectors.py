"""Vectors: the three inner loops, written for 8 numbers at a time in the compiler's own language.

Left to numba, arrays may overlap and indices may be negative, so that it takes one number at a
time. Here addresses are plain integers, in bytes, and nothing is checked: who calls makes sure
that all of it lies in his arrays.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from napari_unet.core.convolving.squares import TAKEN, pixels_of_values, values_of_pixels

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

    def rectified(self) -> "Vector":
        """Return what is above 0, and 0 elsewhere; NaN stays NaN, as in torch."""
        zero = ir.Constant(_VECTOR, [0.0] * LANES)
        below = self.builder.fcmp_ordered("<", self.value, zero)
        return Vector(self.builder, self.builder.select(below, zero, self.value))


def _pointer(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, _VECTOR.as_pointer())


def _along(builder: Any, start: Any, stride: Any, count: int) -> list[Any]:
    """Return the addresses of ``count`` places from ``start`` on."""
    steps = (builder.mul(stride, ir.Constant(stride.type, n)) for n in range(count))
    return [builder.add(start, step) for step in steps]


def _both_ways(square: Sequence[Sequence[Any]], change: Callable[..., list[Any]]) -> list[Any]:
    """Change the rows of a square, then its columns: 6x6 to 6x6 or 4x4."""
    columns = zip(*(change(row) for row in square), strict=True)
    return list(zip(*(change(column) for column in columns), strict=True))


@intrinsic
def spread(typing: Any, pixel: Any, row: Any, column: Any, values: Any, plane: Any) -> Any:
    """Write the 36 values of a square of 6x6 pixels, 8 channels of it.

    ``row`` and ``column`` are the strides of the pixels, ``plane`` that of the values.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        pixel, row, column, values, plane = given
        square = [
            [Vector.at(builder, place) for place in _along(builder, line, column, TAKEN)]
            for line in _along(builder, pixel, row, TAKEN)
        ]
        found = _both_ways(square, values_of_pixels)
        places = iter(_along(builder, values, plane, TAKEN * TAKEN))
        for line in found:
            for value in line:
                value.put(next(places))
        return context.get_dummy_value()

    return types.void(*(_ADDRESS,) * 5), generate


@intrinsic
def gather(
    typing: Any, value: Any, plane: Any, bias: Any, pixel: Any, row: Any, column: Any
) -> Any:
    """Write 4x4 rectified pixels of 36 products and a bias, 8 channels of them."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        value, plane, bias, pixel, row, column = given
        places = iter(_along(builder, value, plane, TAKEN * TAKEN))
        square = [[Vector.at(builder, next(places)) for _ in range(TAKEN)] for _ in range(TAKEN)]
        added = Vector.at(builder, bias)
        found = _both_ways(square, pixels_of_values)
        for line, start in zip(found, _along(builder, pixel, row, len(found)), strict=True):
            for made, place in zip(line, _along(builder, start, column, len(line)), strict=True):
                (made + added).rectified().put(place)
        return context.get_dummy_value()

    return types.void(*(_ADDRESS,) * 6), generate


@intrinsic
def multiply(typing: Any, depth: Any, left: Any, line: Any, right: Any, out: Any, row: Any) -> Any:
    """Write the product (6, 16) of ``left`` (6, depth) and ``right`` (depth, 16).

    ``line`` and ``row`` are the strides of the rows of ``left`` and ``out``; ``right`` is dense.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        depth, left, line, right, out, row = given
        sums = [[cgutils.alloca_once(builder, _VECTOR) for _ in range(2)] for _ in range(ROWS)]
        zero = ir.Constant(_VECTOR, [0.0] * LANES)
        for place in (place for pair in sums for place in pair):
            builder.store(zero, place)
        half = ir.Constant(depth.type, LANES * BYTES)
        lefts, outs = _along(builder, left, line, ROWS), _along(builder, out, row, ROWS)
        with cgutils.for_range(builder, depth, intp=depth.type) as loop:
            right = builder.add(
                right, builder.mul(loop.index, ir.Constant(depth.type, COLUMNS * BYTES))
            )
            factors = [Vector.at(builder, place) for place in _along(builder, right, half, 2)]
            along = builder.mul(loop.index, ir.Constant(depth.type, BYTES))
            for start, pair in zip(lefts, sums, strict=True):
                one = _everywhere(builder, builder.add(start, along))
                for place, factor in zip(pair, factors, strict=True):
                    product = builder.fmul(one, factor.value, flags=FUSED)
                    builder.store(builder.fadd(builder.load(place), product, flags=FUSED), place)
        for start, pair in zip(outs, sums, strict=True):
            for place, to in zip(pair, _along(builder, start, half, 2), strict=True):
                Vector(builder, builder.load(place)).put(to)
        return context.get_dummy_value()

    return types.void(*(_ADDRESS,) * 6), generate


def _everywhere(builder: Any, address: Any) -> Any:
    """Return the number at an address in all places of a vector."""
    number = builder.load(builder.inttoptr(address, _FLOAT.as_pointer()), align=BYTES)
    index = ir.IntType(32)
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(nothing, number, ir.Constant(index, 0))
    zeros = ir.Constant(ir.VectorType(index, LANES), [0] * LANES)
    return builder.shuffle_vector(first, nothing, zeros)
