"""Foreign files are opened in a child process: what they hold is numbers, or nothing comes back."""

import pickle
import time
from itertools import product
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from napari_unet.core.network import import_state_dict
from napari_unet.core.network.import_state_dict import convert_state_dict, recognise
from napari_unet.core.network.metadata import empty_about
from napari_unet.core.network.network_file import (
    NetworkFileError,
    build_network,
    load_network,
    save_network,
)
from napari_unet.core.network.unet import UNet


def drawn():
    torch.manual_seed(0)
    return UNet(2, 3, 2, 1, norm="weight")


def test_a_state_dict_becomes_a_network(tmp_path):
    network, path = drawn(), tmp_path / "theirs µ.pth"
    torch.save({"epoch": 3, "state_dict": network.state_dict(), "note": "x"}, path)
    found = convert_state_dict(path)
    assert found.architecture == network.architecture
    for name, weight in network.state_dict().items():
        assert torch.equal(found.state_dict()[name], weight)
    assert found.about["history"] == [{"event": "converted", "from": "theirs µ.pth"}]
    save_network(found, tmp_path / "ours.safetensors")
    assert load_network(tmp_path / "ours.safetensors").about["history"] == found.about["history"]


class Hostile:
    """Unpickling it makes a file."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return open, (self.marker, "w")


def test_code_in_a_file_is_not_executed(tmp_path):
    marker, path = tmp_path / "executed", tmp_path / "hostile.pt"
    torch.save({"state_dict": drawn().state_dict(), "more": Hostile(marker)}, path)
    with pytest.raises(NetworkFileError, match="PyTorch cannot read it as weights alone"):
        convert_state_dict(path)
    assert not marker.exists()
    torch.load(path, weights_only=False)["more"].close()
    assert marker.exists()  # the file is as hostile as it looks


def bare_pickle(path, marker):
    path.write_bytes(pickle.dumps(Hostile(marker)))


def truncated(path, marker):
    torch.save(drawn().state_dict(), path)
    path.write_bytes(path.read_bytes()[:-2000])


def huge(path, marker):
    """1 kB of file, 4 TB of numbers."""
    torch.save({"a": torch.zeros(1).expand(2**40)}, path)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (bare_pickle, "PyTorch cannot read it as weights alone"),
        (truncated, "PyTorch cannot read it as weights alone"),
        (huge, "its tensor 'a' does not lie in one piece"),
    ],
)
def test_each_bad_file_is_refused_in_one_line(tmp_path, spoil, said):
    path, marker = tmp_path / "bad.pt", tmp_path / "executed"
    spoil(path, marker)
    with pytest.raises(NetworkFileError, match=said) as caught:
        convert_state_dict(path)
    assert str(caught.value).startswith(f"{str(path)!r} cannot be loaded: ")
    assert str(caught.value).isprintable()
    assert not marker.exists()


@pytest.fixture
def endless(tmp_path, monkeypatch):
    """Put a program that does not end in the place of the child."""
    (tmp_path / "endless.py").write_text("import time\ntime.sleep(100)\n", encoding="ascii")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(import_state_dict, "import_child", SimpleNamespace(__name__="endless"))


@pytest.mark.usefixtures("endless")
@pytest.mark.parametrize(
    ("limit", "value", "said"),
    [("SECONDS", 0.96, "took longer than 1 s"), ("MEMORY", 1000, "of memory")],
)
def test_a_child_that_takes_too_much_is_ended(tmp_path, monkeypatch, limit, value, said):
    (tmp_path / "x.pt").write_bytes(b"x")
    monkeypatch.setattr(import_state_dict, limit, value)
    start = time.monotonic()
    with pytest.raises(NetworkFileError, match=said):
        convert_state_dict(tmp_path / "x.pt")
    assert time.monotonic() - start < 50  # the child would have taken twice that


def test_a_child_that_dies_is_a_refusal(tmp_path, monkeypatch):
    path = tmp_path / "x.pt"
    torch.save({}, path)
    monkeypatch.setattr(
        import_state_dict, "import_child", SimpleNamespace(__name__="no_such_module")
    )
    with pytest.raises(NetworkFileError, match="reading it broke the process that tried"):
        convert_state_dict(path)


def test_a_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        convert_state_dict(tmp_path / "none.pt")
    with pytest.raises(NetworkFileError, match="not a file"):
        convert_state_dict(tmp_path)


class Foreign(nn.Module):
    """A U-Net as others write it: other names, another order of layers, options of the wild."""

    def __init__(
        self, inputs=2, classes=3, base=4, depth=2, *, padded=False, copied_first=False,
        bias=True, norm=False, order="interleaved",
    ):  # fmt: skip
        super().__init__()
        self.padded, self.copied_first = padded, copied_first

        def block(given, made):
            layers = []
            for n in (given, made):
                layers += [nn.Conv2d(n, made, 3, padding=int(padded), bias=bias), nn.ReLU()]
                layers += [nn.BatchNorm2d(made)] if norm else []
            return nn.Sequential(*layers)

        widths = [base << level for level in range(depth + 1)]
        down = [block(widths[i - 1] if i else inputs, widths[i]) for i in range(depth + 1)]
        ups = [nn.ConvTranspose2d(widths[i + 1], widths[i], 2, 2) for i in range(depth)]
        blocks = [block(2 * widths[i], widths[i]) for i in range(depth)]
        if order == "interleaved":
            self.down = nn.ModuleList(down)
            self.up = nn.ModuleList(
                nn.ModuleDict({"sampler": u, "convs": b})
                for u, b in reversed(list(zip(ups, blocks, strict=True)))
            )
            self._decoder = [(m["sampler"], m["convs"]) for m in self.up]
        else:  # shallow levels first, and the decoder before the encoder
            self.z_blocks, self.down = nn.ModuleList(blocks), nn.ModuleList(down)
            self.a_ups = nn.ModuleList(ups)
            self._decoder = list(zip(ups, blocks, strict=True))[::-1]
        self.last = nn.Conv2d(base, classes, 1)

    def forward(self, x):
        copies = []
        for block in self.down[:-1]:
            x = block(x)
            copies.append(x)
            x = F.max_pool2d(x, 2)
        x = self.down[-1](x)
        for up, block in self._decoder:
            x, copied = up(x), copies.pop()
            cut = (copied.shape[-1] - x.shape[-1]) // 2
            copied = copied[..., cut : cut + x.shape[-2], cut : cut + x.shape[-1]]
            x = block(torch.cat((copied, x) if self.copied_first else (x, copied), 1))
        return self.last(x)


def converted(foreign, **options):
    architecture, weights = recognise(dict(foreign.state_dict()), **options)
    return build_network(architecture, empty_about(architecture.classes), weights)


@pytest.mark.parametrize(
    "options",
    [
        {}, {"depth": 1}, {"depth": 3, "base": 2, "inputs": 1}, {"bias": False},
        {"copied_first": True}, {"order": "shallow first"}, {"inputs": 8},
    ],
)  # fmt: skip
def test_a_foreign_network_scores_the_same_when_converted(options):
    torch.manual_seed(0)
    foreign = Foreign(**options).double()
    network = converted(foreign, copied_first=foreign.copied_first)
    assert network.classes == 3
    tile = torch.randn(1, network.channels, *(network.input_size(6),) * 2, dtype=torch.float64)
    torch.testing.assert_close(network(tile), foreign(tile), atol=1e-10, rtol=1e-10)


def test_the_order_of_the_copies_matters_and_cannot_be_seen():
    torch.manual_seed(0)
    foreign = Foreign(copied_first=True).double()
    tile = torch.randn(1, 2, 44, 44, dtype=torch.float64)
    assert (converted(foreign)(tile) - foreign(tile)).abs().max() > 1e-3


def test_a_padded_network_scores_the_same_where_its_pooling_grid_is_met():
    torch.manual_seed(0)
    foreign = Foreign(padded=True).double()
    image = torch.randn(1, 2, 128, 128, dtype=torch.float64)
    start, n = 26, 64  # 2 above a multiple of 4: two convolutions come before each pooling
    inner = converted(foreign)(image[..., start : start + n, start : start + n])
    same = slice(start + 20, start + n - 20)
    torch.testing.assert_close(foreign(image)[..., same, same], inner)


def test_one_channel_and_a_sigmoid_are_two_classes():
    torch.manual_seed(0)
    foreign = Foreign(classes=1).double()
    network = converted(foreign)
    tile = torch.randn(1, 2, 44, 44, dtype=torch.float64)
    assert network.classes == 2
    torch.testing.assert_close(network(tile).softmax(1)[:, 1:], foreign(tile).sigmoid())


@pytest.mark.parametrize(
    "options",
    [
        dict(zip(("dims", "norm", "skips", "release"), chosen, strict=True))
        for chosen in product((2, 3), ("none", "weight"), (True, False), (True, False))
    ],
)
def test_our_own_are_recognised_whatever_their_options(options):
    network = UNet(3, 4, 2, 2, **options)
    architecture, weights = recognise(network.state_dict())
    assert architecture == network.architecture
    assert all(torch.equal(weights[name], w) for name, w in network.state_dict().items())


def bilinear(state):
    """A decoder that interpolates has no up-convolutions."""
    return {name: w for name, w in state.items() if "sampler" not in name}


def wider_at_the_end(state):
    return state | {"last.weight": torch.zeros(3, 5, 1, 1)}


def one_kernel_other(state):
    return state | {"down.1.2.weight": torch.zeros(8, 9, 3, 3)}


def one_bias_longer(state):
    return state | {"down.1.2.bias": torch.zeros(9)}


@pytest.mark.parametrize(
    ("options", "change", "said"),
    [
        ({"norm": True}, dict, "it has batch normalisation"),
        ({}, bilinear, "10 kernels of 3x3, 0 of 2x2 and 1 of 1x1"),
        ({}, lambda state: {}, "0 kernels of 3x3, 0 of 2x2 and 0 of 1x1"),
        ({}, lambda state: {"a": torch.zeros(5)}, "0 kernels of 3x3"),
        ({}, wider_at_the_end, "not those of a U-Net with 5 channels at the first level"),
        ({}, one_kernel_other, "not those of a U-Net with 4 channels at the first level"),
        ({}, one_bias_longer, r"weights for contract.1.second.bias are not of shape \(8,\)"),
        ({}, lambda s: s | {"gn.weight": torch.ones(4)}, "its 'gn.weight' belongs to a layer"),
        ({}, lambda s: s | {"late.weight": torch.ones(4, 4, 5, 5)}, "and others"),
        ({"classes": 300}, dict, "classes is 300: it must lie between 2 and 255"),
    ],
)
def test_another_topology_is_refused_in_words(options, change, said):
    with pytest.raises(ValueError, match=said):
        recognise(change(dict(Foreign(**options).state_dict())))
