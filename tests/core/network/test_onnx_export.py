"""The ONNX file, read by a decoder of its own and computed node by node, scores as the network."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from napari_unet.cli import main
from napari_unet.core.network.network_file import save_network
from napari_unet.core.network.onnx_export import onnx_bytes
from napari_unet.core.network.unet import UNet


def fields(data):
    """Yield (number, value) of a protocol buffer: whole numbers, or bytes."""
    place = 0

    def varint():
        nonlocal place
        value = shift = 0
        while True:
            byte = data[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        else:
            length = varint()
            yield key >> 3, data[place : place + length]
            place += length


def several(data, number):
    return [value for found, value in fields(data) if found == number]


def signed(value):
    return value - 2**64 if value >= 2**63 else value


def tensor(data):
    shape, (kind,), (name,), (raw,) = (several(data, n) for n in (1, 2, 8, 9))
    array = np.frombuffer(raw, {1: "<f4", 7: "<i8"}[kind]).reshape(shape)
    return name.decode(), torch.from_numpy(array.copy())


def computed(data, image):
    """Run the graph on ``image`` with torch's functions."""
    (graph,) = several(data, 7)
    values = dict(tensor(one) for one in several(graph, 5)) | {"image": torch.from_numpy(image)}
    dims = image.ndim - 2
    convolve, transpose = ((F.conv2d, F.conv_transpose2d), (F.conv3d, F.conv_transpose3d))[dims - 2]
    pool = (F.max_pool2d, F.max_pool3d)[dims - 2]
    for node in several(graph, 1):
        given = [values[name.decode()] for name in several(node, 1)]
        (kind,) = several(node, 4)
        said = {}
        for one in several(node, 5):
            numbers = [signed(v) for v in several(one, 8)] or signed(several(one, 3)[0])
            said[several(one, 1)[0].decode()] = numbers
        if kind == b"Conv":
            assert said["kernel_shape"] == list(given[1].shape[2:])
            found = convolve(*given)
        elif kind == b"ConvTranspose":
            found = transpose(*given, stride=said["strides"])
        elif kind == b"MaxPool":
            found = pool(given[0], said["kernel_shape"], said["strides"])
        elif kind == b"Relu":
            found = F.relu(given[0])
        elif kind == b"Concat":
            found = torch.cat(given, said["axis"])
        elif kind == b"Slice":
            starts, ends, axes = (one.tolist() for one in given[1:])
            cut = [slice(None)] * given[0].ndim
            for start, end, axis in zip(starts, ends, axes, strict=True):
                cut[axis] = slice(start, end)
            found = given[0][tuple(cut)]
        else:
            assert kind == b"Softmax"
            found = F.softmax(given[0], said["axis"])
        values[several(node, 2)[0].decode()] = found
    return values["scores"].numpy()


@pytest.mark.parametrize(
    "how",
    [
        {"base": 4, "depth": 1},
        {"base": 4, "depth": 3, "norm": "weight", "channels": 3, "classes": 4},
        {"base": 2, "depth": 4, "release": True},
        {"base": 4, "depth": 2, "skips": False},
        {"base": 2, "depth": 2, "dims": 3, "norm": "weight"},
    ],
)
def test_it_scores_as_the_network(how):
    torch.manual_seed(0)
    network = UNet(**how).eval()
    rng = np.random.default_rng(0)
    data = onnx_bytes(network)
    for more in (0, 2):
        edge = network.input_size(1) + 2**network.depth * more
        shape = (network.channels, *[edge] * (network.dims - 1), network.input_size(1))
        tile = rng.random(shape).astype(np.float32)
        np.testing.assert_allclose(computed(data, tile[None])[0], network.score(tile), atol=1e-5)


def test_onnx_runtime_agrees():
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    network = UNet(base=4, depth=2, norm="weight").eval()
    tile = np.random.default_rng(0).random((1, 76, 92)).astype(np.float32)
    session = runtime.InferenceSession(onnx_bytes(network), providers=["CPUExecutionProvider"])
    (found,) = session.run(["scores"], {"image": tile[None]})
    np.testing.assert_allclose(found[0], network.score(tile), atol=1e-5)


def test_the_command_writes_a_new_file_only(tmp_path, capsys):
    network, path = UNet(base=2, depth=1), tmp_path / "small.onnx"
    save_network(network, tmp_path / "small.safetensors")
    command = ["export", str(tmp_path / "small.safetensors"), "-o"]
    assert main([*command, str(path)]) == 0
    assert " kB): it takes tiles" in capsys.readouterr().out
    (smallest,) = {network.input_size(1)}
    tile = np.random.default_rng(0).random((1, smallest, smallest)).astype(np.float32)
    found = computed(path.read_bytes(), tile[None])[0]
    np.testing.assert_allclose(found, network.score(tile), atol=1e-5)
    assert main([*command, str(path)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert main([*command, str(tmp_path / "small.pt")]) == 1
    assert "does not end in .onnx" in capsys.readouterr().err
