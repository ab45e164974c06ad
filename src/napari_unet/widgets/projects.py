"""Opens and saves project folders: images, annotations, networks and strokes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from napari.layers import Image, Labels
from napari.viewer import Viewer

from napari_unet.core.annotation.label_codes import LabelClass, LabelCode
from napari_unet.core.files.image_file import ImageFile
from napari_unet.widgets.annotate.undo_follower import UndoFollower
from napari_unet.widgets.layers.annotation_layers import DEFAULT_CLASSES, new_annotation_layer
from napari_unet.widgets.layers.coordinates import from_layer, labels_shape, pixels_of
from napari_unet.widgets.layers.label_classes import classes_of, code_of
from napari_unet.widgets.layers.layers import NOTES
from napari_unet.widgets.live.taught_networks import LastTaught
from napari_unet.widgets.readers import open_network, save_network
from napari_unet.widgets.recovery.autosave import Autosave
from napari_unet.widgets.recovery.restore import facts_of, restore
from napari_unet.widgets.shared import messages
from napari_unet.widgets.shared.session import Session
from napari_unet.workflows.confirmed_pixels import Confirmed
from napari_unet.workflows.project_folder import (
    FACTS,
    NETWORKS,
    SUFFIX,
    KeptAnnotation,
    KeptImage,
    Project,
    is_project,
)

IN_MEMORY = 2**30  # bytes; a larger image is read where it is looked at


def get_project_reader(path: str | list[str]) -> Callable[[Any], list[Any]] | None:
    """Return the reader of project folders, or None for a path that is none."""
    if isinstance(path, list):
        return None
    folder = Path(path).parent if Path(path).name == FACTS else Path(path)
    return _read if is_project(folder) else None


def write_project(path: str, data: list[Any]) -> list[str]:
    """Save annotations, images and networks of the window as a project; called by napari."""
    viewer = napari.current_viewer()
    if viewer is None:
        raise ValueError("a project is saved from a napari window: start napari first")
    try:
        return [str(one) for one in save_project(viewer, Path(path))]
    except ValueError as error:  # which napari takes for "this is not my kind of file"
        raise OSError(str(error)) from error


def _read(path: str) -> list[Any]:
    viewer = napari.current_viewer()
    if viewer is None:
        raise ValueError("a project is opened in a napari window: start napari first")
    folder = Path(path).parent if Path(path).name == FACTS else Path(path)
    open_project(viewer, folder)
    return [(None,)]


def open_project(viewer: Viewer, folder: Path) -> Project:
    """Open images, annotations and networks, and continue the journal of the project."""
    session = Session.of(viewer)
    autosave = Autosave.of(session)
    project = Project.open(folder)
    strokes = project.strokes.strokes if project.strokes is not None else 0
    images: dict[str, Image] = {}
    for image in project.images:
        try:
            images[image.name] = _add_image(viewer, image, project.image(image.name))
        except (OSError, ValueError) as error:
            messages.problem(f"An image of the project is missing: {error}")
    keys: dict[Labels, str] = {}
    for one in project.annotations:
        if one.image in images:
            layer = _add_labels(session, images[one.image], one, project)
            keys[layer] = one.name
    names = {one.name for one in project.annotations}
    new = project.strokes.annotations.items() if project.strokes is not None else ()
    for key, restored in [(key, replayed) for key, replayed in new if key not in names]:
        keys[restore(session, restored)] = key
    _take_over(session, autosave, project, keys)
    for network in project.networks:
        open_network(session, network)
    if strokes:
        messages.info(f"{strokes} strokes painted after the last saving were restored")
    return project


def save_project(viewer: Viewer, folder: Path) -> list[Path]:
    """Save the window as a project: the open one, or a new one in ``folder``."""
    session = Session.of(viewer)
    autosave = Autosave.of(session)
    folder = folder if folder.suffix == SUFFIX else folder.with_name(folder.name + SUFFIX)
    pairs = list(session.pairs)
    if not pairs:
        raise ValueError("there is no annotation to save: make one in Annotate first")
    again = autosave.project is not None and autosave.project.folder == folder
    project = autosave.project if again and autosave.project is not None else Project.create(folder)
    autosave.flush()
    images, annotations = [], []
    for pair in pairs:
        pixels = pixels_of(pair.image)
        source = Path(pair.image.source.path) if pair.image.source.path else None
        own = str(source) if source is not None and source.exists() else ""
        image = KeptImage(pair.image.name, own, pixels.axes, pixels.pixel_size)
        images.append(project.place(pixels.data, image))
        annotations.append(_kept(pair.image, pair.labels, pixels.axes, pair.role))
    confirmed = {
        pair.labels.name: UndoFollower.of(pair.labels, session).confirming.pixels for pair in pairs
    }
    project.save(images, annotations, confirmed)
    _take_over(session, autosave, project, {pair.labels: pair.labels.name for pair in pairs})
    rooms = [folder / FACTS, *(folder / one.file for one in project.annotations)]
    return rooms + _save_networks(session, folder / NETWORKS)


def _take_over(
    session: Session, autosave: Autosave, project: Project, keys: dict[Labels, str]
) -> None:
    """Write strokes to the journal of the project from now on."""
    data = {key: labels.data for labels, key in keys.items()}
    facts = {key: facts_of(session, labels) for labels, key in keys.items()}
    confirmed = {
        key: UndoFollower.of(labels, session).confirming.pixels for labels, key in keys.items()
    }
    autosave.flush()
    autosave.move(project.journal(data, facts, confirmed), project, keys)


def _add_image(viewer: Viewer, entry: KeptImage, file: ImageFile) -> Image:
    data = file.data
    if int(np.prod(data.shape, dtype=object)) * np.dtype(data.dtype).itemsize <= IN_MEMORY:
        data = np.asarray(data[...])
    rgb = file.axes.endswith("C") and data.shape[-1] in (3, 4)
    axes = file.axes[:-1] if rgb else file.axes
    options: dict[str, Any] = {"rgb": rgb, "axis_labels": tuple(axes.lower())}
    if all(axis in entry.pixel_size for axis in axes):
        options |= {"scale": [entry.pixel_size[axis] for axis in axes]}
        options |= {"units": ("micrometer",) * len(axes)}
    image = Image(data, name=entry.name, metadata={NOTES: {"axes": entry.axes}}, **options)
    image._source = image.source.model_copy(update={"path": str(file.path)})
    viewer.add_layer(image)
    return image


def _add_labels(session: Session, image: Image, one: KeptAnnotation, project: Project) -> Labels:
    classes = [LabelClass(c["name"], c["color"]) for c in one.classes] or DEFAULT_CLASSES
    data = project.labels(one.name).reshape(labels_shape(image))
    code = LabelCode(one.zero, one.ids)
    layer = new_annotation_layer(session.viewer, image, classes=classes, data=data, code=code)
    layer.name = one.name
    confirmed = project.confirmed(one.name)
    if confirmed is not None:
        UndoFollower.of(layer, session).confirm(Confirmed.of(confirmed.reshape(data.shape)))
    session.pairs.set_role(image, one.role)
    return layer


def _kept(image: Image, labels: Labels, axes: str, role: str) -> tuple[KeptAnnotation, np.ndarray]:
    code = code_of(labels)
    classes = tuple({"name": c.name, "color": c.color} for c in classes_of(labels))
    annotation = KeptAnnotation(
        labels.name, image.name, axes.replace("C", ""), zero=code.zero, ids=code.ids,
        classes=classes, role=role,
    )  # fmt: skip
    return annotation, np.asarray(from_layer(image, labels))


def _save_networks(session: Session, folder: Path) -> list[Path]:
    """Save the networks that are not in the project yet; a message follows for each."""
    folder.mkdir(exist_ok=True)
    saved, live = [], LastTaught.of(session).enlist()
    for network in session.networks:
        path = folder / f"{network.name}.safetensors"
        outdated = network.name == live and not network.saved
        if not path.exists() or outdated:
            save_network(session, network.name, path, overwrite=outdated)
            saved.append(path)
    return saved
