"""A network that is taught live: where it starts from, what it shows, and how classes change."""

import numpy as np
import pytest
import torch

from napari_unet.core.network.unet import UNet
from napari_unet.core.teaching import live_network
from napari_unet.core.teaching.image_view import ImageView
from napari_unet.core.teaching.live_network import (
    LiveNetwork,
    between,
    change_classes,
    give_first_weights,
    new_network,
    one_thread,
    regrouped_network,
    settings_of,
)
from napari_unet.core.teaching.stroke_batches import StrokeBatches
from napari_unet.core.teaching.strokes import Strokes


@pytest.fixture
def live(picture, tools):
    """A network of the smallest size and two strokes to learn from."""
    image, truth = picture
    strokes = Strokes(image.shape)
    for seed in range(2):
        box, codes = tools.stroke(truth, seed, seed)
        strokes.paint((), box, codes - 1)
    settings = settings_of("nano", 0)
    rehearsal = StrokeBatches(ImageView(image, "YX"), strokes, settings)
    return LiveNetwork("nano", settings, rehearsal, new_network(settings, 1, 2))


def weights(network):
    return {name: weight.clone() for name, weight in network.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_part_of_the_way_lies_between():
    one, other = {"w": torch.tensor([0.0, 4.0])}, {"w": torch.tensor([1.0, -4.0])}
    assert between(one, other, 0.25)["w"].tolist() == [0.25, 2.0]


def test_the_smallest_network_starts_from_what_it_was_taught_but_for_its_head():
    one, other = (weights(new_network(settings_of("nano", seed), 1, 2)) for seed in (0, 1))
    assert same(one, weights(new_network(settings_of("nano", 0), 1, 2)))
    changed = {name for name in one if not torch.equal(one[name], other[name])}
    assert changed <= {"head.weight", "head.bias"}
    assert "head.weight" in changed
    assert not give_first_weights(UNet(base=8, depth=1))


def test_channels_of_a_colour_image_are_told_apart():
    first = new_network(settings_of("nano", 0), 3, 2).state_dict()[live_network.FIRST]
    gray = new_network(settings_of("nano", 0), 1, 2).state_dict()[live_network.FIRST]
    assert first.shape[1] == 3
    for channel in range(3):
        kernels = torch.stack([first[:, channel].flatten(), gray[:, 0].flatten()])
        assert torch.corrcoef(kernels)[0, 1] > 0.9
        assert not torch.equal(first[:, channel], first[:, (channel + 1) % 3])


def test_the_caller_draws_the_same_random_numbers_as_without_a_new_network():
    before = torch.get_rng_state()
    new_network(settings_of("small", 3), 1, 2)
    assert torch.equal(torch.get_rng_state(), before)


def test_averaged_weights_are_shown_and_the_network_learns_on_with_its_own(live):
    losses = [live.learn(number) for number in range(1, 31)]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    own, shown = weights(live.network), live.weights()
    assert not same(own, shown)
    assert same(own, weights(live.network))
    reborn = live.reborn(live.network, shown)
    assert same(weights(reborn.network), shown)
    assert reborn.steps == 0
    reborn.learn(1)
    assert same(own, weights(live.network)), "a copy learned"


def test_the_rate_rises_and_then_falls_to_a_third(live):
    rates = []
    for steps in (1, live.settings.warmup, live_network.EAGER, 320, 10**6):
        live.steps = steps
        rates.append(live._rate() / live.settings.rate)
    assert rates == [1 / live.settings.warmup, 1.0, 1.0, 0.5, live_network.LEAST]


def test_classes_keep_their_rows_and_a_new_one_is_likeliest_nowhere():
    network = new_network(settings_of("nano", 0), 1, 3)
    before = weights(network)
    after = change_classes(before, [2, None, 0])
    for name in ("head.weight", "head.bias"):
        assert torch.equal(after[name][0], before[name][2])
        assert torch.equal(after[name][2], before[name][0])
    assert {name for name in before if not name.startswith("head")} == {
        name for name in before if torch.equal(before[name], after[name])
    }
    tile = torch.rand(1, 1, 84, 84)
    kept = regrouped_network(network, [0, 1, 2, None]).eval()
    with torch.no_grad():
        assert kept(tile).argmax(1).max() < 3
    names = [entry["name"] for entry in network.about["classes"]]
    moved = regrouped_network(network, [0, 2]).about["classes"]
    assert [entry["name"] for entry in moved] == [names[0], names[2]]


def test_one_thread_within_and_as_many_as_before_afterwards():
    torch.set_num_threads(2)
    seen = []

    def fails():
        with one_thread():
            seen.append(torch.get_num_threads())
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fails()
    assert seen == [1]
    assert torch.get_num_threads() == 2
