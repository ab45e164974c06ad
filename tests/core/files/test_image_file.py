"""Images of any file kind open with their axes, pixel size and pixels, or with one sentence."""

import json
import re
import struct
import zlib

import numpy as np
import pytest
import tifffile
import zarr
from skimage.io import imread, imsave

from napari_unet.core.files.image_file import ImageFile, is_image, open_image

RNG = np.random.default_rng(7)
STACK = RNG.integers(0, 2**16, (5, 70, 90)).astype(np.uint16)
COLOUR = RNG.integers(0, 255, (70, 90, 3)).astype(np.uint8)
OME = {"axes": "ZYX", "PhysicalSizeX": 250, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.25,
       "PhysicalSizeZ": 0.002, "PhysicalSizeZUnit": "mm"}  # fmt: skip
KINDS = {  # array, options for tifffile, axes, pixel size
    "plain": (STACK[0], {}, "YX", {}),
    "big-endian": (STACK, {"byteorder": ">"}, "ZYX", {}),
    "bigtiff": (STACK, {"bigtiff": True}, "ZYX", {}),
    "colour": (COLOUR, {"photometric": "rgb"}, "YXC", {}),
    "planes of colour": (
        COLOUR.transpose(2, 0, 1),
        {"photometric": "rgb", "planarconfig": "separate", "rowsperstrip": 16,
         "compression": "zlib"},
        "CYX", {},
    ),
    "bool": (STACK[0] > 2**15, {}, "YX", {}),
    "strips": (STACK, {"compression": "zlib", "rowsperstrip": 16, "predictor": 2}, "ZYX", {}),
    "strips apart": (STACK, {"rowsperstrip": 16, "align": 512}, "ZYX", {}),
    "tiles": (STACK, {"tile": (32, 48), "compression": "lzw", "photometric": "minisblack"},
              "ZYX", {}),
    "coloured tiles": (np.stack([COLOUR, 255 - COLOUR]),
                       {"tile": (16, 32), "compression": "zstd", "photometric": "rgb"},
                       "ZYXC", {}),
    "uncompressed tiles": (STACK, {"tile": (32, 48), "photometric": "minisblack"}, "ZYX", {}),
    "float": (STACK / 7, {"compression": "zlib", "predictor": 3}, "ZYX", {}),
    "imagej": (STACK, {"imagej": True, "metadata": {"axes": "ZYX", "spacing": 2.0, "unit": "um"},
                       "resolution": (4.0, 2.0)}, "ZYX", {"Z": 2.0, "Y": 0.5, "X": 0.25}),
    "imagej time": (STACK, {"imagej": True, "metadata": {"axes": "TYX"}}, "TYX", {}),
    "hyperstack": (STACK[:4].reshape(2, 2, 70, 90),
                   {"imagej": True, "metadata": {"axes": "ZCYX"}}, "ZCYX", {}),
    "ome": (STACK, {"ome": True, "metadata": OME}, "ZYX", {"Z": 2.0, "Y": 0.25, "X": 0.25}),
    "ome tiles": (STACK, {"ome": True, "metadata": {"axes": "TYX"}, "tile": (32, 32)}, "TYX", {}),
    "centimetres": (STACK[0], {"resolution": (1e4, 2e4), "resolutionunit": "CENTIMETER"}, "YX",
                    {"X": 1.0, "Y": 0.5}),
    "inches": (STACK[0], {"resolution": (72, 72), "resolutionunit": "INCH"}, "YX", {}),
}  # fmt: skip


@pytest.fixture(params=KINDS)
def kind(request, tmp_path):
    """Return a TIFF of each kind and what is in it."""
    array, options, axes, pixel_size = KINDS[request.param]
    path = tmp_path / "image.tif"
    options = {"photometric": "minisblack"} | options
    tifffile.imwrite(path, array, **options)
    return path, array, axes, pixel_size


def test_tiff_has_its_axes_pixel_size_and_pixels(kind):
    path, array, axes, pixel_size = kind
    image = open_image(path)
    assert image.axes == axes
    assert dict(image.pixel_size) == pytest.approx(pixel_size)
    assert (image.data.shape, image.data.dtype) == (array.shape, array.dtype)
    np.testing.assert_array_equal(np.asarray(image.data), array)
    np.testing.assert_array_equal(tifffile.imread(path), array)
    assert not isinstance(image.data, np.ndarray), "a TIFF is read where it is looked at"


def test_a_part_of_a_tiff_is_that_part(kind):
    path, array, *_ = kind
    data = open_image(path).data
    for _ in range(10):
        low = [RNG.integers(0, size) for size in array.shape]
        box = tuple(
            slice(a, RNG.integers(a + 1, n + 1)) for a, n in zip(low, array.shape, strict=True)
        )
        np.testing.assert_array_equal(data[box], array[box])


