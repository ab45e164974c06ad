"""Conversion: a U-Net trained elsewhere, saved by PyTorch, becomes a network of ours.

Such a file is a pickle, and a pickle is a program. It is opened in a child process with
``weights_only=True`` and limits of memory and time; only plain float tensors come back, as bytes
that are parsed and checked like any other file. There is no way to load it anyway.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

import psutil
import safetensors.torch
import torch
from safetensors import SafetensorError

from napari_unet.core.network import UNet
from napari_unet.core.networkfile import build_network, check_finite, refused
from napari_unet.core.networks import conversion_child
from napari_unet.core.networks.about import empty_about
from napari_unet.core.networks.networkheader import LARGEST_HEADER, header_length
from napari_unet.core.networks.recognition import Weights, recognise

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


def _read_in_child(source: Path) -> Weights:
    if not source.is_file():
        raise ValueError("it is not a file")
    size = source.stat().st_size
    with tempfile.TemporaryDirectory() as folder:
        result, reason = Path(folder, "weights.safetensors"), Path(folder, "reason.txt")
        with reason.open("wb") as said:
            status = _run_child(source, result, said, 3 * size + MEMORY)
        if status == 3:
            raise ValueError(_one_line(reason))
        if status != 0:
            raise ValueError(f"reading it broke the process that tried, with status {status}")
        if result.stat().st_size > size + LARGEST_HEADER:
            raise ValueError("its tensors claim more numbers than the file holds")
        return _parse(result.read_bytes())


def _run_child(source: Path, result: Path, said: BinaryIO, memory: int) -> int:
    """Run the child to its end, or end it; return its exit status."""
    command = [sys.executable, "-P", "-m", conversion_child.__name__, str(source), str(result)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    until = time.monotonic() + SECONDS
    with subprocess.Popen(
        command, cwd=result.parent, env=environment,
        stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.DEVNULL,
    ) as child:  # fmt: skip
        try:
            while (status := child.poll()) is None:
                if time.monotonic() > until:
                    raise ValueError(f"reading it took longer than {SECONDS:.0f} s")
                if _memory_of(child.pid) > memory:
                    raise ValueError(f"reading it took more than {memory / 1e6:.0f} MB of memory")
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


def _parse(data: bytes) -> Weights:
    """Return the tensors by their names in the foreign file, in its order."""
    length = header_length(data[:8])
    names = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["names"])
    tensors = safetensors.torch.load(data)
    kinds = {tensor.dtype for tensor in tensors.values()}
    kind = kinds.pop() if len(kinds) == 1 else torch.float32
    return {
        name: tensors[number].to(kind) for name, number in zip(names, sorted(tensors), strict=True)
    }
