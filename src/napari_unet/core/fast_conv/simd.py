"""The inner loops for vectors of 8 or 16 numbers, written in the compiler's own language (LLVM).

Compiled by numba from Python, arrays may overlap and indices may be negative, so that the loop
takes one number at a time. Here addresses are plain integers, in bytes, and nothing is checked: the
caller makes sure that all of them lie in its arrays.

``spread`` and ``gather`` turn pixels into the values of Winograd's convolution, and products into
pixels. ``multiply`` computes some rows times sixteen columns, the inner loop of nearly all the
work.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from llvmlite import binding, ir
from llvmlite.ir import IRBuilder, Value
from numba import types
from numba.core import cgutils, config
from numba.core.base import BaseContext
from numba.core.types import Type
from numba.core.typing.context import BaseContext as TypingContext
from numba.core.typing.templates import Signature
from numba.extending import intrinsic

from napari_unet.core.fast_conv.winograd_transform import (
    MADE,
    TAKEN,
    pixels_of_values,
    values_of_pixels,
)


def has(feature: str) -> bool:
    """Tell whether the processor has a feature, by LLVM's name; numba may be told to do without."""
    if config.CPU_FEATURES is not None:
        return f"+{feature}" in config.CPU_FEATURES.split(",")
    return config.CPU_NAME is None and binding.get_host_cpu_features().get(feature, False)


LANES = 16 if has("avx512f") else 8  # float32 a vector: a register of AVX-512 or AVX2, two of Arm's
BYTES = 4
LINE = 64  # bytes of a line of the cache
NEAR = 2  # where a line is fetched to: the second cache
FUSED = ("contract",)  # a multiplication and an addition may round once, nothing else may change
_FLOAT = ir.FloatType()
VECTOR = ir.VectorType(_FLOAT, LANES)
ADDRESS = types.int64
Values = Sequence[Value]
Intrinsic = tuple[Signature, Callable[..., Value]]  # its type, and what writes its code

COLUMNS = 16  # of a product, whatever the vectors: weights lie in sixteens
VECTORS = COLUMNS // LANES  # of a row
ROWS = 12 // VECTORS  # of a product: 12 registers of sums, and there are 16 or more
AT_ONCE = 8 * VECTORS  # terms of the sums in one turn of the loop; inputs come in sixteens


class Vector:
    """Some numbers while code is generated, in the notation of numbers."""

    def __init__(self, builder: IRBuilder, value: Value) -> None:
        self.builder, self.value = builder, value

    @classmethod
    def at(cls, builder: IRBuilder, address: Value) -> "Vector":
        """Read the vector at an address."""
        return cls(builder, builder.load(_pointer(builder, address), align=BYTES))

    def put(self, address: Value) -> None:
        """Write the vector to an address."""
        self.builder.store(self.value, _pointer(self.builder, address), align=BYTES)

    def __add__(self, other: "Vector") -> "Vector":
        return Vector(self.builder, self.builder.fadd(self.value, other.value, flags=FUSED))

    def __sub__(self, other: "Vector") -> "Vector":
        return Vector(self.builder, self.builder.fsub(self.value, other.value, flags=FUSED))

    def __mul__(self, factor: float) -> "Vector":
        by = ir.Constant(VECTOR, [factor] * LANES)
        return Vector(self.builder, self.builder.fmul(self.value, by, flags=FUSED))

    def not_below(self, least: Value) -> "Vector":
        """Return what is above ``least``, and that elsewhere; NaN stays NaN, as in torch."""
        below = self.builder.fcmp_ordered("<", self.value, least)
        return Vector(self.builder, self.builder.select(below, least, self.value))

    def or_larger(self, other: "Vector") -> "Vector":
        """Return the larger of two; NaN where either is."""
        kept = self.builder.fcmp_ordered(">", self.value, other.value)
        none = self.builder.fcmp_unordered("!=", self.value, self.value)
        keep = self.builder.or_(kept, none)
        return Vector(self.builder, self.builder.select(keep, self.value, other.value))


def _pointer(builder: IRBuilder, address: Value) -> Value:
    return builder.inttoptr(address, VECTOR.as_pointer())


def along(builder: IRBuilder, start: Value, stride: Value, count: int) -> list[Value]:
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
        for y, value in enumerate(change(column)):
            yield (y, x), value