def test_a_tiff_cut_short_anywhere_is_an_error_that_names_it(kind):
    path, array, *_ = kind
    whole = path.read_bytes()
    for cut in np.linspace(0, len(whole) - 1, 12).astype(int):
        path.write_bytes(whole[:cut])
        found, error = read(path)
        if found is not None:
            np.testing.assert_array_equal(found, array)  # nothing that counts was cut
        else:
            assert str(path) in error
            assert "\n" not in error


def read(path):
    """Return the pixels of a file, or what is wrong with it."""
    try:
        return np.asarray(open_image(path).data), ""
    except (OSError, ValueError) as error:
        return None, str(error)


def test_damage_within_a_strip_is_an_error_that_names_the_file(tmp_path):
    path = tmp_path / "damaged.tif"
    tifffile.imwrite(path, STACK[0], compression="zlib", rowsperstrip=70)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        start = file.pages[0].dataoffsets[0]
    data[start + 40 : start + 60] = bytes(20)
    path.write_bytes(data)
    with pytest.raises(OSError, match=r"damaged\.tif is damaged: strip 0 does not decode"):
        open_image(path).data[:5]


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("array", [COLOUR[..., 0], COLOUR], ids=["grey", "colour"])
def test_pictures(tmp_path, suffix, array):
    path = tmp_path / f"picture{suffix}"
    imsave(path, array, check_contrast=False)
    image = open_image(path)
    assert image.axes == "YXC"[: array.ndim]
    np.testing.assert_allclose(image.data, imread(path), atol=2)  # decoders of JPEG may round
    whole = path.read_bytes()
    for cut in np.linspace(0, len(whole) - 20, 12).astype(int):
        path.write_bytes(whole[:cut])
        with pytest.raises(OSError, match=re.escape(str(path))):
            open_image(path)


def test_sixteen_bits_and_opaque_alpha_of_a_png(tmp_path):
    path = tmp_path / "labels.png"
    imsave(path, STACK[0], check_contrast=False)
    np.testing.assert_array_equal(open_image(path).data, STACK[0])
    opaque = np.dstack([COLOUR, np.full(COLOUR.shape[:2], 255, np.uint8)])
    imsave(path, opaque, check_contrast=False)
    np.testing.assert_array_equal(open_image(path).data, COLOUR)
    opaque[3, 4, 3] = 254  # now it says something
    imsave(path, opaque, check_contrast=False)
    assert open_image(path).data.shape == opaque.shape


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(tmp_path, order):
    path = tmp_path / "image.npy"
    np.save(path, np.asarray(STACK, order=order))
    np.testing.assert_array_equal(np.asarray(open_image(path).data), STACK)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(OSError, match="cut short"):
        open_image(path)


