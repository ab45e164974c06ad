"""NetworkChoice: a combo box of the networks of the session, the newest until somebody chooses."""

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy

from napari_unet.widgets.networks import KeptNetwork
from napari_unet.widgets.session import Session


class NetworkChoice(QComboBox):
    """Chooses one of the networks; follows those that are trained, opened or renamed."""

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._networks = session.networks
        self._chosen: str | None = None  # by a person
        self.setAccessibleName("Network")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.activated.connect(self._choose)
        self._networks.changed.connect(self.refresh)
        self.refresh()

    def value(self) -> KeptNetwork | None:
        """Return the chosen network."""
        name = self.currentData()
        return self._networks[name] if name is not None and name in self._networks else None

    def choose(self, name: str) -> None:
        """Choose the network called ``name`` and stay with it."""
        self._chosen = name
        self.refresh()

    def refresh(self) -> None:
        """Show the networks there are, the newest first."""
        kept = sorted(self._networks, key=lambda one: one.made, reverse=True)
        blocker = QSignalBlocker(self)
        self.clear()
        for one in kept:
            self.addItem(_title(one), one.name)
        if not kept:
            self.addItem("none yet", None)
        self.setCurrentIndex(max(self.findData(self._chosen), 0) if self._chosen else 0)
        self.setEnabled(bool(kept))
        blocker.unblock()
        self._tell()

    def _choose(self) -> None:
        self._chosen = self.currentData()
        self._tell()

    def _tell(self) -> None:
        kept = self.value()
        self.setToolTip(
            "There is no network yet: train one in Train, or load a file"
            if kept is None
            else _about(kept)
        )
        self.changed.emit()


def _title(kept: KeptNetwork) -> str:
    score = "" if kept.score is None else f"  ·  IoU {kept.score:.2f}"
    return f"{kept.name}{'' if kept.saved else ' (this session)'}{score}"


def _about(kept: KeptNetwork) -> str:
    """Return what the network takes and gives, and where it is."""
    network = kept.network
    channels = f"{network.channels} channel{'s' * (network.channels != 1)}"
    seen = "volumes" if network.dims == 3 else "planes"
    names = [str(one["name"]) for one in network.about.get("classes") or ()][1:]
    found = f" and finds {', '.join(names)}" if names else ""
    where = f"in {kept.path}" if kept.path else "not saved yet: Train ▸ Save…"
    return f"{kept.name}: sees {seen} of {channels}{found}; {where}"
