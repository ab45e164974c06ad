"""Opens samples and network files from napari's File menu, and saves networks."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
import numpy as np

from napari_unet import samples
from napari_unet.widgets.layers.layers import NOTES
from napari_unet.widgets.networks import KeptNetwork
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.job import Job
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.scheduler import Outcome, Urgency

if TYPE_CHECKING:
    from napari_unet.core.network.unet import UNet


def open_network(session: Session, path: Path) -> Job:
    """Read a network file into ``session``; report a damaged or foreign one."""
    job = session.start(partial(_load, path), Urgency.VIEW, f"Opening {path.name}")
    job.ended.connect(partial(_opened, session, path))
    return job


def save_network(session: Session, name: str, path: Path, overwrite: bool = False) -> Job:
    """Write the network called ``name`` to a file; an existing one only with ``overwrite``.

    During a training, the network is written as it is between two steps.
    """
    network = session.networks[name]
    work = partial(_save, network.network, path, overwrite)
    job = session.start(work, Urgency.VIEW, f"Saving {path.name}")
    job.ended.connect(partial(_saved, session, name, path))
    return job


FOREIGN = (".pt", ".pth")  # state dicts of PyTorch


def _load(path: Path) -> "UNet":
    if path.suffix in FOREIGN:
        from napari_unet.core.network.import_state_dict import convert_state_dict

        return convert_state_dict(path)
    from napari_unet.core.network.network_file import load_network

    return load_network(path)


def _save(network: "UNet", path: Path, overwrite: bool) -> None:
    from napari_unet.core.network.network_file import save_network as write

    write(network, path, overwrite=overwrite)


def _opened(session: Session, path: Path, outcome: Outcome) -> None:
    if outcome.value is None:
        return
    foreign = path.suffix in FOREIGN
    kept = KeptNetwork(path.stem, outcome.value, path=None if foreign else path)
    name = session.networks.add(kept).name
    more = "; save it in Train to keep it as a network file" if foreign else ""
    messages.info(f"The network '{name}' is open: choose it in Segment, or train it further{more}")


def _saved(session: Session, name: str, path: Path, outcome: Outcome) -> None:
    if outcome.error is None and not outcome.stopped:
        if name in session.networks:
            session.networks.change(name, path=path)
        messages.info(f"The network '{name}' is saved in {path}")


LayerData = tuple[Any, ...]  # (data, arguments of the layer, its type)


def open_sample(name: str) -> list[LayerData]:
    """Return the image of a sample, and its true objects as a hidden layer below."""
    sample = samples.load(name)
    spatial = sample.axes.replace("C", "")
    sizes = [sample.pixel_size.get(axis) for axis in spatial]
    geometry: dict[str, Any] = {"axis_labels": tuple(spatial.lower())}
    if all(size is not None for size in sizes):
        geometry |= {"scale": sizes, "units": ("micrometer",) * len(sizes)}
    image = {
        "name": name,
        "rgb": sample.axes.endswith("C"),
        "metadata": {
            "about": sample.about,
            "licence": sample.licence,
            NOTES: {"axes": sample.axes},
        },
        **geometry,
    }
    truth = {
        "name": f"{name} truth",
        "visible": False,
        "metadata": {NOTES: {"zero": "background", "ids": "objects"}},
        **geometry,
    }
    return [(_small(sample.labels), truth, "labels"), (np.array(sample.image), image, "image")]


nuclei = partial(open_sample, "nuclei")
nuclei_2 = partial(open_sample, "nuclei-2")
nuclei_test = partial(open_sample, "nuclei-test")
cells = partial(open_sample, "cells")
cells_test = partial(open_sample, "cells-test")
nuclei_3d = partial(open_sample, "nuclei-3d")
synthetic = partial(open_sample, "synthetic")


def get_reader(path: str | list[str]) -> Callable[[Any], list[LayerData]] | None:
    """Return the reader of network files, or None for a path that is none."""
    paths = [path] if isinstance(path, str) else path
    ours = all(Path(one).suffix in (".safetensors", *FOREIGN) for one in paths)
    return _read_networks if ours else None


def _read_networks(path: str | list[str]) -> list[LayerData]:
    """Open networks into the session of the viewer; there is no layer to add."""
    viewer = napari.current_viewer()
    if viewer is None:
        raise ValueError("a network file is opened in a napari window: start napari first")
    for one in [path] if isinstance(path, str) else path:
        open_network(Session.of(viewer), Path(one))
    return [(None,)]  # tells napari that there is no layer to add


def _small(labels: np.ndarray) -> np.ndarray:
    """Return a copy in 8 or 16 bits where the ids fit: napari draws it a hundred times faster."""
    return labels.astype(np.min_scalar_type(int(labels.max(initial=0))))