class Canary:
    """Says when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a file was unpickled",))


def test_python_objects_are_never_unpickled(tmp_path):
    path = tmp_path / "objects.npy"
    np.save(path, np.array([[Canary()]]), allow_pickle=True)
    with pytest.raises(ValueError, match="never unpickled"):
        open_image(path)


def ome_zarr(path, version, levels=2):
    """Write an OME-Zarr image as the specification shows it, by hand."""
    group = zarr.create_group(path, zarr_format=2 if version == "0.4" else 3)
    for level in range(levels):
        group.create_array(f"s{level}", data=STACK[:, :: 2**level, :: 2**level], chunks=(2, 32, 32))
    described = {
        "version": version,
        "axes": [
            {"name": "t", "type": "time", "unit": "second"},
            {"name": "y", "type": "space", "unit": "nanometer"},
            {"name": "x", "type": "space", "unit": "nanometer"},
        ],
        "datasets": [
            {
                "path": f"s{level}",
                "coordinateTransformations": [{"type": "scale", "scale": [1, 250, 125 * 2**level]}],
            }
            for level in range(levels)
        ],
        "coordinateTransformations": [{"type": "scale", "scale": [5, 2, 2]}],
    }
    if version == "0.4":
        group.attrs["multiscales"] = [described]
    else:
        group.attrs["ome"] = {"version": version, "multiscales": [described]}
    return described


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr(tmp_path, version):
    ome_zarr(tmp_path / "image.zarr", version)
    image = open_image(tmp_path / "image.zarr")
    assert image.axes == "TYX"
    assert dict(image.pixel_size) == pytest.approx({"Y": 0.5, "X": 0.25})
    np.testing.assert_array_equal(image.data[1:4, 5:60:3, ::-1], STACK[1:4, 5:60:3, ::-1])


def test_a_bare_zarr_array_and_its_names(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=STACK, dimension_names=["t", "y", "x"])
    assert open_image(tmp_path / "a.zarr").axes == "TYX"
    zarr.create_array(tmp_path / "b.zarr", data=STACK)
    assert open_image(tmp_path / "b.zarr").axes == "ZYX"


def test_a_level_outside_of_its_store_is_not_read(tmp_path):
    zarr.create_array(tmp_path / "secret.zarr", data=STACK)
    described = ome_zarr(tmp_path / "image.zarr", "0.5")
    described["datasets"][0]["path"] = "../secret.zarr"
    group = zarr.open_group(tmp_path / "image.zarr", mode="r+")
    group.attrs["ome"] = {"version": "0.5", "multiscales": [described]}
    with pytest.raises(OSError, match="lies outside of the store"):
        open_image(tmp_path / "image.zarr")


def change(path, **changes):
    """Change the metadata of a Zarr array on disk."""
    file = path / ("zarr.json" if (path / "zarr.json").exists() else ".zarray")
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"shape": [10**6] * 3, "chunks": [10**6] * 3}, "declares a chunk of"),
        ({"chunks": [0, 1, 1]}, "cannot be read as Zarr"),
        ({"compressor": {"id": "pickle"}}, "cannot be read as Zarr"),
        ({"dtype": "|O"}, "cannot be read as Zarr"),
        ({"dtype": "<U5", "fill_value": ""}, "not numbers"),
        ({"filters": [{"id": "pickle", "protocol": 4}]}, "cannot be read as Zarr"),
        ({"filters": [{"id": "base64"}]}, "uses the codec base64, which is not accepted"),
        ({"shape": "many"}, "cannot be read as Zarr"),
    ],
)  # fmt: skip
def test_hostile_zarr_is_refused_before_a_chunk_is_read(tmp_path, changes, reason):
    path = tmp_path / "hostile.zarr"
    zarr.create_array(path, data=STACK, zarr_format=2, filters=None)
    change(path, **changes)
    with pytest.raises((OSError, ValueError), match=reason) as refused:
        open_image(path)
    assert "hostile.zarr" in str(refused.value)


def test_a_damaged_chunk_is_an_error_that_names_the_store(tmp_path):
    path = tmp_path / "damaged.zarr"
    zarr.create_array(path, data=STACK, chunks=(5, 70, 90))
    chunk = next(file for file in (path / "c").rglob("*") if file.is_file())
    chunk.write_bytes(chunk.read_bytes()[:-100])
    with pytest.raises(OSError, match=r"damaged\.zarr cannot be read at \[0, 0, 0\]"):
        np.asarray(open_image(path).data)


def tiff_of(width, height, compression=1):
    """Return a TIFF of under 200 bytes that declares a grey image of one strip."""
    tags = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, compression), (262, 3, 1),
            (273, 4, 8), (277, 3, 1), (278, 4, height), (279, 4, 20)]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", 28) + zlib.compress(bytes(9))[:20].ljust(20) + directory


def png_of(width, height):
    """Return the header of a PNG of this size, with no pixels."""
    header = struct.pack(">IIBBBBB", width, height, 16, 6, 0, 0, 0)
    chunk = b"IHDR" + header
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    )


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("huge.tif", tiff_of(10**6, 10**6), "is cut short"),
        ("bomb.tif", tiff_of(10**6, 10**6, 8), "declares one strip of 1,000,000,000,000 bytes"),
        ("huge.png", png_of(10**6, 10**6), "declares an image of 8,000,000,000,000 bytes"),
        ("text.tif", b"this is no image", "cannot be read as TIFF"),
        ("text.png", b"this is no image", "neither PNG nor JPEG"),
        ("text.npy", b"this is no image", "cannot be read as .npy"),
        ("empty.tif", b"", "is empty, a file of 0 bytes"),
        ("empty.npy", b"", "is empty, a file of 0 bytes"),
        ("empty.png", b"", "is empty, a file of 0 bytes"),
        ("empty.jpg", b"", "is empty, a file of 0 bytes"),
        ("note.txt", b"hello", "has no suffix that is read"),
    ],
)
def test_hostile_and_mistaken_files_are_one_sentence(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    with pytest.raises((OSError, ValueError), match=reason) as refused:
        open_image(tmp_path / name)
    assert str(tmp_path / name) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_not_there_or_no_image_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        open_image(tmp_path / "nothing.tif")
    with pytest.raises(ValueError, match="is a folder of files"):
        open_image(tmp_path)


def test_axes_may_be_given_and_are_checked(tmp_path):
    np.save(tmp_path / "a.npy", STACK)
    assert open_image(tmp_path / "a.npy", axes="tyx").axes == "TYX"
    with pytest.raises(ValueError, match=r"a\.npy: axes 'YX' names 2 axes"):
        open_image(tmp_path / "a.npy", axes="YX")


def test_axes_in_order_are_those_of_files(tmp_path):
    np.save(tmp_path / "a.npy", STACK)
    image = open_image(tmp_path / "a.npy", axes="CYX")
    assert image.in_order() is image
    turned = open_image(tmp_path / "a.npy", axes="XYZ").in_order()
    assert isinstance(turned, ImageFile)
    assert turned.axes == "ZYX"
    np.testing.assert_array_equal(turned.data, STACK.transpose(2, 1, 0))


def test_names_of_images(tmp_path):
    assert is_image(tmp_path / "A.TIF")
    assert not is_image(tmp_path / "notes.txt")
    assert not is_image(tmp_path)
    zarr.create_array(tmp_path / "cells", data=STACK)
    assert is_image(tmp_path / "cells"), "a store is an image, whatever it is called"
