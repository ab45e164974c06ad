"""The list of trainings and networks of a session, each with its curves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import QPoint, QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QInputDialog,
    QMenu,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_unet.core.text import ago
from napari_unet.widgets.networks import KeptNetwork
from napari_unet.widgets.readers import open_network, save_network
from napari_unet.widgets.shared import messages
from napari_unet.widgets.train.image_list import (
    ask_for_network,
    ask_where_to_save,
    confirmed_by_user,
)
from napari_unet.widgets.train.trainings import Training, Trainings
from napari_unet.workflows.unfinished_runs import runs_folder

ROWS = 4  # visible without scrolling
HEIGHT = 20  # px of a row
NONE = "Choose a network in the list first"

Shown = Training | KeptNetwork


class NetworkList(QWidget):
    """The list and its buttons, which act on the chosen network."""

    chosen = Signal(object)  # Training, KeptNetwork or None
    go_on = Signal(str)  # train further from the network of this name

    def __init__(self, trainings: Trainings) -> None:
        super().__init__()
        self._trainings = trainings
        self._session = trainings.session
        self.tree = _tree()
        self.tree.currentItemChanged.connect(self._refresh_buttons)
        self.tree.customContextMenuRequested.connect(self._menu)
        self.further = _button("Train further", self._further)
        self.save = _button("Save…", self._save)
        self.open = _button("Open…", self._open)
        self.more = _button("⋯", self._more)
        self.open.setToolTip("Read a network file; those of earlier trainings are kept there")
        row = QHBoxLayout()
        for button in (self.further, self.save, self.open):
            row.addWidget(button, 1)
        row.addWidget(self.more)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tree)
        layout.addLayout(row)
        self._session.networks.changed.connect(self.refresh)
        trainings.changed.connect(self.refresh)
        self.refresh()

    def current(self) -> Shown | None:
        """Return the chosen training or network."""
        item = self.tree.currentItem()
        return None if item is None else self._entries().get(item.data(0, _KEY))

    def choose(self, name: str) -> None:
        """Choose the training or network called ``name``."""
        for place in range(self.tree.topLevelItemCount()):
            item = self.tree.topLevelItem(place)
            if item.data(0, _KEY) == name:
                self.tree.setCurrentItem(item)

    def refresh(self) -> None:
        """List what the session has; a chosen training stays chosen when it is a network."""
        item = self.tree.currentItem()
        before = None if item is None else item.data(0, _KEY)
        blocker = QSignalBlocker(self.tree)
        self.tree.clear()
        entries = self._entries()
        for name, entry in entries.items():
            self.tree.addTopLevelItem(_item(name, entry))
        blocker.unblock()
        self.tree.setFixedHeight(HEIGHT * (1 + min(len(entries), ROWS)) + 4)
        self.tree.setVisible(bool(entries))
        chosen = before if before in entries else next(iter(entries), None)
        if chosen is not None:
            self.choose(chosen)
        self._refresh_buttons()

    def _entries(self) -> dict[str, Shown]:
        """The trainings that run or wait, then the networks, the newest first."""
        entries: dict[str, Shown] = {t.name: t for t in self._trainings.running}
        for network in sorted(self._session.networks, key=lambda k: k.made, reverse=True):
            entries.setdefault(network.name, network)
        return entries

    def _refresh_buttons(self, *_: Any) -> None:
        shown = self.current()
        is_network = isinstance(shown, KeptNetwork)
        for button, tip in (
            (self.further, "Begin the next training with this network; this one stays as it is"),
            (self.save, "Write this network to a file of your choice"),
            (self.more, "Rename or remove this network"),
        ):
            button.setEnabled(is_network)
            training = isinstance(shown, Training)
            button.setToolTip(tip if is_network else "It is not trained yet" if training else NONE)
        self.chosen.emit(shown)

    def _kept(self) -> KeptNetwork | None:
        shown = self.current()
        return shown if isinstance(shown, KeptNetwork) else None

    def _further(self) -> None:
        network = self._kept()
        if network is not None:
            self.go_on.emit(network.name)

    def _save(self) -> None:
        network = self._kept()
        path = None if network is None else ask_where_to_save(self, network.name)
        if network is not None and path is not None:
            save_network(self._session, network.name, path, overwrite=True)

    def _open(self) -> None:
        path = ask_for_network(self, runs_folder())
        if path is not None:
            open_network(self._session, path)

    def _more(self) -> None:
        self._menu(self.tree.visualItemRect(self.tree.currentItem()).bottomLeft())

    def _menu(self, place: QPoint) -> None:
        if self._kept() is not None:
            menu = QMenu(self)
            menu.addAction("Rename…", self._rename)
            menu.addAction("Remove from this list", self._remove)
            menu.exec(self.tree.viewport().mapToGlobal(place))
            menu.deleteLater()

    def _rename(self) -> None:
        network = self._kept()
        if network is None:
            return
        name, accepted = QInputDialog.getText(self, "Rename network", "Name", text=network.name)
        if accepted and name.strip() and name != network.name:
            try:
                self._session.networks.change(network.name, name=name.strip())
            except ValueError as error:
                messages.problem(str(error))

    def _remove(self) -> None:
        network = self._kept()
        if network is None:
            return
        question = f"The network {network.name} is in no file and would be lost. Remove it?"
        if network.saved or confirmed_by_user(self, question):
            self._session.networks.remove(network.name)
            if network.path is not None:
                messages.info(f"The network '{network.name}' is still in {network.path}")


_KEY = Qt.ItemDataRole.UserRole


def _item(name: str, entry: Shown) -> QTreeWidgetItem:
    if isinstance(entry, Training):
        best = entry.best
        score = best.validation["iou"] if best and best.validation else None
        when = "training" if entry.begun else "waiting"
        path: Path | None = None
    else:
        score, when, path = entry.score, ago(entry.made), entry.path
    item = QTreeWidgetItem([name, "–" if score is None else f"{score:.2f}", when])
    item.setData(0, _KEY, name)
    item.setToolTip(0, f"{name}: kept in {path}" if path else name)
    item.setToolTip(1, "IoU of the best validation; – where nothing was validated on")
    return item


def _tree() -> QTreeWidget:
    tree = QTreeWidget()
    tree.setHeaderLabels(["network", "IoU", "made"])
    tree.setRootIsDecorated(False)
    tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
    tree.setAccessibleName("Networks in this session")
    header = tree.header()
    header.setStretchLastSection(False)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
    return tree


def _button(text: str, call: Callable[[], None]) -> QPushButton:
    button = QPushButton(text)
    button.clicked.connect(call)
    return button
