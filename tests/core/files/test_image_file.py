"""Images of any file kind open with their axes, pixel size and pixels, or with one sentence."""

import re
import struct
import zlib

import numpy as np
import pytest
import zarr
from skimage.io import imread, imsave

from napari_unet.core.files.image_file import ImageFile, is_image, open_image

RNG = np.random.default_rng(7)
STACK = RNG.integers(0, 2**16, (5, 70, 90)).astype(np.uint16)
COLOUR = RNG.integers(0, 255, (70, 90, 3)).astype(np.uint8)


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
        ("bomb.tif", tiff_of(10**6, 10**6, 8), "declares one strip of 1.0 TB"),
        ("huge.png", png_of(10**6, 10**6), "declares an image of 8.0 TB"),
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
