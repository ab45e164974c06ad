"""napari-unet import: a foreign state dict becomes a network file, and nothing is overwritten."""

import pytest
import torch

from napari_unet import load_network
from napari_unet.cli import main
from napari_unet.core.network.unet import UNet


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    network = UNet(2, 3, 2, 1, norm="none")
    torch.save(network.state_dict(), "theirs.pt")
    return network


def test_a_state_dict_becomes_a_network_file(theirs, capsys):
    assert main(["import", "theirs.pt", "-o", "ours.safetensors"]) == 0
    assert "2 channels, 3 classes, 2 features at the first of 2 levels" in capsys.readouterr().out
    ours = load_network("ours.safetensors")
    image = torch.rand(1, 2, 44, 44)
    with torch.no_grad():
        assert torch.equal(ours.eval()(image), theirs.eval()(image))
    assert main(["import", "theirs.pt", "-o", "ours.safetensors"]) == 1
    assert "exists already" in capsys.readouterr().err


def test_copied_first_swaps_what_is_joined(theirs):
    flags = ["-o", "other.safetensors", "--copied-first", "--quiet"]
    assert main(["import", "theirs.pt", *flags]) == 0
    joined = load_network("other.safetensors").expand[0].first.weight
    assert torch.equal(joined, theirs.expand[0].first.weight[:, [2, 3, 0, 1]])


def test_what_is_no_network_is_refused_in_a_sentence(theirs, capsys):
    torch.save({"weight": torch.zeros(3, 3)}, "other.pt")
    assert main(["import", "other.pt", "-o", "none.safetensors"]) == 1
    assert "the paper's U-Net" in capsys.readouterr().err
