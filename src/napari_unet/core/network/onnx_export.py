"""ONNX: a network as a file that ilastik, Fiji (deepImageJ), OpenCV and ONNX Runtime open.

The format is a protocol buffer; the few messages a U-Net needs are written here. ``onnx.helper``
would write them too, but whoever exports a network would have to install ``onnx`` first. The graph
takes (1, channels, *input) normalised pixels, float32, of any legal size and gives (1, classes,
*output) scores.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from napari_unet.core.network.layers import StandardisedConvolution
from napari_unet.core.network.unet import DoubleConvolution, UNet
from napari_unet.core.text import memory

IR, OPSET = 8, 13  # versions of 2021, which every reader of today takes
LARGEST = 2**31 - 2**20  # bytes a protocol buffer holds
FLOAT, INT64 = 1, 7  # kinds of tensors
_INT, _INTS = 2, 7  # kinds of attributes


def onnx_bytes(network: UNet, name: str = "unet") -> bytes:
    """Return ``network`` as the content of an .onnx file; dropout is left out."""
    graph = _Graph()
    with torch.no_grad():
        graph.trace(network)
    spatial = [("z", "y", "x")[-network.dims :][axis] for axis in range(network.dims)]
    inputs = _value("image", [1, network.channels, *spatial])
    outputs = _value("scores", [1, network.classes, *(f"{axis}_out" for axis in spatial)])
    body = b"".join(
        [
            *(_field(1, node) for node in graph.nodes),
            _field(2, name.encode()),
            *(_field(5, tensor) for tensor in graph.tensors),
            _field(11, inputs),
            _field(12, outputs),
        ]
    )
    if len(body) > LARGEST:
        raise ValueError(
            f"the network has {memory(len(body))} and an ONNX file holds {memory(LARGEST)}: "
            "export one with a smaller base"
        )
    about = {
        "about": json.dumps(network.about, default=str),
        "border": str(network.border),
        "legal input": f"{network.input_size(1)} + a multiple of {2**network.depth} per axis",
    }
    facts = [_field(14, _field(1, k.encode()) + _field(2, v.encode())) for k, v in about.items()]
    versions = _number(1, IR) + _field(2, b"napari-unet")
    opset = _field(8, _field(1, b"") + _number(2, OPSET))
    return versions + _field(7, body) + opset + b"".join(facts)


class _Graph:
    """Collects the nodes of the graph and the tensors they use."""

    def __init__(self) -> None:
        self.nodes: list[bytes] = []
        self.tensors: list[bytes] = []
        self._count = 0

    def trace(self, network: UNet) -> None:
        """Add the nodes of the forward pass."""
        value, copies = "image", []
        twice = _square(2, network.dims, stride=2)
        for pair in network.contract:
            value = self._pair(value, pair)
            copies.append(value)
            value = self._node("MaxPool", [value], twice)
        value = self._pair(value, network.bottom)
        for level, up, pair in zip(
            reversed(range(network.depth)), network.up, network.expand, strict=True
        ):
            value = self._node("ConvTranspose", [value, *self._weights(up)], twice)
            if network.release:
                value = self._node("Relu", [value])
            if network.skips:
                copied = self._cropped(copies[level], lost_below(network, level), network.dims)
                value = self._node("Concat", [value, copied], {"axis": 1})
            value = self._pair(value, pair)
        weights = self._weights(network.head)
        value = self._node("Conv", [value, *weights], _square(1, network.dims))
        self._node("Softmax", [value], {"axis": 1}, output="scores")

    def _pair(self, value: str, pair: nn.Module) -> str:
        assert isinstance(pair, DoubleConvolution)
        layers: tuple[Any, Any] = pair.first, pair.second
        for layer in layers:
            weights = self._weights(layer)
            how = _square(3, layer.weight.ndim - 2)
            value = self._node("Relu", [self._node("Conv", [value, *weights], how)])
        return value

    def _cropped(self, value: str, lost: int, dims: int) -> str:
        """Cut ``lost`` pixels off at both ends of every axis."""
        axes = np.arange(2, 2 + dims)
        ends = [np.full(dims, lost), np.full(dims, -lost), axes]
        return self._node("Slice", [value, *(self._tensor(e.astype(np.int64)) for e in ends)])

    def _weights(self, layer: nn.Module) -> list[str]:
        """Write the kernel as it is used, and the bias."""
        kernel: torch.Tensor = layer.get_parameter("weight")
        if isinstance(layer, StandardisedConvolution):
            kernel = layer.standardised()
        tensors = (kernel, layer.get_parameter("bias"))
        return [self._tensor(one.detach().float().cpu().numpy()) for one in tensors]

    def _tensor(self, array: np.ndarray) -> str:
        name = self._name("t")
        kind = FLOAT if array.dtype == np.float32 else INT64
        shape = b"".join(_number(1, edge) for edge in array.shape)
        raw = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()
        self.tensors.append(shape + _number(2, kind) + _field(8, name.encode()) + _field(9, raw))
        return name

    def _node(
        self, kind: str, inputs: Sequence[str], how: dict[str, Any] | None = None, output: str = ""
    ) -> str:
        name = output or self._name("v")
        parts = [_field(1, one.encode()) for one in inputs]
        parts += [_field(2, name.encode()), _field(4, kind.encode())]
        parts += [_field(5, _attribute(key, value)) for key, value in (how or {}).items()]
        self.nodes.append(b"".join(parts))
        return name

    def _name(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"


def lost_below(network: UNet, level: int) -> int:
    """Return the pixels cut off each side of what is copied at ``level``.

    They are what is lost between it and where it is joined: a level deeper loses twice as many
    of the pixels here, and two convolutions there lose four of its own at each side, on the way
    down and up, but for the lowest, which comes once.
    """
    lost = 0
    for deeper in reversed(range(level + 1, network.depth + 1)):
        here = 2 if deeper == network.depth else 4
        lost = 2 * (lost + here)
    return lost


def _square(edge: int, dims: int, stride: int = 1) -> dict[str, list[int]]:
    return {"kernel_shape": [edge] * dims, "strides": [stride] * dims}


def _attribute(name: str, value: int | Iterable[int]) -> bytes:
    if isinstance(value, int):
        return _field(1, name.encode()) + _number(3, value) + _number(20, _INT)
    numbers = b"".join(_number(8, one) for one in value)
    return _field(1, name.encode()) + numbers + _number(20, _INTS)


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    """Return what the graph takes or gives: float32 of a shape whose letters stand for any size."""
    edges = [
        _field(1, _number(1, edge) if isinstance(edge, int) else _field(2, edge.encode()))
        for edge in shape
    ]
    tensor = _number(1, FLOAT) + _field(2, b"".join(edges))
    return _field(1, name.encode()) + _field(2, _field(1, tensor))


def _field(number: int, content: bytes) -> bytes:
    """Return a field with a length."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    """Return a field that is a whole number."""
    return _varint(number << 3) + _varint(int(value) % 2**64)


def _varint(value: int) -> bytes:
    content = bytearray()
    while value > 0x7F:
        content.append(value & 0x7F | 0x80)
        value >>= 7
    content.append(value)
    return bytes(content)
