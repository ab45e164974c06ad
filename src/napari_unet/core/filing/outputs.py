"""Outputs: which files the segmentation of an image makes, and what they are called."""

from dataclasses import dataclass
from pathlib import Path

from napari_unet.core.files.imagefile import SUFFIXES
from napari_unet.core.files.safefile import check_free
from napari_unet.core.objects import ObjectSettings

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
        found = {what: self.folder / f"{stem}_{what}{suffix}" for what in wanted}
        return found | ({"table": self.folder / f"{stem}_objects.csv"} if self.objects else {})

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
