"""The folder that a training leaves, in plain formats.

It holds ``settings.json`` and ``run.json`` (command, versions, data with their hashes),
``curve.csv``, ``checkpoints``, and ``network.safetensors`` as it was when the training ended or was
stopped.
"""

import csv
import hashlib
import json
import time
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from napari_unet.core.files.atomic_write import one_sentence, write_safely
from napari_unet.core.files.lock import holder_of, lock, unlock
from napari_unet.core.training.settings import TrainSettings

COLUMNS = ("step", "loss", "rate", "seconds", "score", "iou", "ap")
FLUSH = 0.5  # seconds; what a killed run may miss in its curve comes again when it is resumed
LOCK = "lock.json"


class RunFolder:
    """The folder of one run; within ``with`` it belongs to this process alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.network = path / "network.safetensors"
        self._curve: IO[str] | None = None
        self._flushed = 0.0

    @classmethod
    def beside(cls, output: Path) -> "RunFolder":
        """Return the folder that belongs to the network file ``output``."""
        return cls(output.with_name(f"{output.stem}.run"))

    def make(self) -> None:
        """Make the folder; one that is there belongs to another training."""
        if self.path.exists():
            raise FileExistsError(
                f"{self.path} holds a training that was begun before: go on with it with --resume, "
                "or choose another name with -o"
            )
        with one_sentence(self.path):
            self.path.mkdir()

    def __enter__(self) -> "RunFolder":
        holder = holder_of(self.path / LOCK) or lock(self.path / LOCK)
        if holder:
            raise FileExistsError(f"{self.path} is in use by {holder}: wait until it ends")
        return self

    def __exit__(self, *_: object) -> None:
        if self._curve:
            self._curve.close()
        unlock(self.path / LOCK)

    @property
    def in_use(self) -> bool:
        """Whether a process that is alive trains here."""
        return bool(holder_of(self.path / LOCK))

    def settings(self) -> TrainSettings:
        """Return the settings that the run began with."""
        file = self.path / "settings.json"
        if not file.is_file():
            raise FileNotFoundError(
                f"{self.path} holds no training to resume: {file.name} is missing"
            )
        return TrainSettings.from_json(file.read_text(encoding="utf-8"))

    def write_settings(self, settings: TrainSettings) -> None:
        """Write what decides the training."""
        write_safely(self.path / "settings.json", settings.to_json().encode(), overwrite=True)

    def facts(self) -> dict[str, Any]:
        """Return what ``note`` wrote."""
        file = self.path / "run.json"
        return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}

    def note(self, **facts: Any) -> None:
        """Add to ``run.json``."""
        text = json.dumps({**self.facts(), **facts}, indent=1, default=str)
        write_safely(self.path / "run.json", text.encode(), overwrite=True)

    def begin_curve(self, points: Iterable[Mapping[str, Any]] = ()) -> None:
        """Begin the curve with the ``points`` of a run that is resumed."""
        self._curve = (self.path / "curve.csv").open("w", newline="", encoding="utf-8")
        csv.writer(self._curve).writerow(COLUMNS)
        for point in points:
            self.add_point(point)

    def add_point(self, point: Mapping[str, Any]) -> None:
        """Add a row to the curve; floats are written so that they read back exactly."""
        assert self._curve is not None
        csv.writer(self._curve).writerow([_cell(point.get(name)) for name in COLUMNS])
        if time.monotonic() - self._flushed > FLUSH:
            self._curve.flush()
            self._flushed = time.monotonic()


def digest_of_file(path: Path) -> Generator[None, None, str]:
    """Return the SHA-256 of a file, or of all files of a folder such as a Zarr store, in order.

    It yields after every 16 MB, so that others may go first.
    """
    digest = hashlib.sha256()
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in files:
        if path.is_dir():
            digest.update(str(file.relative_to(path)).encode())
        with file.open("rb") as stream:
            while chunk := stream.read(2**24):
                digest.update(chunk)
                yield
    return digest.hexdigest()


def _cell(value: Any) -> str:
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)
