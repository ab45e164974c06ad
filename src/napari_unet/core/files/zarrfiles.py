"""Zarr arrays and OME-Zarr images (0.4 and 0.5), read lazily and with suspicion.

Only codecs that turn bytes into bytes are accepted, no chunk may unpack to more than memory bears,
and the path of a level may not lead out of the store.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import zarr

from napari_unet.core.files.lazypixels import LazyPixels, check_memory
from napari_unet.core.files.pixelsize import micrometres
from napari_unet.core.files.zarrfolder import is_zarr

CODECS = {
    "bytes", "endian", "transpose", "blosc", "zstd", "gzip", "zlib", "lz4", "lzma", "bz2",
    "crc32c", "crc32", "adler32", "fletcher32", "sharding_indexed", "shuffle", "delta", "bitround",
}  # fmt: skip


class ZarrImage(NamedTuple):
    """Finest level of an image: pixels, axes ("" where the store does not say), micrometres."""

    data: "ZarrPixels"
    axes: str
    pixel_size: dict[str, float]


class ZarrPixels(LazyPixels):
    """The pixels of a Zarr array; what goes wrong while reading names the store."""

    def __init__(self, path: Path, array: zarr.Array) -> None:
        super().__init__(path, array.shape, array.dtype)
        self._array = array
        self.chunks = tuple(array.chunks)

    def _read(self, starts: tuple[int, ...], stops: tuple[int, ...]) -> np.ndarray:
        box = tuple(slice(a, b) for a, b in zip(starts, stops, strict=True))
        try:
            return np.asarray(self._array[box], self.dtype)
        except Exception as error:  # each codec has errors of its own
            raise OSError(f"{self.path} cannot be read at {list(starts)}: {error}") from None


def open_zarr(path: Path) -> ZarrImage:
    """Open the Zarr array or OME-Zarr image in the folder ``path``."""
    if not is_zarr(path):
        raise ValueError(f"{path} is a folder of files, not an image: name the images in it")
    try:
        node = zarr.open(path, mode="r")
        if isinstance(node, zarr.Array):
            return ZarrImage(_checked(path, node), _dimension_names(node), {})
        return _multiscale(path, node)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # zarr has no one kind of error for a damaged store
        if str(path) in str(error):
            raise
        raise OSError(f"{path} cannot be read as Zarr: {error}") from None


def levels_of(path: Path) -> int:
    """Return how many levels the OME-Zarr image at ``path`` has; 0 where it is no OME-Zarr."""
    if not path.is_dir():
        return 0
    node = zarr.open(path, mode="r")
    return 0 if isinstance(node, zarr.Array) else len(_description(node).get("datasets", ()))


def _multiscale(path: Path, group: zarr.Group) -> ZarrImage:
    described = _description(group)
    if not described:
        inside = ", ".join(sorted(group.keys())[:5]) or "nothing"
        raise ValueError(f"it is no OME-Zarr image; it holds {inside}: name one array or image")
    finest = described["datasets"][0]
    level = (path / finest["path"]).resolve()
    if not level.is_relative_to(path.resolve()):
        raise ValueError(f"its level '{finest['path']}' lies outside of the store")
    array = group[finest["path"]]
    names = [axis["name"] if isinstance(axis, dict) else axis for axis in described["axes"]]
    data = _checked(path, array)
    return ZarrImage(data, "".join(names).upper(), _sizes(described, finest))


def _description(group: zarr.Group) -> dict[str, Any]:
    """Return the first multiscale description of ``group``, {} where it has none."""
    attributes = dict(group.attrs)
    found = attributes.get("ome", attributes)
    multiscales = found.get("multiscales", ()) if isinstance(found, dict) else ()
    return dict(multiscales[0]) if multiscales else {}


def _sizes(described: dict[str, Any], finest: dict[str, Any]) -> dict[str, float]:
    """Multiply the scales of the finest level and of all levels, in micrometres."""
    scale = np.ones(len(described["axes"]))
    both = [finest.get("coordinateTransformations"), described.get("coordinateTransformations")]
    for step in [step for steps in both for step in steps or ()]:
        if step.get("type") == "scale":
            scale = scale * np.asarray(step["scale"], float)
    found = {}
    for axis, size in zip(described["axes"], scale, strict=True):
        factor = micrometres(axis.get("unit") or "") if isinstance(axis, dict) else None
        if factor and axis["name"].upper() in "ZYX":
            found[axis["name"].upper()] = float(size) * factor
    return found


def _dimension_names(array: zarr.Array) -> str:
    names = getattr(array.metadata, "dimension_names", None) or ()
    letters = "".join(str(name) for name in names).upper()
    return letters if len(letters) == array.ndim else ""


def _checked(path: Path, array: Any) -> ZarrPixels:
    """Refuse an array whose type, codecs or chunks an image does not have."""
    if not isinstance(array, zarr.Array):
        raise ValueError("its finest level is not an array")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"it holds {array.dtype}, not numbers")
    unknown = _codecs(array.metadata.to_dict()) - CODECS
    if unknown:
        raise ValueError(f"it uses the codec {', '.join(sorted(unknown))}, which is not accepted")
    if 0 in array.chunks:
        raise ValueError(f"its chunks have shape {array.chunks}")
    unit = getattr(array, "shards", None) or array.chunks
    check_memory(path, int(np.prod(unit, dtype=object)) * array.dtype.itemsize, "a chunk")
    return ZarrPixels(path, array)


def _codecs(metadata: dict[str, Any]) -> set[str]:
    """Return the names of all codecs of an array, those inside shards too."""
    found, todo = set(), [metadata]
    while todo:
        part = todo.pop()
        inner = [part.get(key) for key in ("codecs", "filters", "compressor", "index_codecs")]
        for codec in [
            c for one in inner if one for c in (one if isinstance(one, (list, tuple)) else [one])
        ]:
            name = str(codec.get("name") or codec.get("id"))
            found.add(name.removeprefix("numcodecs."))
            todo.append(codec.get("configuration") or {})
    return found
