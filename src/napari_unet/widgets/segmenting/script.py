"""Script: the Python that repeats a segmentation; what is in no file it asks to be saved."""

from pathlib import Path
from typing import Any

from napari.layers import Image

from napari_unet.widgets.networks import KeptNetwork
from napari_unet.widgets.segmenting.request import Look, Request

BODY = '''"""Segments {name} as in napari."""

from pathlib import Path

from napari_unet import load_network, segment
from napari_unet.core.device import choose_device
from napari_unet.core.files.imagefile import open_image
from napari_unet.core.files.labelfile import write_labels
from napari_unet.core.objects import ObjectSettings

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


def script_of(image: Image, kept: KeptNetwork, request: Request, look: Look) -> str:
    """Return the script; a part of the image is cut out of it before it is segmented."""
    notes = []
    network = str(kept.path.resolve()) if kept.path else f"{kept.name}.safetensors"
    if kept.path is None:
        notes.append(f"# Save the network '{kept.name}' as {network!r} first.\n")
    source = getattr(image.source, "path", None)
    file = str(Path(source).resolve()) if source else f"{image.name}.tif"
    if not source:
        notes.append(f"# Save the layer '{image.name}' as {file!r} first: it is in no file.\n")
    part = _part(request)
    if part:
        notes.append("# Only a part is segmented, which is mirrored at its own border here.\n")
    return BODY.format(
        name=image.name,
        notes="".join(notes),
        network=network,
        device=request.machine.device,
        image=file,
        axes=request.pixels.axes,
        part=part,
        average=request.average,
        tile=request.tile,
        objects=_objects(look, request),
        output=f"{Path(file).stem}_labels.tif",
    )


def _objects(look: Look, request: Request) -> str:
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


def _part(request: Request) -> str:
    region = request.part.region
    if region is None:
        return ""
    parts = iter(region)
    cuts = [
        ":" if letter == "C" else "{0.start}:{0.stop}".format(next(parts))
        for letter in request.pixels.axes
    ]
    return f"[{', '.join(cuts)}]"
