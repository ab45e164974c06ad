"""Convert a U-Net trained elsewhere and saved by PyTorch into a network of ours.

Such a file is a pickle, and a pickle is a program. It is opened in a child process with
``weights_only=True`` and limits of memory and time; only plain float tensors come back, as bytes
that are parsed and checked like any other file. There is no other way to load it.

The paper's network is recognised by the shapes of its weights, whatever its layers are called:
pairs of 3x3 kernels, one 2x2 up-convolution a level, one 1x1 head. A network of another topology is
refused with the reason; a part of a network is never loaded.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import BinaryIO

import psutil
import safetensors.torch
import torch
from safetensors import SafetensorError

from napari_unet.core import text
from napari_unet.core.network import import_child
from napari_unet.core.network.legal_sizes import Architecture
from napari_unet.core.network.metadata import empty_about
from napari_unet.core.network.network_file import (
    LARGEST_HEADER,
    build_network,
    check_finite,
    header_length,
    refused,
    shapes_of,
)
from napari_unet.core.network.unet import UNet

StateDict = dict[str, torch.Tensor]


def recognise(state: StateDict, *, copied_first: bool = False) -> tuple[Architecture, StateDict]:
    """Return the architecture of a state dict, and its weights by the names ``UNet`` has.

    ``copied_first``: it joins the copied channels before the up-sampled ones; the paper's release
    and ``UNet`` have the up-sampled ones first. Shapes cannot tell.
    """
    kernels = _Kernels.of(state)
    architecture = kernels.architecture(weighted=any(name.endswith(".gain") for name in state))
    weights: StateDict = {}
    used = set()
    for layer, name in kernels.places(architecture):
        for part in ("weight", "bias", "gain"):
            foreign = name.removesuffix("weight") + part
            if foreign in state:
                weights[f"{layer}.{part}"] = state[foreign]
                used.add(foreign)
        weights.setdefault(f"{layer}.bias", _no_bias(weights[f"{layer}.weight"], layer))
    _refuse_rest(state.keys() - used)
    if kernels.shape(kernels.head)[0] == 1:
        _widen_head(weights)
    if copied_first and architecture.skips:
        _swap_joined(weights, architecture)
    _check_shapes(weights, architecture)
    return architecture, weights


@dataclass(frozen=True)
class _Kernels:
    """The names of the kernels of a state dict, in its order, by what they do."""

    state: StateDict
    pairs: list[tuple[str, str]]  # 3x3 kernels, two by two
    ups: list[str]  # 2x2
    head: str  # 1x1

    @classmethod
    def of(cls, state: StateDict) -> "_Kernels":
        """Sort the kernels by size."""
        by_size: dict[tuple[int, ...], list[str]] = {}
        for name, tensor in state.items():
            if tensor.ndim > 1:
                by_size.setdefault(tuple(tensor.shape[2:]), []).append(name)
        dims = max(map(len, by_size), default=0)
        three, two, one = (by_size.pop((n,) * dims, []) for n in (3, 2, 1))
        if by_size or len(one) != 1 or not two or len(three) != 2 * (2 * len(two) + 1):
            raise ValueError(
                f"it has {len(three)} kernels of 3x3, {len(two)} of 2x2 and {len(one)} of 1x1"
                f"{' and others' if by_size else ''}: the paper's U-Net of depth d has "
                "4d + 2 of 3x3, d of 2x2 and one of 1x1"
            )
        return cls(state, list(zip(three[::2], three[1::2], strict=True)), two, one[0])

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a kernel."""
        return tuple(self.state[name].shape)

    def architecture(self, *, weighted: bool) -> Architecture:
        """Return the one architecture whose kernels these are."""
        head = self.shape(self.head)
        firsts = [self.shape(first) for first, _ in self.pairs]
        channels = dict.fromkeys(shape[1] for shape in firsts if shape[0] == head[1])
        for number, skips, release in product(channels, (True, False), (False, True)):
            candidate = Architecture(
                channels=number,
                classes=max(head[0], 2),  # one channel and a sigmoid are two classes
                base=head[1],
                depth=len(self.ups),
                dims=len(head) - 2,
                norm="weight" if weighted else "none",
                skips=skips,
                release=release,
            )
            if self._fits(candidate):
                return candidate
        raise ValueError(
            f"its kernels are not those of a U-Net with {head[1]} channels at the first level, "
            "doubled at each: it is another network"
        )

    def places(self, architecture: Architecture) -> Iterator[tuple[str, str]]:
        """Give, for each layer of ``UNet``, the name of the kernel that belongs there."""
        pairs, ups = list(self.pairs), list(self.ups)
        expected = shapes_of(architecture)
        for name in _pair_names(architecture):
            shapes = expected[f"{name}.first.weight"], expected[f"{name}.second.weight"]
            pair = next(p for p in pairs if (self.shape(p[0]), self.shape(p[1])) == shapes)
            pairs.remove(pair)  # of equal ones the first belongs to the contracting path
            yield f"{name}.first", pair[0]
            yield f"{name}.second", pair[1]
        for level in range(architecture.depth):
            yield (
                f"up.{level}",
                next(up for up in ups if self.shape(up) == expected[f"up.{level}.weight"]),
            )
        yield "head", self.head

    def _fits(self, candidate: Architecture) -> bool:
        expected = shapes_of(candidate)
        pairs = Counter((self.shape(first), self.shape(second)) for first, second in self.pairs)
        names = _pair_names(candidate)
        ups = [expected[f"up.{level}.weight"] for level in range(candidate.depth)]
        return Counter(map(self.shape, self.ups)) == Counter(ups) and pairs == Counter(
            (expected[f"{name}.first.weight"], expected[f"{name}.second.weight"]) for name in names
        )


