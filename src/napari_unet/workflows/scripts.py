"""Script: the Python that repeats a training from files; what is in no file it asks to be saved.

Script: the Python that repeats a segmentation; what is in no file it asks to be saved.
"""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.core.arrays.axes import spatial_axes
from napari_unet.core.files.image_file import is_image, open_image
from napari_unet.core.training.settings import PRESETS, TrainSettings
from napari_unet.workflows.segment_request import LabelOptions, SegmentRequest
from napari_unet.workflows.training_sources import FolderSource, Recipe, Source

HEAD = '''"""Trains {name} as it was set up in napari on {day}."""

from dataclasses import replace
from pathlib import Path

import torch

from napari_unet import Annotation, TrainSettings, UNet, adapt, choose_device, hold_back
from napari_unet import load_network, open_image, save_network, train
from napari_unet.core.files.file_pairs import pair_files


def layer(image, axes, labels, label_axes, zero, ids):
    pixels, values = open_image(image, axes), open_image(labels, label_axes)
    return [Annotation(pixels.data, values.data, axes=axes, zero=zero, ids=ids)]


def folder(images, labels, zero, ids):
    pairs, _ = pair_files(Path(images), Path(labels))
    files = [(open_image(pair.first), open_image(pair.second)) for pair in pairs]
    return [Annotation(i.data, v.data, axes=i.axes, zero=zero, ids=ids) for i, v in files]


'''
NEW = """
torch.manual_seed(settings.seed)
network = UNet(
    channels, classes, settings.base, settings.depth, settings.dims,
    settings.dropout, settings.norm, settings.skips,
)
"""
CONTINUED = """
network = load_network({file!r})
if (channels, max(classes, network.classes)) != (network.channels, network.classes):
    network, _ = adapt(network, channels=channels, classes=max(classes, network.classes))
settings = replace(settings, **network.about["normalisation"])
"""
HELD = """
held = hold_back(annotations, settings.depth, settings.dims, settings.seed)
annotations, validation = list(held.train), list(held.validation)
"""
COUNTED = """
channels = annotations[0].channels
classes = max(2, *(found.class_count for found in [*annotations, *validation]))
"""
TAIL = """
network.to(choose_device({device!r}))
for step in train(network, annotations, settings, validation=validation):
    if step.said or step.validation: print(step.number, step.loss, step.said, step.validation)
save_network(network, {file!r})
"""


def training_script(recipe: Recipe) -> str:
    """Return the script; compute thread, because it compares layers with their files."""
    notes: list[str] = []
    train = _listed("annotations", recipe.with_role("train"), notes)
    held = _listed("validation", recipe.with_role("validate"), notes)
    network = NEW if recipe.network is None else _continued(recipe, notes)
    holds = recipe.hold_back and not recipe.with_role("validate")
    return "".join(
        [
            HEAD.format(name=recipe.name, day=datetime.now().strftime("%d %b %Y").lstrip("0")),
            "".join(f"# {note}\n" for note in notes),
            train,
            held,
            f"settings = {_settings(recipe.settings)}\n",
            HELD if holds else "",
            COUNTED,
            network,
            TAIL.format(device=recipe.device, file=f"{recipe.name}.safetensors"),
        ]
    )


def _listed(name: str, sources: list[Source], notes: list[str]) -> str:
    if not sources:
        return f"{name} = []\n"
    lines = "".join(f"    *{_call(source, notes)},\n" for source in sources)
    return f"{name} = [\n{lines}]\n"


def _call(source: Source, notes: list[str]) -> str:
    if isinstance(source, FolderSource):
        given = [str(source.images), str(source.labels), source.zero, source.ids]
        return f"folder({', '.join(map(repr, given))})"
    taken = source.snapshot
    axes, letters = taken.pixels.axes, spatial_axes(taken.pixels.axes)
    image = _file(source.image_path, taken.pixels.data, axes)
    if not image:
        image = f"{source.name}.tif"
        notes.append(f"Save the layer '{source.name}' as {image!r} first: it is in no file.")
    labels = _file(source.labels_path, taken.labels, letters)
    if not labels:
        labels = f"{source.labels_name}.tif"
        notes.append(f"Save the layer '{source.labels_name}' as {labels!r} first, as it is now.")
    given = [image, axes, labels, letters, taken.zero, taken.ids]
    return f"layer({', '.join(map(repr, given))})"


