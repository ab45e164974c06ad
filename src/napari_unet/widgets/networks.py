"""The networks of a session, each with its name, history and score."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_unet.core.training.settings import TrainSettings


@dataclass(frozen=True, eq=False)
class KeptNetwork:
    """A network of the session; its weights are used in the compute thread only."""

    name: str
    network: Any  # a UNet, whose type would import torch here
    score: float | None = None  # IoU on the validation annotations, or None
    settings: TrainSettings | None = None  # it was trained with
    steps: tuple[Any, ...] = ()  # Steps of its trainings, for the curves
    path: Path | None = None  # the file that holds it as it is now
    made: datetime = field(default_factory=datetime.now)

    @property
    def saved(self) -> bool:
        """Whether a file has the network as it is now."""
        return self.path is not None


class Networks(QObject):
    """The networks of a session, the oldest first; names are unique."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[str, KeptNetwork] = {}

    def __iter__(self) -> Iterator[KeptNetwork]:
        return iter(tuple(self._kept.values()))

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, name: str) -> bool:
        return name in self._kept

    def __getitem__(self, name: str) -> KeptNetwork:
        return self._kept[name]

    def get(self, name: str) -> KeptNetwork | None:
        """Return the network called ``name``, None when there is none."""
        return self._kept.get(name)

    @property
    def newest(self) -> KeptNetwork | None:
        """The one added or changed last."""
        return max(self._kept.values(), key=lambda kept: kept.made, default=None)

    def free_name(self, stem: str) -> str:
        """Return ``stem``-1, or the first number above it that no network has."""
        number = 1
        while f"{stem}-{number}" in self._kept:
            number += 1
        return f"{stem}-{number}"

    def add(self, network: KeptNetwork) -> KeptNetwork:
        """Add ``network``, under another name if its own is taken, and return what is kept."""
        if network.name in self._kept:
            network = replace(network, name=self.free_name(network.name))
        self._kept[network.name] = network
        self.changed.emit()
        return network

    def change(self, name: str, /, **changes: Any) -> KeptNetwork:
        """Replace fields of the network called ``name``; a new name must be free."""
        network = replace(self._kept[name], **changes)
        if network.name != name and network.name in self._kept:
            raise ValueError(f"there is a network called '{network.name}' already: choose another")
        self._kept = {
            (network.name if old == name else old): (network if old == name else other)
            for old, other in self._kept.items()
        }
        self.changed.emit()
        return network

    def remove(self, name: str) -> None:
        """Forget the network called ``name``; its file, if it has one, stays."""
        del self._kept[name]
        self.changed.emit()