def _pair_names(architecture: Architecture) -> list[str]:
    levels = range(architecture.depth)
    return [*(f"contract.{n}" for n in levels), "bottom", *(f"expand.{n}" for n in levels)]


def _no_bias(kernel: torch.Tensor, layer: str) -> torch.Tensor:
    """Return zeros, one for each output; up-convolutions store their inputs first."""
    return kernel.new_zeros(kernel.shape[1 if layer.startswith("up.") else 0])


def _refuse_rest(names: set[str]) -> None:
    if any(name.endswith(("running_mean", "running_var")) for name in names):
        raise ValueError(
            "it has batch normalisation, whose scores depend on what it was trained beside: "
            "a network without it can be converted"
        )
    if names:
        raise ValueError(
            f"its {min(names)!a} belongs to a layer that the paper's U-Net does not have"
        )


def _widen_head(weights: StateDict) -> None:
    """Turn a sigmoid into the softmax of two classes: the background scores 0."""
    for part in ("head.weight", "head.bias"):
        weights[part] = torch.cat((torch.zeros_like(weights[part]), weights[part]))


def _swap_joined(weights: StateDict, architecture: Architecture) -> None:
    for place, level in enumerate(reversed(range(architecture.depth))):
        name, copied = f"expand.{place}.first.weight", architecture.widths[level]
        kernel = weights[name]
        weights[name] = torch.cat((kernel[:, copied:], kernel[:, :copied]), 1)


def _check_shapes(weights: StateDict, architecture: Architecture) -> None:
    for name, shape in shapes_of(architecture).items():
        if name not in weights or tuple(weights[name].shape) != shape:
            raise ValueError(f"its weights for {name} are not of shape {shape}")


SECONDS = 120.0  # to read a file; a network of 500 MB takes about three
MEMORY = 2 * 2**30  # bytes the child may hold, beside three times the size of the file
LONGEST_REASON = 300  # characters


def convert_state_dict(path: Path | str, *, copied_first: bool = False) -> UNet:
    """Return a U-Net saved by PyTorch elsewhere (``.pt``, ``.pth``: a state dict) as a network.

    It must be of the paper's topology, without normalisation layers; a head of one channel, for
    a sigmoid, becomes one of two classes with equal scores. A network trained with padding scores
    as it did on images shifted by some pixels (its pooling grid lies elsewhere), away from their
    border. ``copied_first``: see ``recognise``.
    """
    source = Path(path).resolve(strict=True)
    try:
        architecture, weights = recognise(_read_in_child(source), copied_first=copied_first)
        check_finite(weights, "it is damaged")
    except (ValueError, SafetensorError) as error:
        raise refused(path, error) from None
    about = empty_about(architecture.classes)
    about["history"].append({"event": "converted", "from": source.name})
    return build_network(architecture, about, weights)


def _read_in_child(source: Path) -> StateDict:
    if not source.is_file():
        raise ValueError("it is not a file")
    size = source.stat().st_size
    with tempfile.TemporaryDirectory() as folder:
        result, reason = Path(folder, "weights.safetensors"), Path(folder, "reason.txt")
        with reason.open("wb") as output:
            status = _run_child(source, result, output, 3 * size + MEMORY)
        if status == 3:
            raise ValueError(_one_line(reason))
        if status != 0:
            raise ValueError(f"reading it broke the process that tried, with status {status}")
        if result.stat().st_size > size + LARGEST_HEADER:
            raise ValueError("its tensors claim more numbers than the file holds")
        return _parse(result.read_bytes())


def _run_child(source: Path, result: Path, said: BinaryIO, memory: int) -> int:
    """Run the child to its end, or end it; return its exit status."""
    command = [sys.executable, "-P", "-m", import_child.__name__, str(source), str(result)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    until = time.monotonic() + SECONDS
    with subprocess.Popen(
        command, cwd=result.parent, env=environment,
        stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.DEVNULL,
    ) as child:  # fmt: skip
        try:
            while (status := child.poll()) is None:
                if time.monotonic() > until:
                    raise ValueError(f"reading it took longer than {text.duration(SECONDS)}")
                if _memory_of(child.pid) > memory:
                    raise ValueError(f"reading it took more than {text.memory(memory)} of memory")
                time.sleep(0.02)
        finally:
            child.kill()  # does nothing to one that has ended
    return status


def _memory_of(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:  # it has just ended
        return 0


def _one_line(reason: Path) -> str:
    with reason.open("rb") as file:
        text = file.read(LONGEST_REASON).decode("ascii", errors="replace")
    return " ".join(filter(str.isprintable, text.split())) or "PyTorch cannot read it"


def _parse(data: bytes) -> StateDict:
    """Return the tensors by their names in the foreign file, in its order."""
    length = header_length(data[:8])
    names = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["names"])
    tensors = safetensors.torch.load(data)
    kinds = {tensor.dtype for tensor in tensors.values()}
    kind = kinds.pop() if len(kinds) == 1 else torch.float32
    return {
        name: tensors[number].to(kind) for name, number in zip(names, sorted(tensors), strict=True)
    }
