"""Pair the files of two folders by name: images with labels, or true labels with results.

What a program added to the end of a name ("_labels", "_cp_masks") is ignored. Files without a
partner are reported, never dropped without a word.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from napari_unet.core.files.image_file import is_image

ENDINGS = (
    "annotation", "annotations", "gt", "groundtruth", "image", "img", "instances", "label",
    "labels", "mask", "masks", "objects", "pred", "prediction", "raw", "result", "seg",
    "scores", "segmentation", "segmented", "target", "truth", "cp", "cp_masks", "ome",
)  # fmt: skip
SHOWN = 5  # names told of what stayed alone


class FilePair(NamedTuple):
    """Two files that belong together, and the name they share."""

    name: str
    first: Path
    second: Path


def pair_files(
    first: Path, second: Path, prefer: Sequence[str] = ()
) -> tuple[list[FilePair], list[str]]:
    """Return the pairs of two files or two folders, and a sentence for all that stayed alone.

    Where files of one folder share a name ("a_labels", "a_scores"), the first of the endings in
    ``prefer`` that one of them has decides; else none of them is paired, for that would be a guess.
    """
    for path in (first, second):
        if not path.exists():
            raise FileNotFoundError(f"there is no file or folder {path}")
    if _is_folder(first) != _is_folder(second):
        raise ValueError(f"{first} and {second} do not pair: give two files or two folders")
    if not _is_folder(first):
        return [FilePair(_stem(first), first, second)], []
    if first.resolve() == second.resolve():
        raise ValueError(f"{first} was given twice: put images and labels in a folder each")
    return _pair_folders(first, second, prefer)


def _is_folder(path: Path) -> bool:
    """Tell a folder of images from a store such as Zarr, which is a folder but one image."""
    return path.is_dir() and not is_image(path)


def _pair_folders(
    first: Path, second: Path, prefer: Sequence[str]
) -> tuple[list[FilePair], list[str]]:
    sentences: list[str] = []
    ours, theirs = _by_stem(first, sentences), _by_stem(second, sentences)
    pairs = [FilePair(n, ours.pop(n), theirs.pop(n)) for n in sorted(set(ours) & set(theirs))]
    ours, theirs = (
        _unique({path: _bare(stem) for stem, path in files.items()}, prefer, sentences)
        for files in (ours, theirs)
    )
    pairs += [FilePair(n, ours.pop(n), theirs.pop(n)) for n in sorted(set(ours) & set(theirs))]
    sentences += [*_alone(ours, first, second), *_alone(theirs, second, first)]
    if not pairs:
        raise ValueError(" ".join([f"no file of {first} pairs with one of {second}.", *sentences]))
    return sorted(pairs), sentences


def _by_stem(folder: Path, sentences: list[str]) -> dict[str, Path]:
    files = sorted(p for p in folder.iterdir() if is_image(p) and not p.name.startswith("."))
    return _unique({path: _stem(path) for path in files}, (), sentences)


def _unique(names: dict[Path, str], prefer: Sequence[str], sentences: list[str]) -> dict[str, Path]:
    """Turn file → name around; of files that share a name take the preferred one, or none."""
    files_of: dict[str, list[Path]] = defaultdict(list)
    for path, name in names.items():
        files_of[name].append(path)
    chosen = {name: paths[0] for name, paths in files_of.items() if len(paths) == 1}
    for name, paths in files_of.items():
        best = _preferred(paths, prefer)
        if best is not None:
            chosen[name] = best
        elif len(paths) > 1:
            same, folder = _listed([path.name for path in paths]), paths[0].parent
            sentences.append(f"{same} in {folder} share the name {name}: none of them was paired.")
    others = [path.name for n in chosen for path in files_of[n] if path != chosen[n]]
    if others:
        sentences.append(f"{_listed(others)} stayed out: a file of the same name is used.")
    return chosen


def _preferred(paths: Sequence[Path], prefer: Sequence[str]) -> Path | None:
    """Return the one file with the first ending that just one has; None if that settles nothing."""
    for ending in prefer:
        having = [
            path for path in paths if _stem(path).lower().endswith(("_" + ending, "." + ending))
        ]
        if len(paths) > 1 and len(having) == 1:
            return having[0]
    return None


def _stem(path: Path) -> str:
    """Return the file name without the suffixes of an image ("a.ome.tif" → "a")."""
    stem = path.stem
    return stem[:-4] if stem.lower().endswith(".ome") else stem


def _bare(stem: str) -> str:
    """Take the endings off, as often as there are some: "a_img_cp_masks" → "a"."""
    for ending in ENDINGS:
        for joint in "_-. ":
            if stem.lower().endswith(joint + ending) and len(stem) > len(ending) + 1:
                return _bare(stem[: -len(ending) - 1])
    return stem


def _alone(files: dict[str, Path], folder: Path, other: Path) -> list[str]:
    if not files:
        return []
    names = sorted(path.name for path in files.values())
    have = "has" if len(names) == 1 else "have"
    return [f"{_listed(names)} in {folder} {have} no counterpart in {other}."]


def _listed(names: list[str]) -> str:
    if len(names) <= SHOWN:
        return ", ".join(names)
    return ", ".join(names[:SHOWN]) + f" and {len(names) - SHOWN} more"
