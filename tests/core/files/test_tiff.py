"""TIFF of any layout, with axes, pixel size and pixels; damage is an error that names the file."""

import numpy as np
import pytest
import tifffile

from napari_unet.core.files.image_file import open_image

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
