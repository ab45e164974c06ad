"""Read and write Zarr arrays and OME-Zarr images: versions 0.4 and 0.5 are read, 0.5 is written.

Files are not trusted: only codecs that turn bytes into bytes are accepted, no chunk may unpack to
more than memory holds, and the path of a level may not lead out of the store. A written level is
half of the one before along Y and X. Labels take every second pixel, so that each pixel is a label
that exists; scores take the mean of four.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import zarr

from napari_unet.core.arrays.axes import check_axes
from napari_unet.core.arrays.boxes import Pixels, split, whole
from napari_unet.core.files.atomic_write import new_folder
from napari_unet.core.files.lazy_array import LazyPixels, check_memory, is_zarr
from napari_unet.core.files.tiff import micrometres

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
    return 0 if isinstance(node, zarr.Array) else len(_multiscale_of(node).get("datasets", ()))


def _multiscale(path: Path, group: zarr.Group) -> ZarrImage:
    described = _multiscale_of(group)
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


def _multiscale_of(group: zarr.Group) -> dict[str, Any]:
    """Return the first multiscale description of ``group``, {} where it has none."""
    attributes = dict(group.attrs)
    described = attributes.get("ome", attributes)
    multiscales = described.get("multiscales", ()) if isinstance(described, dict) else ()
    return dict(multiscales[0]) if multiscales else {}


def _sizes(described: dict[str, Any], finest: dict[str, Any]) -> dict[str, float]:
    """Multiply the scales of the finest level and of all levels, in micrometres."""
    scale = np.ones(len(described["axes"]))
    both = [finest.get("coordinateTransformations"), described.get("coordinateTransformations")]
    for step in [step for steps in both for step in steps or ()]:
        if step.get("type") == "scale":
            scale = scale * np.asarray(step["scale"], float)
    sizes = {}
    for axis, size in zip(described["axes"], scale, strict=True):
        factor = micrometres(axis.get("unit") or "") if isinstance(axis, dict) else None
        if factor and axis["name"].upper() in "ZYX":
            sizes[axis["name"].upper()] = float(size) * factor
    return sizes


def _dimension_names(array: zarr.Array) -> str:
    names = getattr(array.metadata, "dimension_names", None) or ()
    letters = "".join(str(name) for name in names).upper()
    return letters if len(letters) == array.ndim else ""


def _checked(path: Path, array: zarr.Array | zarr.Group) -> ZarrPixels:
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
    names, todo = set(), [metadata]
    while todo:
        part = todo.pop()
        inner = [part.get(key) for key in ("codecs", "filters", "compressor", "index_codecs")]
        for codec in [
            c for one in inner if one for c in (one if isinstance(one, (list, tuple)) else [one])
        ]:
            name = str(codec.get("name") or codec.get("id"))
            names.add(name.removeprefix("numcodecs."))
            todo.append(codec.get("configuration") or {})
    return names


VERSION = "0.5"
CHUNK = 512  # pixels along Y and X
SMALLEST = 1024  # pixels; where the image has no levels, the coarsest level is no larger
KINDS = {"T": "time", "C": "channel"}


def write_ome_zarr(
    path: Path,
    image: Pixels,
    *,
    axes: str,
    pixel_size: Mapping[str, float] | None = None,
    levels: int | None = None,
    overwrite: bool = False,
) -> None:
    """Write ``image`` (array or lazily sliceable) as OME-Zarr; whole numbers are labels."""
    with new_folder(path, overwrite=overwrite) as folder:
        group = zarr.create_group(folder, zarr_format=3)
        level = add_level(group, image.shape, image.dtype, axes)
        for box in split(whole(level.shape), level.chunks):
            level[box] = np.asarray(image[box])
        complete(group, pixel_size or {}, levels, path.stem)


def add_level(
    group: zarr.Group,
    shape: Sequence[int],
    dtype: np.dtype,
    axes: str,
    chunks: Sequence[int] | None = None,
) -> zarr.Array:
    """Add the next level to ``group``, empty; a chunk never spans several planes."""
    number = len(list(group.array_keys()))
    if chunks is None:
        chunks = (*(1,) * (len(shape) - 2), CHUNK, CHUNK)
    return group.create_array(
        str(number),
        shape=tuple(shape),
        chunks=tuple(min(n, size) for n, size in zip(chunks, shape, strict=True)),
        dtype=dtype,
        dimension_names=list(axes.lower()),
    )


def complete(
    group: zarr.Group, pixel_size: Mapping[str, float], levels: int | None, name: str
) -> None:
    """Add the coarser levels to a group that has its first, then say what they are."""
    for left in [key for key in group.array_keys() if key != "0"]:
        del group[left]  # of an attempt that was cut short
    finest = group["0"]
    axes = check_axes("".join(finest.metadata.dimension_names), finest.shape)
    count = levels or enough_levels(finest.shape)
    while (done := len(list(group.array_keys()))) < count:
        finer = group[str(done - 1)]
        shape = (*finer.shape[:-2], *(-(-size // 2) for size in finer.shape[-2:]))
        coarser = add_level(group, shape, finer.dtype, axes, finer.chunks)
        for box in split(whole(coarser.shape), coarser.chunks):
            coarser[box] = _halved(finer, box)
    group.attrs["ome"] = _description(group, axes, pixel_size, name)


def enough_levels(shape: Sequence[int]) -> int:
    """Return how many levels it takes until the last is small enough to be drawn whole."""
    levels, size = 1, max(shape[-2:])
    while size > SMALLEST:
        levels, size = levels + 1, -(-size // 2)
    return levels


def _halved(finer: zarr.Array, box: tuple[slice, ...]) -> np.ndarray:
    rows, columns = (slice(2 * part.start, 2 * part.stop) for part in box[-2:])
    pixels = np.asarray(finer[(*box[:-2], rows, columns)])
    if pixels.dtype.kind != "f":
        return pixels[..., ::2, ::2]
    even = np.pad(
        pixels,
        [(0, 0)] * (pixels.ndim - 2) + [(0, size % 2) for size in pixels.shape[-2:]],
        mode="edge",
    )
    pairs = even.reshape(*even.shape[:-2], even.shape[-2] // 2, 2, even.shape[-1] // 2, 2)
    return pairs.mean(axis=(-3, -1), dtype=np.float32)


def _description(
    group: zarr.Group, axes: str, pixel_size: Mapping[str, float], name: str
) -> dict[str, Any]:
    labels = group["0"].dtype.kind != "f"
    numbers = sorted(group.array_keys(), key=int)
    described: dict[str, Any] = {
        "version": VERSION,
        "multiscales": [
            {
                "name": name,
                "axes": [_axis(letter, pixel_size) for letter in axes],
                "datasets": [_dataset(n, axes, pixel_size, labels) for n in numbers],
            }
        ],
    }
    if labels:
        described["image-label"] = {"version": VERSION}
    return described


def _axis(letter: str, pixel_size: Mapping[str, float]) -> dict[str, str]:
    axis = {"name": letter.lower(), "type": KINDS.get(letter, "space")}
    return axis | ({"unit": "micrometer"} if letter in pixel_size else {})


def _dataset(
    number: str, axes: str, pixel_size: Mapping[str, float], labels: bool
) -> dict[str, Any]:
    """Describe a level: its scale, and where its pixels are means, the shift to their middle."""
    factor = [2 ** int(number) if letter in "YX" else 1 for letter in axes]
    size = [float(pixel_size.get(letter, 1.0)) for letter in axes]
    steps: list[dict[str, Any]] = [
        {"type": "scale", "scale": [s * f for s, f in zip(size, factor, strict=True)]}
    ]
    if not labels and number != "0":
        between = [s * (f - 1) / 2 for s, f in zip(size, factor, strict=True)]
        steps.append({"type": "translation", "translation": between})
    return {"path": number, "coordinateTransformations": steps}
