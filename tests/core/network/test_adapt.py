"""A network for other channels or classes keeps everything else bit for bit, and says what not."""

import copy
import math

import pytest
import torch

from napari_unet.core.network.adapt import adapt
from napari_unet.core.network.unet import UNet

FIRST = {f"contract.0.first.{part}" for part in ("weight", "bias", "gain")}
HEAD = {"head.weight", "head.bias"}


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = UNet(2, 3, 8, 2, norm="weight").double()
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.25)
    network.about["classes"][1] = {"name": "nucleus", "color": "#123456"}
    network.about["pixel_size"] = {"Y": 0.5, "X": 0.5}
    return network


@pytest.mark.parametrize(
    ("changes", "fresh", "said"),
    [
        ({"channels": 5}, FIRST, "the first layer was re-initialised (channels: 2 → 5)"),
        ({"classes": 2}, HEAD, "the head was re-initialised (classes: 3 → 2)"),
        (
            {"channels": 1, "classes": 4}, FIRST | HEAD,
            "the first layer was re-initialised (channels: 2 → 1); "
            "the head was re-initialised (classes: 3 → 4)",
        ),
        ({"channels": 2, "classes": 3}, set(), "nothing had to change"),
        ({}, set(), "nothing had to change"),
    ],
)  # fmt: skip
def test_only_what_must_change_does(network, changes, fresh, said):
    before = copy.deepcopy(network.state_dict())
    adapted, words = adapt(network, **changes)
    assert words == said
    assert adapted.channels == changes.get("channels", 2)
    assert adapted.classes == changes.get("classes", 3)
    for name, weight in adapted.state_dict().items():
        assert weight.dtype == torch.float64
        assert (name in fresh) != torch.equal(weight, before[name]), name
        assert torch.equal(network.state_dict()[name], before[name])  # the one given is untouched
    n = adapted.input_size(1)
    assert adapted.score(torch.rand(adapted.channels, n, n).numpy()).shape[0] == adapted.classes


def test_fresh_layers_are_drawn_as_new_ones_are(network):
    adapted, _ = adapt(network, channels=64, classes=100)
    first, head = adapted.contract[0].first, adapted.head
    assert first.weight.std().item() == pytest.approx(math.sqrt(2 / (9 * 64)), rel=0.1)
    assert head.weight.std().item() == pytest.approx(math.sqrt(2 / 8), rel=0.1)
    assert torch.all(first.gain == 1)
    assert not head.bias.any()


def test_names_of_remaining_classes_and_the_rest_of_about_are_kept(network):
    fewer, _ = adapt(network, classes=2)
    more, said = adapt(network, classes=5)
    assert fewer.about["classes"] == network.about["classes"][:2]
    assert more.about["classes"][:3] == network.about["classes"]
    assert [c["name"] for c in more.about["classes"][3:]] == ["class 3", "class 4"]
    assert more.about["pixel_size"] == {"Y": 0.5, "X": 0.5}
    assert more.about["history"] == [{"event": "adapted", "said": said}]
    assert network.about["history"] == []


def test_mode_and_limits_are_kept(network):
    assert not adapt(network.eval(), classes=2)[0].training
    assert adapt(network.train(), classes=2)[0].training
    for wrong in ({"classes": 1}, {"channels": 0}):
        with pytest.raises(ValueError, match="it must lie between"):
            adapt(network, **wrong)