def _file(path: Path | None, data: Any, axes: str) -> str:
    """Return the path if the file there still holds ``data``; a layer may have been edited."""
    if path is None or not is_image(path):
        return ""
    try:
        found = open_image(path, axes).data
        same = found.shape == tuple(data.shape) and np.array_equal(found[...], np.asarray(data))
    except (ValueError, OSError, TypeError):
        return ""
    return str(path.resolve()) if same else ""


def _continued(recipe: Recipe, notes: list[str]) -> str:
    path = recipe.before_path
    file = str(path) if path is not None else f"{recipe.before}.safetensors"
    if path is None:
        notes.append(f"Save the network '{recipe.before}' as {file!r} first.")
    return CONTINUED.format(file=file)


def _settings(settings: TrainSettings) -> str:
    """Write the settings as the preset they differ least from, with what was changed."""
    mine = asdict(settings)
    differences = {
        name: {
            key: mine[key]
            for key, value in asdict(TrainSettings.preset(name)).items()
            if mine[key] != value
        }
        for name in PRESETS
    }
    name = min(differences, key=lambda preset: len(differences[preset]))
    changes = "".join(f", {key}={value!r}" for key, value in differences[name].items())
    return f"TrainSettings.preset({name!r}{changes})"


BODY = '''"""Segments {name} as in napari."""

from pathlib import Path

from napari_unet import ObjectSettings, choose_device, load_network, open_image, segment
from napari_unet import write_labels

{notes}network = load_network(Path({network!r})).to(choose_device({device!r}))
image = open_image({image!r}, {axes!r})
found = segment(
    image.data{part}, network, axes=image.axes, pixel_size=image.pixel_size,
    average={average!r}, tile={tile!r},
    objects={objects},
)
write_labels(
    {output!r}, found.labels, axes=image.axes.replace("C", ""), pixel_size=image.pixel_size
)
'''


def segmentation_script(
    request: SegmentRequest, look: LabelOptions, image: Path | None, network: Path | None
) -> str:
    """Return the script; ``image`` and ``network`` are the files that hold them, if any.

    A part of the image is cut out of it before it is segmented.
    """
    notes = []
    network_file = str(network.resolve()) if network else f"{request.network_name}.safetensors"
    if network is None:
        notes.append(f"# Save the network '{request.network_name}' as {network_file!r} first.\n")
    file = str(image.resolve()) if image else f"{request.name}.tif"
    if image is None:
        notes.append(f"# Save the layer '{request.name}' as {file!r} first: it is in no file.\n")
    part = _part(request)
    if part:
        notes.append("# Only a part is segmented, which is mirrored at its own border here.\n")
    return BODY.format(
        name=request.name,
        notes="".join(notes),
        network=network_file,
        device=request.machine.device,
        image=file,
        axes=request.pixels.axes,
        part=part,
        average=request.average,
        tile=request.tile,
        objects=_objects(look, request),
        output=f"{Path(file).stem}_labels.tif",
    )


def _objects(look: LabelOptions, request: SegmentRequest) -> str:
    if not look.objects:
        return "False"
    dims, axes = request.network.dims, len(request.pixels.axes.replace("C", ""))
    joined = look.joins(dims, axes)
    given: dict[str, Any] = {
        "threshold": look.threshold,
        "min_area": look.min_area,
        "holes": look.holes,
        "split": look.split,
        "give_back": not joined,
        "dims": 3 if joined else dims,
    }
    return f"ObjectSettings({', '.join(f'{name}={value!r}' for name, value in given.items())})"


def _part(request: SegmentRequest) -> str:
    region = request.part.region
    if region is None:
        return ""
    parts = iter(region)
    cuts = [
        ":" if letter == "C" else "{0.start}:{0.stop}".format(next(parts))
        for letter in request.pixels.axes
    ]
    return f"[{', '.join(cuts)}]"
