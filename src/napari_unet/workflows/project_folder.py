"""Project: a folder that keeps the work of a person, in formats that other programs open.

``project.json`` says which images there are and what their annotations mean; ``annotations/*.tif``
hold the labels as they were saved last, ``confirmed/*.tif`` of the same names are 1 where these
labels were confirmed and not painted; ``strokes.journal`` has what was painted since; ``networks/``
and ``runs/`` are what was learned. Images stay where they are; only those without a file of their
own are written, to ``images/``.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from napari_unet.core.annotation.label_codes import LabelCode
from napari_unet.core.arrays.boxes import Pixels, whole
from napari_unet.core.files.atomic_write import new_file, one_sentence, write_safely
from napari_unet.core.files.image_file import ImageFile, open_image
from napari_unet.core.files.label_file import write_labels, write_tiff
from napari_unet.workflows.confirmed_pixels import Confirmed, beside
from napari_unet.workflows.journal_records import Record
from napari_unet.workflows.journal_replay import Replay, replay
from napari_unet.workflows.stroke_journal import Journal, beginning, signature

FORMAT = 1
ANNOTATIONS = "annotations"  # the folder their files are in


@dataclass(frozen=True)
class KeptImage:
    """An image of a project; ``file`` is relative to the folder where that is possible."""

    name: str
    file: str
    axes: str
    pixel_size: dict[str, float] = field(default_factory=dict)  # µm by axis


@dataclass(frozen=True)
class KeptAnnotation:
    """An annotation of a project, and what its values mean."""

    name: str
    image: str  # its name
    axes: str  # of the labels
    file: str = ""  # in annotations/; found when it is saved
    zero: str = "unlabelled"
    ids: str = "classes"
    classes: tuple[dict[str, str], ...] = ()
    role: str = "train"


def read_facts(path: Path) -> tuple[list[KeptImage], list[KeptAnnotation]]:
    """Read the file at ``path``; what cannot be understood is refused in words."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts["format"] != FORMAT:
            raise ValueError(f"it is of format {facts['format']} and only {FORMAT} is known")
        images = [KeptImage(**one) for one in facts["images"]]
        annotations = [
            KeptAnnotation(**{**one, "classes": tuple(one["classes"])})
            for one in facts["annotations"]
        ]
        for one in annotations:
            LabelCode(one.zero, one.ids)
            if PurePosixPath(one.file).parent != PurePosixPath(ANNOTATIONS):
                raise ValueError(f"the annotation file {one.file} is not in {ANNOTATIONS}/")
    except FileNotFoundError:
        raise FileNotFoundError(f"{path.parent} is no project: it has no {path.name}") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as a project: {error}") from None
    return images, annotations


def write_facts(
    path: Path, images: Sequence[KeptImage], annotations: Sequence[KeptAnnotation]
) -> None:
    """Write them to ``path``, whole or not at all."""
    facts = {
        "format": FORMAT,
        "images": [asdict(one) for one in images],
        "annotations": [asdict(one) for one in annotations],
    }
    text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
    write_safely(path, text.encode(), overwrite=True)


SUFFIX = ".unet"  # of the folder, so that a window knows it
FACTS, JOURNAL = "project.json", "strokes.journal"
IMAGES, NETWORKS = "images", "networks"


class Project:
    """The folder of a project: made by ``create``, or read by ``open``."""

    def __init__(
        self,
        folder: Path,
        images: Sequence[KeptImage] = (),
        annotations: Sequence[KeptAnnotation] = (),
        strokes: Replay | None = None,
    ) -> None:
        self.folder = folder
        self.images = tuple(images)
        self.annotations = tuple(annotations)
        self.strokes = strokes  # painted after the last saving, when the program was killed

    @classmethod
    def create(cls, folder: Path | str) -> "Project":
        """Make an empty project; a folder that is there already is refused."""
        folder = Path(folder)
        with one_sentence(folder):
            try:
                folder.mkdir()
            except FileExistsError:
                raise FileExistsError(
                    f"{folder} exists already: choose another name for the project"
                ) from None
        project = cls(folder)
        write_facts(folder / FACTS, (), ())
        return project

    @classmethod
    def open(cls, folder: Path | str) -> "Project":
        """Read a project; what was painted after the last saving is in ``strokes``."""
        folder = Path(folder)
        images, annotations = read_facts(folder / FACTS)
        journal = folder / JOURNAL
        strokes = replay(journal) if journal.is_file() else None
        holder = "" if strokes is None else strokes.written_elsewhere()
        if holder:
            raise ValueError(
                f"the project {folder} is open in another program ({holder}): close it there first"
            )
        return cls(folder, images, annotations, strokes)

    @property
    def networks(self) -> tuple[Path, ...]:
        """The network files, by name."""
        return tuple(sorted((self.folder / NETWORKS).glob("*.safetensors")))

    def image(self, name: str) -> ImageFile:
        """Open the image called ``name``."""
        kept = next(one for one in self.images if one.name == name)
        return open_image(self.folder / kept.file, kept.axes)

    def labels(self, name: str) -> np.ndarray:
        """Return the labels called ``name`` with the strokes painted since they were saved."""
        if self.strokes is not None and name in self.strokes.annotations:
            return self.strokes.annotations[name].labels
        kept = self._annotation(name)
        return np.asarray(open_image(self.folder / kept.file, kept.axes).data[...])

    def confirmed(self, name: str) -> np.ndarray | None:
        """Return which pixels of these labels were confirmed, None where none was."""
        if self.strokes is not None and name in self.strokes.annotations:
            pixels = self.strokes.annotations[name].confirmed
            return pixels.whole() if pixels else None
        kept = self._annotation(name)
        path = self.folder / beside(kept.file)
        if not path.exists():
            return None
        return np.asarray(open_image(path, kept.axes).data[...]) != 0

    def place(self, image: Pixels, kept: KeptImage) -> KeptImage:
        """Return how an image is kept; where ``kept`` names no file it is written to images/."""
        name = kept.name
        if kept.file:
            return replace(kept, file=_relative(Path(kept.file), self.folder))
        before = next((one for one in self.images if one.name == name), None)
        ours = before is not None and PurePosixPath(before.file).parent == PurePosixPath(IMAGES)
        file = before.file if before is not None and ours else self._free(IMAGES, name)
        path = self.folder / file
        if not (ours and path.exists() and signature(open_image(path).data) == signature(image)):
            _make(path.parent)
            _write_image(path, image, kept.axes, ours)
        return replace(kept, file=file)

    def save(
        self,
        images: Sequence[KeptImage],
        annotations: Sequence[tuple[KeptAnnotation, np.ndarray]],
        confirmed: Mapping[str, Confirmed] | None = None,
    ) -> None:
        """Write the annotations, each whole or not at all, then what the project consists of.

        ``confirmed`` are by name of the annotation. A file that is no longer needed stays.
        """
        saved: list[KeptAnnotation] = []
        _make(self.folder / ANNOTATIONS)
        for kept, labels in annotations:
            earlier = next((one for one in self.annotations if one.name == kept.name), None)
            file = earlier.file if earlier else self._free(ANNOTATIONS, kept.name)
            size = next((one.pixel_size for one in images if one.name == kept.image), None)
            path = self.folder / file
            write_labels(
                path, labels, axes=kept.axes, pixel_size=size, overwrite=earlier is not None
            )
            pixels = (confirmed or {}).get(kept.name)
            self._save_confirmed(replace(kept, file=file), labels.shape, pixels)
            saved.append(replace(kept, file=file))
        self.images, self.annotations = tuple(images), tuple(saved)
        write_facts(self.folder / FACTS, self.images, self.annotations)
        self.strokes = None

    def _save_confirmed(
        self, kept: KeptAnnotation, shape: tuple[int, ...], confirmed: Confirmed | None
    ) -> None:
        path = self.folder / beside(kept.file)
        if confirmed or path.exists():  # one of before would tell of pixels that are none any more
            pixels = confirmed.whole().reshape(shape) if confirmed else np.zeros(shape, bool)
            _make(path.parent)
            write_labels(path, pixels, axes=kept.axes, overwrite=True)

    def journal(
        self,
        labels: Mapping[str, Any],
        facts: Mapping[str, dict[str, Any]],
        confirmed: Mapping[str, Confirmed] | None = None,
    ) -> Journal:
        """Begin the journal anew, with ``labels`` by name; what is saved is not written again.

        The journal of before counts until the new one is whole; one that is damaged at its end is
        put aside. Nobody may append to the old one any more.
        """
        restored = self.strokes.annotations if self.strokes is not None else {}
        files = {one.name: one.file for one in self.annotations if one.name not in restored}
        start: list[Record] = []
        for name, one in labels.items():
            base, pixels = files.get(name, ""), (confirmed or {}).get(name)
            start += beginning(name, one, facts[name], base=base, confirmed=pixels)
        if self.strokes is not None and (self.strokes.torn or self.strokes.missing):
            self._put_aside()
        return Journal(self.folder / JOURNAL, start=start, overwrite=True)

    def _put_aside(self) -> None:
        data = (self.folder / JOURNAL).read_bytes()
        write_safely(self.folder / self._free("", "strokes-damaged", ".journal"), data)

    def _annotation(self, name: str) -> KeptAnnotation:
        return next(one for one in self.annotations if one.name == name)

    def _free(self, room: str, name: str, suffix: str = ".tif") -> str:
        """Return the name of a file in ``room`` that is not there."""
        stem = re.sub(r"[^\w. -]+", "_", name).strip(" .")[:80] or "unnamed"
        number = 1
        while True:
            free = f"{room}/{stem}{'' if number == 1 else f'-{number}'}{suffix}".lstrip("/")
            both = (free, beside(free)) if room == ANNOTATIONS else (free,)
            if not any((self.folder / one).exists() for one in both):
                return free
            number += 1


def is_project(path: Path) -> bool:
    """Tell whether ``path`` is the folder of a project."""
    return (path / FACTS).is_file()


def _write_image(path: Path, image: Pixels, axes: str, overwrite: bool) -> None:
    """Write an image; colours that come last stay together, as every program expects them."""
    if not axes.endswith("C"):
        write_tiff(path, image, axes=axes, overwrite=overwrite)
        return
    import tifffile

    pixels = np.asarray(image[whole(image.shape)])
    kind = "rgb" if pixels.shape[-1] in (3, 4) else "minisblack"
    with new_file(path, overwrite=overwrite) as temporary:
        tifffile.imwrite(
            temporary, pixels, photometric=kind, planarconfig="contig", ome=True,
            compression="zlib", metadata={"axes": f"{axes[:-1]}S"},
        )  # fmt: skip


def _make(folder: Path) -> None:
    with one_sentence(folder):
        folder.mkdir(exist_ok=True)


def _relative(path: Path, folder: Path) -> str:
    """Return ``path`` as seen from ``folder``, so that both may be moved together."""
    try:
        return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
    except ValueError:  # another drive
        return path.absolute().as_posix()