@intrinsic
def spread(
    typing: TypingContext, pixel: Type, row: Type, column: Type, values: Type, plane: Type
) -> Intrinsic:
    """Write the 36 values of a square of 6x6 pixels, a vector of channels.

    ``row`` and ``column`` are the strides of the pixels, ``plane`` that of the values.
    """

    def generate(
        context: BaseContext, builder: IRBuilder, signature: Signature, arguments: Values
    ) -> Value:
        pixel, row, column, values, plane = arguments
        square = (
            [Vector.at(builder, place) for place in along(builder, line, column, TAKEN)]
            for line in along(builder, pixel, row, TAKEN)
        )
        lines = along(builder, values, builder.mul(plane, ir.Constant(plane.type, TAKEN)), TAKEN)
        for (y, x), value in _both_ways(square, values_of_pixels):
            value.put(along(builder, lines[y], plane, TAKEN)[x])
        return context.get_dummy_value()

    return types.void(*(ADDRESS,) * 5), generate


@intrinsic
def gather(
    typing: TypingContext,
    value: Type,
    plane: Type,
    bias: Type,
    pixel: Type,
    row: Type,
    column: Type,
) -> Intrinsic:
    """Write 4x4 rectified pixels of 36 products and a bias, a vector of channels."""

    def generate(
        context: BaseContext, builder: IRBuilder, signature: Signature, arguments: Values
    ) -> Value:
        value, plane, bias, pixel, row, column = arguments
        line = builder.mul(plane, ir.Constant(plane.type, TAKEN))
        square = (
            [Vector.at(builder, place) for place in along(builder, start, plane, TAKEN)]
            for start in along(builder, value, line, TAKEN)
        )
        added, zero = Vector.at(builder, bias), ir.Constant(VECTOR, [0.0] * LANES)
        lines = along(builder, pixel, row, MADE)
        for (y, x), made in _both_ways(square, pixels_of_values):
            (made + added).not_below(zero).put(along(builder, lines[y], column, MADE)[x])
        return context.get_dummy_value()

    return types.void(*(ADDRESS,) * 6), generate


@intrinsic
def move(typing: TypingContext, source: Type, target: Type, count: Type) -> Intrinsic:
    """Copy so many bytes; assigning slices takes numba long to compile."""

    def generate(
        context: BaseContext, builder: IRBuilder, signature: Signature, arguments: Values
    ) -> Value:
        source, target, count = arguments
        byte = ir.IntType(8).as_pointer()
        places = (builder.inttoptr(place, byte) for place in (target, source))
        cgutils.raw_memmove(builder, *places, count, 1)
        return context.get_dummy_value()

    return types.void(*(ADDRESS,) * 3), generate


@intrinsic
def largest(typing: TypingContext, pixel: Type, row: Type, column: Type, out: Type) -> Intrinsic:
    """Write the largest of 2x2 pixels, a vector of channels; NaN stays NaN, as in torch."""

    def generate(
        context: BaseContext, builder: IRBuilder, signature: Signature, arguments: Values
    ) -> Value:
        pixel, row, column, out = arguments
        lines = along(builder, pixel, row, 2)
        first, *others = (
            Vector.at(builder, place) for line in lines for place in along(builder, line, column, 2)
        )
        for other in others:
            first = first.or_larger(other)
        first.put(out)
        return context.get_dummy_value()

    return types.void(*(ADDRESS,) * 4), generate


def everywhere(builder: IRBuilder, address: Value) -> Value:
    """Return the number at an address in all places of a vector."""
    return spread_out(
        builder, builder.load(builder.inttoptr(address, _FLOAT.as_pointer()), align=BYTES)
    )


def spread_out(builder: IRBuilder, number: Value) -> Value:
    """Return a number in all places of a vector."""
    index = ir.IntType(32)
    nothing = ir.Constant(VECTOR, ir.Undefined)
    first = builder.insert_element(nothing, number, ir.Constant(index, 0))
    zeros = ir.Constant(ir.VectorType(index, LANES), [0] * LANES)
    return builder.shuffle_vector(first, nothing, zeros)


def fetch(builder: IRBuilder, address: Value) -> None:
    """Have a line of memory brought into the second cache; it may lie beyond all arrays."""
    byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
    hint = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    how = [ir.Constant(number, n) for n in (0, NEAR, 1)]  # to read, how near, data
    builder.call(hint, [builder.inttoptr(address, byte), *how])


