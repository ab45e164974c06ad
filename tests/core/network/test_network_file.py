"""A network file comes back as it was saved, or is refused in one line."""

import json
import os
import random
import re
import struct
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import safetensors.torch
import torch

from napari_unet.core.network import network_file
from napari_unet.core.network.legal_sizes import Architecture
from napari_unet.core.network.metadata import LARGEST, empty_about
from napari_unet.core.network.network_file import NetworkFileError, load_network, save_network
from napari_unet.core.network.unet import UNet

MUTANTS = 3000


def drawn(**options):
    torch.manual_seed(0)
    return UNet(**{"base": 2, "depth": 1, "norm": "weight"} | options)


def same_weights(network, other):
    ours, theirs = network.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(
        ours[name].dtype == theirs[name].dtype and torch.equal(ours[name], theirs[name])
        for name in ours
    )


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "network.safetensors"
    save_network(drawn(), path, pixel_size={"Y": 0.65, "X": 0.65})
    return path


def written(path, header, data):
    """Write a file of this header (JSON) and these tensors, whatever they say."""
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def parts(path):
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + length]), data[8 + length :]


@pytest.mark.parametrize(
    "options",
    [
        {}, {"channels": 3, "classes": 5, "dims": 3}, {"norm": "none", "depth": 2, "dropout": 0.1},
        {"skips": False, "release": True},
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_what_is_saved_comes_back(tmp_path, options, dtype):
    network = drawn(**options).to(dtype)
    network.about["history"].append({"event": "trained", "loss": 0.125, "µm": "½"})
    path = tmp_path / "network.safetensors"
    save_network(network, path, settings={"base": 2})
    found = load_network(path)
    assert found.architecture == network.architecture
    assert same_weights(found, network)
    assert found.about == {
        **network.about, "settings": {"base": 2}, "versions": found.about["versions"]
    }  # fmt: skip
    assert found.about["versions"]["torch"] == torch.__version__
    assert not found.training
    assert all(weight.requires_grad and not weight.is_meta for weight in found.parameters())
    n = found.input_size(1)
    if dtype == torch.float64:
        tile = np.random.default_rng(0).normal(size=(found.channels, *(n,) * found.dims))
        np.testing.assert_array_equal(found.score(tile), network.score(tile))


def test_loading_leaves_the_random_numbers_alone(saved):
    state = torch.get_rng_state()
    load_network(saved)
    assert torch.equal(torch.get_rng_state(), state)


def test_any_program_can_read_the_file(saved):
    weights = safetensors.torch.load(saved.read_bytes())
    assert weights.keys() == drawn().state_dict().keys()
    metadata = parts(saved)[0]["__metadata__"]
    assert json.loads(metadata["architecture"])["base"] == 2
    assert json.loads(metadata["about"])["pixel_size"] == {"Y": 0.65, "X": 0.65}
    assert re.fullmatch("[0-9a-f]{64}", metadata["sha256"])


def test_nothing_is_overwritten_unasked(saved):
    before = saved.read_bytes()
    with pytest.raises(FileExistsError, match=re.escape(str(saved))):
        save_network(drawn(base=3), saved)
    assert saved.read_bytes() == before
    save_network(drawn(base=3), saved, overwrite=True)
    assert load_network(saved).base == 3
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_save_that_fails_keeps_the_old_file(saved, monkeypatch):
    def refuse(handle):
        raise OSError(28, "No space left on device")

    before = saved.read_bytes()
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="full"):
        save_network(drawn(base=3), saved, overwrite=True)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def with_nan(network):
    with torch.no_grad():
        network.head.bias[1] = torch.nan


def with_mixed_types(network):
    network.head.half()


@pytest.mark.parametrize(
    ("change", "about", "said"),
    [
        (with_nan, {}, "the network is not saved: 1 values of head.bias are NaN or infinite"),
        (with_mixed_types, {}, "weights are of type"),
        (None, {"note": float("nan")}, "no JSON"),
        (None, {"note": (1, 2)}, "tuples are lists"),
        (None, {"note": {1: 2}}, "keys are strings"),
        (None, {"note": np.float32(1)}, "no JSON"),
        (None, {"history": ["x" * LARGEST]}, f"and {LARGEST} fit a network file: shorten"),
        (None, {"classes": []}, "names 0 classes and the network has 2"),
        (None, {"classes": [{"name": "a", "color": "red"}] * 2}, "a color such as"),
        (None, {"normalisation": {"low": 1.0}}, "the keys low, high and flatten"),
        (None, {"normalisation": {"low": 9, "high": 3, "flatten": 0}}, "low below high"),
        (None, {"pixel_size": {"X": 0}}, "above 0"),
        (None, {"settings": []}, r"about\['settings'\] must be a dict"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(tmp_path, change, about, said):
    network = drawn()
    if change:
        change(network)
    with pytest.raises(ValueError, match=said):
        save_network(network, tmp_path / "x.safetensors", **about)
    assert not list(tmp_path.iterdir())


def test_the_longest_about_still_fits(tmp_path):
    """Quotation marks are the worst case: each is written as three bytes in the end."""
    network = drawn(base=1, depth=6)
    free = LARGEST - len(json.dumps(empty_about(2))) - 150
    save_network(network, tmp_path / "x", history=['"' * (free // 2)])
    assert load_network(tmp_path / "x").about["history"] == ['"' * (free // 2)]


def edited(change):
    def edit(path):
        header, data = parts(path)
        data = change(header, data)
        written(path, header, data)

    return edit


def architecture(**changes):
    def change(header, data):
        metadata = header["__metadata__"]
        metadata["architecture"] = json.dumps(json.loads(metadata["architecture"]) | changes)
        return data

    return edited(change)


def metadata(**changes):
    def change(header, data):
        header["__metadata__"] |= changes
        return data

    return edited(change)


def entry(name, **changes):
    def change(header, data):
        header[name] |= changes
        return data

    return edited(change)


def exchange(first, second):
    """Give two weights of one shape each other's place."""

    def change(header, data):
        header[first], header[second] = header[second], header[first]
        return data

    return edited(change)


def infinite(header, data):
    start = header["head.bias"]["data_offsets"][0]
    return data[:start] + np.float32(np.inf).tobytes() + data[start + 4 :]


def renamed(header, data):
    header["head.weight\n\x1b"] = header.pop("head.weight")
    return data


WRONG = {
    "empty": (lambda path: path.write_bytes(b""), "no network file|not a network file"),
    "a picture": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99)), "not a network"),
    "a pickle": (lambda path: torch.save({}, path), "it is a PyTorch file: convert it first"),
    "of others": (
        lambda path: safetensors.torch.save_file({"a": torch.zeros(3)}, path),
        "no network of napari-unet",
    ),
    "newer": (metadata(format="2"), "its format is '2' and .* reads format 1: update napari-unet"),
    "a longer header": (
        lambda path: path.write_bytes(struct.pack("<Q", 2**40) + bytes(99)),
        "its header would have 1099511627776 bytes",
    ),
    "header of 1 MB": (metadata(more="x" * 1_000_000), "its header would have"),
    "nested": (metadata(about="[" * 90_000), "its about is damaged"),
    "no digest": (metadata(sha256=None), "its header is damaged"),
    "another digest": (metadata(sha256="0" * 64), "does not match its digest"),
    "more metadata": (metadata(more="x"), "does not match its digest"),
    "another about": (metadata(about=json.dumps(empty_about(2))), "does not match its digest"),
    "a wrong about": (metadata(about="{}"), "lacks classes"),
    "infinite about": (
        metadata(about=json.dumps(empty_about(2) | {"note": 1}).replace("1}", "1e999}")), "no JSON",
    ),
    "wider": (architecture(base=4), "another shape than"),
    "deeper": (architecture(depth=2), "do not fit its architecture: see 'contract.1"),
    "absurd": (architecture(base=16384, depth=12), "channels at the bottom"),
    "as wide as can be": (architecture(base=4, depth=12, dims=3), "do not fit its architecture"),
    "other dropout": (architecture(dropout=0.25), "does not match its digest"),
    "other dims": (architecture(dims=3), "another shape than"),
    "unknown field": (architecture(padding=1), "its architecture is damaged"),
    "wrong field": (architecture(base="2"), "its architecture is damaged"),
    "a norm with control signs": (architecture(norm="\x1b[31m\n" + "x" * 9999), "norm is .*x"),
    "infinite": (edited(infinite), "1 values of head.bias are NaN or infinite"),
    "renamed": (edited(renamed), "do not fit its architecture"),
    "exchanged": (exchange("bottom.first.bias", "bottom.first.gain"), "does not match its digest"),
    "other type": (entry("head.bias", dtype="I32"), "of type .* which is not read"),
    "two types": (entry("head.bias", dtype="F64"), "of type .* which is not read"),
    "overlapping": (entry("head.bias", data_offsets=[0, 8]), "overlap or leave gaps"),
    "no numbers": (entry("head.bias", data_offsets=["0", "8"]), "its header is damaged"),
    "other shape": (entry("head.bias", shape=[1, 2]), "another shape than"),
    "longer": (lambda path: path.write_bytes(path.read_bytes() + b"\0"), "and should have"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_each_wrong_file_is_refused_with_its_reason(saved, what):
    spoil, said = WRONG[what]
    spoil(saved)
    with pytest.raises(NetworkFileError, match=said) as caught:
        load_network(saved)
    assert_one_line(caught.value, saved)


def assert_one_line(error, path):
    text = str(error)
    assert text.startswith(f"{str(path)!r} cannot be loaded: ")
    assert text.isprintable()
    assert len(text) < len(str(path)) + 300


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_network(tmp_path / "none")
    if hasattr(os, "mkfifo"):
        with pytest.raises(NetworkFileError, match="not a file"):
            load_network("/dev/zero")


# -- 3 000 mutants ------------------------------------------------------------------------------


def flip_bits(data, rng):
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def put_bytes(data, rng):
    found = bytearray(data)
    for _ in range(rng.choice((1, 4))):
        found[rng.randrange(len(found))] = rng.randrange(256)
    return bytes(found)


def in_header(mutate, data, rng):
    length = struct.unpack("<Q", data[:8])[0]
    head = mutate(data[8 : 8 + length], rng)
    return struct.pack("<Q", len(head)) + head + data[8 + length :]


def truncate(data, rng):
    return data[: rng.randrange(len(data))]


def zero_fill(data, rng):
    start = rng.randrange(len(data))
    length = rng.choice((1, 16, 512, len(data)))
    return data[:start] + bytes(min(length, len(data) - start)) + data[start + length :]


def insert(data, rng):
    at = rng.randrange(len(data))
    return data[:at] + rng.choice((b" ", b"\0", b"9", b'"', rng.randbytes(7))) + data[at:]


def delete(data, rng):
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.choice((1, 2, 100)) :]


def repeat(data, rng):
    at = rng.randrange(len(data))
    return data[:at] + data[at : at + 64] + data[at:]


def exchange_halves(data, rng):
    at = rng.randrange(1, len(data))
    return data[at:] + data[:at]


def change_number(data, rng):
    """Write another number in the place of one in the header."""
    length = struct.unpack("<Q", data[:8])[0]
    text = data[8 : 8 + length]
    found = rng.choice(list(re.finditer(rb"\d+", text)))
    new = str(rng.choice((0, 1, 2, 3, 255, 2**31, 2**63, 2**70, -1, 1e308))).encode()
    text = text[: found.start()] + new + text[found.end() :]
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


MUTATIONS = [
    flip_bits, put_bytes, truncate, zero_fill, insert, delete, repeat, exchange_halves,
    change_number, *(partial(in_header, m) for m in (flip_bits, put_bytes, insert, delete, repeat)),
]  # fmt: skip


def test_no_mutant_is_loaded_with_other_weights(tmp_path):
    """A mutant that loads is one that says the same: blanks in the header, for instance."""
    original = drawn(base=4)
    path, good = tmp_path / "mutant.safetensors", tmp_path / "good.safetensors"
    save_network(original, good, note="µ")
    data, about = good.read_bytes(), load_network(good).about
    rng, refused, harmless = random.Random(0), 0, 0
    while refused + harmless < MUTANTS:
        mutant = rng.choice(MUTATIONS)(data, rng)
        if mutant == data:
            continue
        path.write_bytes(mutant)
        try:
            found = load_network(path)
        except NetworkFileError as error:
            assert_one_line(error, path)
            refused += 1
        else:
            assert same_weights(found, original)
            assert found.about == about
            assert found.architecture == original.architecture
            harmless += 1
    assert refused > 0.97 * MUTANTS
    assert harmless < 0.03 * MUTANTS


def test_the_digest_is_what_stops_most_of_them(tmp_path, monkeypatch):
    """Without the digest many mutants load with other weights: the test above can fail."""
    original, path = drawn(base=4), tmp_path / "mutant.safetensors"
    save_network(original, path)
    data, rng, silent = path.read_bytes(), random.Random(0), 0
    digest = parts(path)[0]["__metadata__"]["sha256"]
    monkeypatch.setattr("napari_unet.core.network.network_file._digest", lambda *_: digest)
    for _ in range(100):
        path.write_bytes(flip_bits(data, rng))
        try:
            silent += not same_weights(load_network(path), original)
        except NetworkFileError:
            continue
    assert silent > 40


HUNGRY = """
import resource, sys
from napari_unet.core.network.network_file import NetworkFileError, load_network
from napari_unet.core.network.network_file import shapes_of
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    load_network(sys.argv[1])
except NetworkFileError as error:
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before}")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux counts it")
def test_an_absurd_size_is_refused_before_memory_is_taken(tmp_path):
    """A header that is right in itself announces 48 GB of weights; the file has 2 KB."""
    shape = Architecture(base=1024, depth=4, dims=3)
    entries, end = {}, 0
    for name, size in network_file.shapes_of(shape).items():
        length = 4 * int(np.prod(size))
        entries[name] = {"dtype": "F32", "shape": list(size), "data_offsets": [end, end + length]}
        end += length
    said = network_file.describe(shape, empty_about(2)) | {"sha256": "0" * 64}
    path = tmp_path / "hungry.safetensors"
    written(path, {"__metadata__": said, **entries}, b"")
    assert end > 40e9
    command = [sys.executable, "-c", HUNGRY, str(path)]
    out = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(out.stdout) < 50_000  # kB, which torch takes for itself
