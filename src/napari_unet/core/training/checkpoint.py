"""Checkpoints: everything a training needs to go on as if it had never stopped.

Each is a folder of tensors, facts, and a manifest with the digests of both. The manifest is written
last, and a folder without one does not count. Two are kept, and the older ones are removed only
after the new one is complete, so that there is a valid one whenever the power fails.
"""

import hashlib
import json
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from napari_unet import __version__
from napari_unet.core.files.atomic_write import one_sentence, write_safely
from napari_unet.core.training.snapshot import Snapshot
from napari_unet.core.training.step import TrainingProgress

FORMAT = 1
KEPT = 2
TENSORS, FACTS, MANIFEST = "tensors.safetensors", "facts.json", "manifest.json"
LARGEST_JSON = 2**26  # bytes; what is larger was never written here


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A checkpoint read back, with what was wrong with newer ones."""

    snapshot: Snapshot
    facts: Mapping[str, Any]  # what the training was told: see ``Trainer``
    damaged: tuple[str, ...]  # sentences


class Checkpoints:
    """The checkpoints in ``folder``, which is made when the first one is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, snapshot: Snapshot, facts: Mapping[str, Any]) -> Path:
        """Write ``snapshot`` as the newest checkpoint, then remove those that are not needed."""
        place = self.folder / f"{snapshot.progress.number:09d}"
        if _is_whole(place):  # the one that was resumed from
            return place
        shutil.rmtree(place, ignore_errors=True)  # one that was cut short or damaged
        with one_sentence(place):
            place.mkdir(parents=True)
        written = {**facts, "progress": snapshot.progress.to_dict(), "versions": versions()}
        contents = {TENSORS: _tensors(snapshot), FACTS: json.dumps(written).encode()}
        for name, data in contents.items():
            write_safely(place / name, data)
        files = {name: _digest(data) for name, data in contents.items()}
        manifest = json.dumps({"format": FORMAT, "files": files}).encode()
        write_safely(place / MANIFEST, manifest)
        self._remove_older(place)
        return place

    def newest(self) -> Checkpoint:
        """Read the newest checkpoint that is whole; newer ones that are not are named."""
        damaged = []
        for place in reversed(self._committed()):
            try:
                snapshot, facts = _read(place)
            except (OSError, ValueError, KeyError, TypeError) as error:
                damaged.append(f"the checkpoint {place} is damaged ({_words(error)})")
            else:
                return Checkpoint(snapshot, facts, tuple(damaged))
        reason = "; ".join(damaged) or "it holds none"
        raise ValueError(f"no checkpoint in {self.folder} can be resumed: {reason}")

    def exist(self) -> bool:
        """Tell whether a training has written here."""
        return bool(self._committed())

    def _committed(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(p for p in self.folder.iterdir() if (p / MANIFEST).is_file())

    def _remove_older(self, newest: Path) -> None:
        """Keep the newest two; remove manifests first, so that a half removed one never counts."""
        others = [place for place in self._committed() if place < newest]
        kept = {newest, *others[len(others) - (KEPT - 1) :]}
        for place in self.folder.iterdir():
            if place not in kept and place.name.isdigit():
                (place / MANIFEST).unlink(missing_ok=True)
                shutil.rmtree(place, ignore_errors=True)


def versions() -> dict[str, Any]:
    """Return what the exact numbers of a training depend on besides its settings."""
    return {
        "napari_unet": __version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "processor": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }


def _tensors(snapshot: Snapshot) -> bytes:
    best = {f"best.{name}": tensor for name, tensor in snapshot.best.items()}
    named = {**snapshot.tensors, **best, "curve": snapshot.progress.curve_tensor()}
    return safetensors.torch.save({name: t.contiguous() for name, t in named.items()})


def _digest(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _is_whole(place: Path) -> bool:
    try:
        _read(place)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True


def _read(place: Path) -> tuple[Snapshot, dict[str, Any]]:
    manifest = _json(_bytes(place / MANIFEST, LARGEST_JSON))
    if manifest["format"] != FORMAT:
        raise ValueError(f"its format is {manifest['format']}, and this version reads {FORMAT}")
    contents = {name: _checked(place / name, manifest["files"][name]) for name in (TENSORS, FACTS)}
    facts = _json(contents[FACTS])
    try:
        named = safetensors.torch.load(contents[TENSORS])
    except safetensors.SafetensorError as error:
        raise ValueError(str(error)) from None
    progress = TrainingProgress.from_dict(facts["progress"], named.pop("curve"))
    best = {n.removeprefix("best."): t for n, t in named.items() if n.startswith("best.")}
    tensors = {n: t for n, t in named.items() if not n.startswith("best.")}
    return Snapshot(tensors, progress, best), facts


def _checked(path: Path, expected: dict[str, Any]) -> bytes:
    data = _bytes(path, int(expected["bytes"]))
    if _digest(data) != expected:
        raise ValueError(f"{path.name} does not match its digest")
    return data


def _bytes(path: Path, limit: int) -> bytes:
    size = path.stat().st_size
    if size > limit:
        raise ValueError(f"{path.name} has {size} bytes, more than the {limit} it may have")
    return path.read_bytes()


def _json(data: bytes) -> dict[str, Any]:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")
    return content


def _words(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