@intrinsic
def multiply(
    typing: TypingContext,
    depth: Type,
    left: Type,
    line: Type,
    right: Type,
    out: Type,
    row: Type,
    ahead: Type,
) -> Intrinsic:
    """Write the product (ROWS, 16) of ``left`` (ROWS, depth) and ``right`` (depth, 16).

    ``line`` and ``row`` are the strides of the rows of ``left`` and ``out``; ``right`` is dense,
    ``depth`` a multiple of AT_ONCE. From ``ahead`` on, a line of memory for each turn is fetched:
    kernels of wide layers lie far away, and the processor does not look ahead beyond a page.
    """

    def generate(
        context: BaseContext, builder: IRBuilder, signature: Signature, arguments: Values
    ) -> Value:
        depth, left, line, right, out, row, ahead = arguments
        sums = _Sums(builder, [Vector(builder, ir.Constant(VECTOR, [0.0] * LANES))] * VECTORS)
        sums.add_product(depth, left, line, right, AT_ONCE, ahead)
        sums.put(out, row)
        return context.get_dummy_value()

    return types.void(*(ADDRESS,) * 7), generate


@intrinsic
def multiply_from(
    typing: TypingContext,
    depth: Type,
    left: Type,
    line: Type,
    right: Type,
    bias: Type,
    out: Type,
    row: Type,
) -> Intrinsic:
    """Write what ``multiply`` does plus 16 numbers."""
    return types.void(*(ADDRESS,) * 7), partial(_generate_from, False)


@intrinsic
def multiply_rectified(
    typing: TypingContext,
    depth: Type,
    left: Type,
    line: Type,
    right: Type,
    bias: Type,
    out: Type,
    row: Type,
) -> Intrinsic:
    """Write what ``multiply_from`` does, and 0 where it is above."""
    return types.void(*(ADDRESS,) * 7), partial(_generate_from, True)


def _generate_from(
    rectified: bool,
    context: BaseContext,
    builder: IRBuilder,
    signature: Signature,
    arguments: Values,
) -> Value:
    depth, left, line, right, bias, out, row = arguments
    parts = along(builder, bias, ir.Constant(bias.type, LANES * BYTES), VECTORS)
    sums = _Sums(builder, [Vector.at(builder, place) for place in parts])
    sums.add_product(depth, left, line, right)
    sums.put(out, row, ir.Constant(VECTOR, [0.0] * LANES) if rectified else None)
    return context.get_dummy_value()


class _Sums:
    """The sums (ROWS, 16) of a product while code is generated; they stay in registers."""

    def __init__(self, builder: IRBuilder, first: Sequence[Vector]) -> None:
        """Begin every row with the same vectors."""
        self.builder = builder
        self.places = [
            [cgutils.alloca_once(builder, VECTOR) for _ in range(VECTORS)] for _ in range(ROWS)
        ]
        for places in self.places:
            for place, vector in zip(places, first, strict=True):
                builder.store(vector.value, place)

    def add_product(
        self,
        depth: Value,
        left: Value,
        line: Value,
        right: Value,
        steps: int = 1,
        ahead: Value | None = None,
    ) -> None:
        """Add the product of ``left`` (ROWS, depth) and ``right`` (depth, 16), ``steps`` a turn."""
        builder = self.builder

        def number(n: int) -> Value:
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

    def _add(self, places: Values, one: Value, factors: Sequence[Vector]) -> None:
        """Add to one row of sums."""
        builder = self.builder
        for place, factor in zip(places, factors, strict=True):
            product = builder.fmul(one, factor.value, flags=FUSED)
            builder.store(builder.fadd(builder.load(place), product, flags=FUSED), place)

    def put(self, out: Value, row: Value, least: Value | None = None) -> None:
        """Write the rows, ``row`` bytes from one to the next."""
        part = ir.Constant(row.type, LANES * BYTES)
        for start, places in zip(along(self.builder, out, row, ROWS), self.places, strict=True):
            for place, to in zip(places, along(self.builder, start, part, VECTORS), strict=True):
                made = Vector(self.builder, self.builder.load(place))
                (made if least is None else made.not_below(least)).put(to)
