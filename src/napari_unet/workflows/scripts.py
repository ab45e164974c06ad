"""Copy as script: the Python that repeats a training, or a segmentation, from files.

What is in no file the script asks to be saved first.
"""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.core.arrays.axes import spatial_axes
from napari_unet.core.arrays.boxes import Pixels
from napari_unet.core.files.image_file import is_image, open_image
from napari_unet.core.training.settings import PRESETS, TrainSettings
from napari_unet.workflows.segment_request import LabelOptions, SegmentRequest
from napari_unet.workflows.training_sources import FileSource, Recipe, Source

TRAINING = '''"""Trains {name} as it was set up in napari on {day}."""

from napari_unet import FileSource, Recipe, TrainSettings, load_network, run_training

{notes}recipe = Recipe(
    {name!r},
    [
{sources}    ],
    {settings},
    hold_back={hold_back},
    device={device!r},
{network})
# the network will be {file!r}
for step in run_training(recipe, {folder!r}):
    if step.said or step.validation: print(step.number, step.loss, step.said, step.validation)
'''


def training_script(recipe: Recipe) -> str:
    """Return the script; compute thread, because it compares layers with their files."""
    notes: list[str] = []
    sources = "".join(f"        {_call(source, notes)},\n" for source in recipe.sources)
    network = "" if recipe.network is None else _continued(recipe, notes)
    return TRAINING.format(
        name=recipe.name,
        day=datetime.now().strftime("%d %b %Y").lstrip("0"),
        notes="".join(f"# {note}\n" for note in notes),
        sources=sources,
        settings=_settings(recipe.settings),
        hold_back=recipe.hold_back,
        device=recipe.device,
        network=network,
        folder=f"{recipe.name}.run",
        file=f"{recipe.name}.run/network.safetensors",
    )


def _call(source: Source, notes: list[str]) -> str:
    if isinstance(source, FileSource):
        arguments = [str(source.images), str(source.labels), source.role, source.zero, source.ids]
        return f"FileSource({', '.join(map(repr, arguments))})"
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
    arguments = [image, labels, source.role, taken.zero, taken.ids, axes]
    return f"FileSource({', '.join(map(repr, arguments))})"


def _file(path: Path | None, data: Pixels, axes: str) -> str:
    """Return the path if the file there still holds ``data``; a layer may have been edited."""
    if path is None or not is_image(path):
        return ""
    try:
        pixels = open_image(path, axes).data
        same = pixels.shape == tuple(data.shape) and np.array_equal(pixels[...], np.asarray(data))
    except (ValueError, OSError, TypeError):
        return ""
    return str(path.resolve()) if same else ""


def _continued(recipe: Recipe, notes: list[str]) -> str:
    path = recipe.before_path
    file = str(path) if path is not None else f"{recipe.before}.safetensors"
    if path is None:
        notes.append(f"Save the network '{recipe.before}' as {file!r} first.")
    return f"    network=load_network({file!r}),\n"


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
    request: SegmentRequest, options: LabelOptions, image: Path | None, network: Path | None
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
        objects=_objects(options, request),
        output=f"{Path(file).stem}_labels.tif",
    )


def _objects(options: LabelOptions, request: SegmentRequest) -> str:
    if not options.objects:
        return "False"
    dims, axes = request.network.dims, len(request.pixels.axes.replace("C", ""))
    joined = options.joins(dims, axes)
    fields: dict[str, Any] = {
        "threshold": options.threshold,
        "min_area": options.min_area,
        "holes": options.holes,
        "split": options.split,
        "give_back": not joined,
        "dims": 3 if joined else dims,
    }
    return f"ObjectSettings({', '.join(f'{name}={value!r}' for name, value in fields.items())})"


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
