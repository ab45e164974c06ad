"""The files that the segmentation of an image makes: names, refusals, and the last writing.

They appear whole, labels last, out of a store in which every tile is done.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import zarr

from napari_unet.core.arrays.axes import spatial_axes
from napari_unet.core.arrays.boxes import Pixels
from napari_unet.core.files.atomic_write import check_free, one_sentence, settle_folder, take_name
from napari_unet.core.files.image_file import SUFFIXES, ImageFile
from napari_unet.core.files.label_file import write_tiff
from napari_unet.core.files.ome_zarr import complete, levels_of, write_ome_zarr
from napari_unet.core.objects.label_objects import ObjectSettings, label_objects_tiled
from napari_unet.core.objects.object_table import ObjectTable
from napari_unet.core.segmentation.tile_store import DiskStore, LabelStore

FORMS = {"tiff": ".tif", "ome-zarr": ".zarr"}


@dataclass(frozen=True)
class Outputs:
    """What is made of each image, and where."""

    folder: Path
    form: str = "tiff"
    scores: bool = False
    objects: ObjectSettings | None = None
    threshold: float = 0.5
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(f"the format is '{self.form}': choose one of {', '.join(FORMS)}")
        ObjectSettings(threshold=self.threshold)  # refuses one that is none

    def paths(self, image: Path) -> dict[str, Path]:
        """Return the files made of ``image``: labels, and scores, objects, table where wanted."""
        wanted = ["labels", *["scores"] * self.scores, *["objects"] * bool(self.objects)]
        suffix, stem = FORMS[self.form], stem_of(image)
        files = {what: self.folder / f"{stem}_{what}{suffix}" for what in wanted}
        return files | ({"table": self.folder / f"{stem}_objects.csv"} if self.objects else {})

    def check(self, image: Path) -> None:
        """Refuse to write over what is there, unless that was asked for."""
        for path in self.paths(image).values():
            check_free(path, self.overwrite)

    def partial(self, image: Path) -> Path:
        """Return the folder in which a large image is kept while it is segmented."""
        return self.folder / f"{stem_of(image)}.partial"


def stem_of(path: Path) -> str:
    """Return the name without what says how it is stored: "cells" of "cells.ome.tif"."""
    stem = path.name
    for suffix in (path.suffix, ".ome"):
        if suffix.lower() in (*SUFFIXES, ".ome"):
            stem = stem.removesuffix(suffix)
    return stem


ORDER = ("objects", "scores", "labels")  # objects are made of scores, and labels say: all is there


@dataclass(frozen=True)
class ResultWriter:
    """Makes the files of ``outputs`` for one image."""

    outputs: Outputs
    image: ImageFile
    names: tuple[str, ...]  # of the classes
    dims: int  # axes the network sees

    def write(self, store: LabelStore) -> Iterator[str]:
        """Write every file, labels last; yield what is done next. Then the store is removed.

        Files that an earlier run of the same store left are replaced.
        """
        outputs, again = self.outputs, store.finishing
        if again:
            outputs = replace(outputs, overwrite=True)
        outputs.check(self.image.path)
        store.finish()
        writer = _Writer(outputs, self.image, store)
        for what in [what for what in ORDER if what in writer.paths]:
            if again and writer.paths[what].exists() and not store.holds(what):
                continue
            yield what
            if what == "objects":
                self._write_objects(writer)
            else:
                kind = np.dtype(np.float32 if what == "scores" else np.uint8)
                writer.write(what, getattr(store, what), kind)
        store.remove()

    def _write_objects(self, writer: "_Writer") -> None:
        store, wanted = writer.store, self.outputs.objects or ObjectSettings()
        assert store.scores is not None  # objects are made of them
        settings = replace(wanted, dims=self.dims)
        objects, work = store.scratch("objects"), store.scratch("work")
        kinds = label_objects_tiled(store.scores, objects, settings, work=work)
        table = ObjectTable.measure(objects, store.scores, kinds, self.image.axes, self.dims)
        table.write(
            writer.paths["table"],
            names=self.names,
            pixel_size=self.image.pixel_size,
            overwrite=writer.outputs.overwrite,
        )
        writer.write("objects", objects, np.dtype(np.uint16 if len(kinds) <= 2**16 else np.uint32))


@dataclass(frozen=True)
class _Writer:
    """Writes the arrays of one store to the files of one image."""

    outputs: Outputs
    image: ImageFile
    store: LabelStore

    @property
    def paths(self) -> dict[str, Path]:
        return self.outputs.paths(self.image.path)

    def write(self, what: str, array: Pixels, dtype: np.dtype) -> None:
        path, size = self.paths[what], self.image.pixel_size
        overwrite = self.outputs.overwrite
        axes = "C" * (what == "scores") + spatial_axes(self.image.axes)
        if self.outputs.form == "tiff":
            write_tiff(path, array, axes=axes, pixel_size=size, dtype=dtype, overwrite=overwrite)
            return
        levels = levels_of(self.image.path) or None
        if isinstance(self.store, DiskStore):
            self._move(self.store.folder / f"{what}.zarr", path, levels)
            return
        pixels = np.asarray(array)  # the store is in memory
        if axes.startswith("CT"):  # OME-Zarr wants time first
            pixels, axes = np.moveaxis(pixels, 0, 1), "TC" + axes[2:]
        write_ome_zarr(
            path, pixels.astype(dtype), axes=axes, pixel_size=size, levels=levels,
            overwrite=overwrite,
        )  # fmt: skip

    def _move(self, folder: Path, path: Path, levels: int | None) -> None:
        """Make the store of one array, which is OME-Zarr but for its levels, the result."""
        with one_sentence(path):
            group = zarr.open_group(folder, mode="r+")
            complete(group, self.image.pixel_size, levels, path.stem)
            for left in folder.rglob("*.partial"):  # chunks that were cut short
                left.unlink()
            settle_folder(folder)
            take_name(folder, path, overwrite=self.outputs.overwrite)
