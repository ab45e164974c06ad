"""Network files of a session: read and written in the compute thread, told of in words."""

from functools import partial
from pathlib import Path
from typing import Any

from napari_unet.widgets.networks import KeptNetwork
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.job import Job
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.scheduler import Outcome, Urgency


def open_network(session: Session, path: Path) -> Job:
    """Read a network file into ``session``; a damaged or foreign one is refused in words."""
    job = session.start(partial(_load, path), Urgency.VIEW, f"Opening {path.name}")
    job.ended.connect(partial(_opened, session, path))
    return job


def save_network(session: Session, name: str, path: Path, overwrite: bool = False) -> Job:
    """Write the network called ``name`` to a file; an existing one only with ``overwrite``.

    What is written is the network of that moment, between two steps of a training.
    """
    kept = session.networks[name]
    work = partial(_save, kept.network, path, overwrite)
    job = session.start(work, Urgency.VIEW, f"Saving {path.name}")
    job.ended.connect(partial(_saved, session, name, path))
    return job


def _load(path: Path) -> Any:
    from napari_unet.core.network.network_file import load_network

    return load_network(path)


def _save(network: Any, path: Path, overwrite: bool) -> None:
    from napari_unet.core.network.network_file import save_network as write

    write(network, path, overwrite=overwrite)


def _opened(session: Session, path: Path, outcome: Outcome) -> None:
    if outcome.value is not None:
        kept = session.networks.add(KeptNetwork(path.stem, outcome.value, path=path))
        messages.info(
            f"The network '{kept.name}' is open: choose it in Segment, or train it further"
        )


def _saved(session: Session, name: str, path: Path, outcome: Outcome) -> None:
    if outcome.error is None and not outcome.stopped:
        if name in session.networks:
            session.networks.change(name, path=path)
        messages.info(f"The network '{name}' is saved in {path}")
