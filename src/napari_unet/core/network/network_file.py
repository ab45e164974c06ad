"""Network files: weights and what they are for, in one file that is checked when it is read.

A network file is a safetensors file, which any program can read: eight bytes of length, a JSON
header naming each tensor and where it lies, then the tensors. The architecture in the header
decides which names, shapes and sizes must follow; any other file is refused before memory is taken.
A SHA-256 of the content goes with it: without one, 44 of 100 damaged files load without an error
and with other weights.
"""

import hashlib
import json
import os
import platform
import stat
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import safetensors.torch
import torch
from safetensors import SafetensorError

from napari_unet import __version__
from napari_unet.core.files.atomic_write import write_safely
from napari_unet.core.network.legal_sizes import Architecture
from napari_unet.core.network.metadata import check_about
from napari_unet.core.network.unet import CHANNELS_LAST, UNet

FORMAT = 1
PROGRAM = "napari-unet"
LARGEST_HEADER = 1_000_000  # bytes
DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
}  # fmt: skip


@dataclass(frozen=True)
class NetworkHeader:
    """The content of a header that has passed every check that needs no weights."""

    architecture: Architecture
    about: dict[str, Any]
    metadata: dict[str, str]  # as it stands in the file
    bytes_that_follow: int


def describe(architecture: Architecture, about: dict[str, Any]) -> dict[str, str]:
    """Return the metadata of a network file, without its digest."""
    check_about(about, architecture.classes)
    return {
        "program": PROGRAM,
        "format": str(FORMAT),
        "architecture": json.dumps(asdict(architecture)),
        "about": json.dumps(about, ensure_ascii=False, allow_nan=False),
    }


def header_length(start: bytes) -> int:
    """Return the length of the header the first eight bytes announce."""
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length < 2:
        raise ValueError("it is not a network file")
    if length > LARGEST_HEADER:
        if start[:4] == b"PK\x03\x04" or start[:1] == b"\x80":
            raise ValueError("it is a PyTorch file: convert it first")
        raise ValueError(f"it is not a network file: its header would have {length} bytes")
    return length


def read_header(text: bytes) -> NetworkHeader:
    """Read and check a header; what is wrong with it is said in a ValueError."""
    entries = _object(text.decode("utf-8"), "header")
    metadata = entries.pop("__metadata__", None)
    _check_origin(metadata)
    assert isinstance(metadata, dict)
    architecture = _architecture(metadata["architecture"])
    about = _object(metadata["about"], "about")
    check_about(about, architecture.classes)
    return NetworkHeader(architecture, about, metadata, _check_tensors(entries, architecture))


@lru_cache(maxsize=32)
def shapes_of(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every weight, without making any."""
    with torch.device("meta"):
        network = UNet(**asdict(architecture))
    return {name: tuple(weight.shape) for name, weight in network.state_dict().items()}


def _object(text: str, what: str) -> dict[str, Any]:
    """Parse a JSON object; NaN, and nesting that would exhaust the stack, are refused."""
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise ValueError(f"its {what} is damaged") from None
    if not isinstance(content, dict):
        raise ValueError(f"its {what} is damaged")
    return content


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _check_origin(metadata: object) -> None:
    if not isinstance(metadata, dict) or metadata.get("program") != PROGRAM:
        raise ValueError("it is a safetensors file, but no network of napari-unet")
    number = metadata.get("format")
    if number != str(FORMAT):
        raise ValueError(
            f"its format is {_short(number)} and this napari-unet reads format {FORMAT}: "
            "update napari-unet"
        )
    missing = [key for key in ("architecture", "about", "sha256") if key not in metadata]
    if missing or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its header is damaged")


def _architecture(text: str) -> Architecture:
    try:
        return Architecture(**_object(text, "architecture"))
    except TypeError as error:
        raise ValueError(f"its architecture is damaged: {error}") from None


def _check_tensors(entries: dict[str, Any], architecture: Architecture) -> int:
    """Return the bytes of all tensors, once each has its name, shape, dtype and place."""
    expected = shapes_of(architecture)
    if entries.keys() != expected.keys():
        differing = min(entries.keys() ^ expected.keys())
        raise ValueError(f"its weights do not fit its architecture: see {_short(differing)}")
    kinds = {_field(entry, "dtype", str) for entry in entries.values()}
    if len(kinds) != 1 or not kinds <= DTYPES.keys():
        raise ValueError(f"its weights are of type {_short(sorted(kinds))}, which is not read")
    size = DTYPES[kinds.pop()].itemsize
    places = []
    for name, entry in entries.items():
        shape = expected[name]
        if _field(entry, "shape", list) != list(shape):
            raise ValueError(f"its weight {name} has another shape than {shape}")
        places.append((_field(entry, "data_offsets", list), size * torch.Size(shape).numel()))
    return _end_of(places)


Kind = TypeVar("Kind", str, list[Any])


def _field(entry: object, key: str, kind: type[Kind]) -> Kind:
    value = entry.get(key) if isinstance(entry, dict) else None
    if type(value) is not kind:
        raise ValueError("its header is damaged")
    return value


def _end_of(places: list[tuple[list[Any], int]]) -> int:
    """Return where the tensors end, which lie side by side without a gap."""
    end = 0
    for place, _ in places:
        if [type(number) for number in place] != [int, int]:
            raise ValueError("its header is damaged")
    for place, size in sorted(places):
        if place != [end, end + size]:
            raise ValueError("its header is damaged: its weights overlap or leave gaps")
        end += size
    return end


def _short(value: object) -> str:
    """Quote what a file holds in one short line."""
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."


LONGEST_REASON = 250  # characters; part of it may come from the file


class NetworkFileError(ValueError):
    """The file is damaged or no network file; the message is one line that names it."""


def save_network(network: UNet, path: Path | str, *, overwrite: bool = False, **about: Any) -> None:
    """Write ``network`` to one file; ``about`` is added to what ``network.about`` says.

    An existing file is replaced only when ``overwrite`` is given, and then in one step.
    """
    described = {**network.about, **about, "versions": _versions()}
    weights = {
        name: weight.detach().cpu().contiguous() for name, weight in network.state_dict().items()
    }
    check_finite(weights, "the network is not saved")
    metadata = describe(network.architecture, described)
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
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not a file")
    start = file.read(8)
    text = file.read(header_length(start))
    header = read_header(text)
    expected = len(start) + len(text) + header.bytes_that_follow
    if status.st_size != expected:
        raise ValueError(f"it has {status.st_size} bytes and should have {expected}")
    data = start + text + file.read(header.bytes_that_follow)
    if len(data) != expected:
        raise ValueError("it became shorter while it was read")
    return data, header


def _digest(metadata: dict[str, str], weights: dict[str, torch.Tensor]) -> str:
    """Return the SHA-256 over everything a file says, in an order that does not matter to it."""
    names = sorted(weights)
    entries = sorted((key, value) for key, value in metadata.items() if key != "sha256")
    shapes = [(name, str(weights[name].dtype), list(weights[name].shape)) for name in names]
    digest = hashlib.sha256(json.dumps([entries, shapes]).encode("ascii") + b"\n")
    for name in names:
        digest.update(weights[name].view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


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
