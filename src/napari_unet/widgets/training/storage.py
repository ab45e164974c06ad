"""Storage: what a run keeps of its layers, so that it can go on after a crash without them.

Labels as TIFF and pixels as .npy, which any program opens; files in folders are only referred to.
"""

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.core.axes import spatial_axes
from napari_unet.core.files.imagefile import open_image
from napari_unet.core.files.labelfile import write_labels
from napari_unet.core.files.runfolder import RunFolder
from napari_unet.core.files.safefile import new_file
from napari_unet.widgets.annotationlayer import Snapshot
from napari_unet.widgets.classes import LabelClass
from napari_unet.widgets.pixels import Pixels
from napari_unet.widgets.training.sources import FolderSource, LayerSource, Recipe, Source

DATA = "data"
SLAB = 2**25  # bytes written between two signs of life


def store(recipe: Recipe, run: RunFolder) -> Generator[str, None, None]:
    """Write copies of all layers into the folder of the run, and note what is where."""
    folder = run.path / DATA
    folder.mkdir()
    noted = []
    for place, source in enumerate(recipe.sources, start=1):
        if isinstance(source, FolderSource):
            noted.append(_of_folder(source))
            continue
        for _ in _write(source, folder, place):
            yield f"keeping a copy of {source.name}"
        noted.append(_of_layer(source, place))
    run.note(sources=noted)


def sources_of(facts: Mapping[str, Any], folder: Path) -> Iterator[Source]:
    """Return the sources that ``store`` noted in ``facts``."""
    for noted in facts["sources"]:
        if "folder" in noted:
            images, labels = (Path(path) for path in noted["folder"])
            yield FolderSource(images, labels, noted["role"], noted["zero"], noted["ids"])
        else:
            yield _layer(noted, folder / DATA)


def _write(source: LayerSource, folder: Path, place: int) -> Iterator[None]:
    taken = source.snapshot
    with new_file(folder / f"image-{place}.npy") as temporary:
        yield from write_slabs(temporary, taken.pixels.data)
    labels, axes = taken.labels, spatial_axes(taken.pixels.axes)
    write_labels(
        folder / f"labels-{place}.tif", labels, axes=axes, pixel_size=taken.pixels.pixel_size
    )
    yield


def write_slabs(path: Path, data: Any) -> Iterator[None]:
    """Write an array of any kind as .npy, a few of its planes or rows at a time."""
    each = max(SLAB // max(data.nbytes // max(data.shape[0], 1), 1), 1)
    header = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(data.dtype)),
        "fortran_order": False,
        "shape": tuple(int(edge) for edge in data.shape),
    }
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for first in range(0, data.shape[0], each):
            file.write(np.ascontiguousarray(data[first : first + each]).tobytes())
            yield


def _of_folder(source: FolderSource) -> dict[str, Any]:
    paths = [str(source.images.resolve()), str(source.labels.resolve())]
    return {"folder": paths, "role": source.role, "zero": source.zero, "ids": source.ids}


def _of_layer(source: LayerSource, place: int) -> dict[str, Any]:
    taken = source.snapshot
    return {
        "name": source.name,
        "labels_name": source.labels_name,
        "image": f"image-{place}.npy",
        "labels": f"labels-{place}.tif",
        "axes": taken.pixels.axes,
        "pixel_size": taken.pixels.pixel_size,
        "dtype": str(taken.labels.dtype),
        "role": source.role,
        "zero": taken.zero,
        "ids": taken.ids,
        "classes": [{"name": c.name, "color": c.color} for c in source.classes],
    }


def _layer(noted: Mapping[str, Any], folder: Path) -> LayerSource:
    axes, size = str(noted["axes"]), dict(noted["pixel_size"])
    data = np.load(folder / noted["image"], allow_pickle=False)
    data.setflags(write=False)
    found = open_image(folder / noted["labels"], spatial_axes(axes)).data
    labels = np.asarray(found[...]).astype(noted["dtype"])
    labels.setflags(write=False)
    taken = Snapshot(noted["name"], Pixels(data, axes, size), labels, noted["zero"], noted["ids"])
    classes = tuple(LabelClass(c["name"], c["color"]) for c in noted["classes"])
    return LayerSource(taken, noted["labels_name"], classes, noted["role"])
