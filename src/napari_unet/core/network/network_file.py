"""Network files: weights and what they are for, in one file that is trusted because it is checked.

The file is plain safetensors, which any program can read. A SHA-256 over all it says goes with it:
without one, 44 of 100 damaged files load without complaint, with other weights.
"""

import hashlib
import json
import os
import platform
import stat
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import safetensors.torch
import torch
from safetensors import SafetensorError

from napari_unet import __version__
from napari_unet.core.files.atomic_write import write_safely
from napari_unet.core.network.legal_sizes import Architecture
from napari_unet.core.network.network_header import (
    NetworkHeader,
    describe,
    header_length,
    read_header,
)
from napari_unet.core.network.unet import CHANNELS_LAST, UNet

LONGEST_REASON = 250  # characters; part of it may come from the file


class NetworkFileError(ValueError):
    """A network file that is damaged, or none; one line that names it."""


def save_network(network: UNet, path: Path | str, *, overwrite: bool = False, **about: Any) -> None:
    """Write ``network`` to one file; ``about`` is added to what ``network.about`` says.

    An existing file is replaced only when ``overwrite`` is given, and then in one step.
    """
    said = {**network.about, **about, "versions": _versions()}
    weights = {
        name: weight.detach().cpu().contiguous() for name, weight in network.state_dict().items()
    }
    check_finite(weights, "the network is not saved")
    metadata = describe(network.architecture, said)
    metadata["sha256"] = _digest(metadata, weights)
    data = safetensors.torch.save(weights, metadata)
    read_header(data[8 : 8 + header_length(data[:8])])  # what would be refused is never written
    write_safely(path, data, overwrite=overwrite)


def load_network(path: Path | str) -> UNet:
    """Read a network with its ``about``, ready to score; whatever is wrong with it is refused.

    Nothing in the file is executed, and no more memory is taken than the file has bytes.
    """
    try:
        with Path(path).open("rb") as file:
            data, header = _read(file)
        weights = safetensors.torch.load(data)
        check_finite(weights, "it is damaged")
        if _digest(header.metadata, weights) != header.metadata["sha256"]:
            raise ValueError("it is damaged: its content does not match its digest")
    except (ValueError, SafetensorError) as error:
        raise refused(path, error) from None
    return build_network(header.architecture, header.about, weights)


def refused(path: Path | str, error: Exception) -> NetworkFileError:
    """Return the one line that says which file cannot be loaded, and why."""
    why = "it is damaged" if isinstance(error, SafetensorError) else " ".join(str(error).split())
    shown = "".join(sign if sign.isprintable() else "?" for sign in why[:LONGEST_REASON])
    return NetworkFileError(f"{str(path)!r} cannot be loaded: {shown}")


def build_network(
    architecture: Architecture, about: dict[str, Any], weights: dict[str, torch.Tensor]
) -> UNet:
    """Return a network of these weights, without drawing others first; the RNG stays untouched."""
    with torch.device("meta"):
        network = UNet(**asdict(architecture))
    network.load_state_dict(weights, assign=True)
    network.to(memory_format=CHANNELS_LAST[network.dims])  # type: ignore[call-overload]
    network.about = about
    return network.eval()


def _read(file: BinaryIO) -> tuple[bytes, NetworkHeader]:
    """Read the file as bytes: a map of a file that shrinks meanwhile would kill the process."""
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is not a file")
    start = file.read(8)
    text = file.read(header_length(start))
    header = read_header(text)
    expected = len(start) + len(text) + header.bytes_that_follow
    if found.st_size != expected:
        raise ValueError(f"it has {found.st_size} bytes and should have {expected}")
    data = start + text + file.read(header.bytes_that_follow)
    if len(data) != expected:
        raise ValueError("it became shorter while it was read")
    return data, header


def _digest(metadata: dict[str, str], weights: dict[str, torch.Tensor]) -> str:
    """Return the SHA-256 over everything a file says, in an order that does not matter to it."""
    names = sorted(weights)
    said = sorted((key, value) for key, value in metadata.items() if key != "sha256")
    shapes = [(name, str(weights[name].dtype), list(weights[name].shape)) for name in names]
    found = hashlib.sha256(json.dumps([said, shapes]).encode("ascii") + b"\n")
    for name in names:
        found.update(weights[name].view(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def check_finite(weights: dict[str, torch.Tensor], what: str) -> None:
    """Refuse weights among which a NaN or an infinity is."""
    for name, weight in weights.items():
        wrong = int((~torch.isfinite(weight)).sum())
        if wrong:
            raise ValueError(f"{what}: {wrong} values of {name} are NaN or infinite")


def _versions() -> dict[str, str]:
    return {
        "napari-unet": __version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }
