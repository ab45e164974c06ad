"""Project facts: which images a project has, and what their annotations mean, as project.json."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath

from napari_unet.core.coding import Code
from napari_unet.core.files.safefile import write_safely

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
        said = json.loads(path.read_text(encoding="utf-8"))
        if said["format"] != FORMAT:
            raise ValueError(f"it is of format {said['format']} and only {FORMAT} is known")
        images = [KeptImage(**one) for one in said["images"]]
        annotations = [
            KeptAnnotation(**{**one, "classes": tuple(one["classes"])})
            for one in said["annotations"]
        ]
        for one in annotations:
            Code(one.zero, one.ids)
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
    said = {
        "format": FORMAT,
        "images": [asdict(one) for one in images],
        "annotations": [asdict(one) for one in annotations],
    }
    text = json.dumps(said, indent=2, ensure_ascii=False) + "\n"
    write_safely(path, text.encode(), overwrite=True)
