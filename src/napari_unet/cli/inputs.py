"""Which images the user means: files, folders, and patterns such as ``day?/*.tif``."""

from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path

from napari_unet.core.files.imagefile import SUFFIXES, is_image


def find_images(named: Sequence[str]) -> list[Path]:
    """Return the images named, each once, those of a folder or pattern in the order of their names.

    What names no image is an error that says so: a slip of the pen should not go unseen.
    """
    found = [path for name in named for path in _found(name)]
    return list(dict.fromkeys(found))


def _found(name: str) -> list[Path]:
    path = Path(name).expanduser()
    if path.is_dir() and not is_image(path):
        inside = sorted(one for one in path.iterdir() if is_image(one))
        return _some(inside, f"the folder {path} holds no image: {', '.join(SUFFIXES)} are read")
    if not path.exists() and has_magic(name):
        matches = sorted(Path(one) for one in glob(str(path), recursive=True))  # noqa: PTH207
        return _some([one for one in matches if is_image(one)], f"no image matches '{name}'")
    return _some([path] if path.exists() else [], f"there is no image {path}")


def _some(paths: list[Path], otherwise: str) -> list[Path]:
    if not paths:
        raise FileNotFoundError(otherwise)
    return paths


def parse_bytes(text: str) -> int:
    """Return the number of bytes that "500M", "4G" or "2.5GiB" says."""
    plain = text.strip().upper().removesuffix("B").removesuffix("I")
    power = "KMGT".find(plain[-1:]) + 1 if plain else 0
    try:
        size = float(plain[:-1] if power else plain) * 1024**power
    except ValueError:
        raise ValueError(f"'{text}' is no amount of memory: write 500M or 4G") from None
    if not size >= 1:
        raise ValueError(f"'{text}' is no amount of memory: write 500M or 4G")
    return int(size)
