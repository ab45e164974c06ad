"""The fast precision is taken only where labels stay the same."""

import numpy as np
import pytest
import torch

from napari_unet import UNet
from napari_unet.core.segmentation.precision import choose_precision
from napari_unet.core.segmentation.prepare import prepare


class TestPrecision:
    """The fast precision is taken only where labels stay the same."""

    @pytest.fixture(autouse=True)
    def fast(self, monkeypatch):
        home = "napari_unet.core.segmentation.precision.fast_dtype"
        monkeypatch.setattr(home, lambda device: torch.bfloat16)

    @staticmethod
    def sample():
        return np.random.default_rng(0).random((1, 40, 40), np.float32)

    def sure(self, margin):
        """Return a network whose scores differ by about ``margin`` before the softmax."""
        torch.manual_seed(0)  # one start in ninety is dead: all scores tie in any precision
        net = UNet(base=2, depth=1)
        with torch.no_grad():
            net.head.weight.mul_(0.1)
            net.head.bias.copy_(torch.tensor([0.0, margin]))
        return net

    def test_agreement(self):
        assert choose_precision(self.sure(5.0), "auto", self.sample) == "bfloat16"

    def test_disagreement(self):
        net = self.sure(0.0)
        with torch.no_grad():
            net.head.weight[0] = 1.0
            net.head.weight[1] = 1.002  # 1 in bfloat16
        assert choose_precision(net, "auto", self.sample) == "float32"

    def test_nothing_to_compare(self):
        assert choose_precision(self.sure(5.0), "auto", None) == "float32"

    def test_the_comparison_is_remembered_until_the_weights_change(self):
        net = self.sure(5.0)
        choose_precision(net, "auto", self.sample)
        assert choose_precision(net, "auto", None) == "bfloat16"
        with torch.no_grad():
            net.head.bias.zero_()
        assert choose_precision(net, "auto", None) == "float32"

    @pytest.mark.parametrize("name", ["float32", "winograd", "bfloat16", "float64"])
    def test_what_is_asked_for_is_taken(self, name):
        assert choose_precision(self.sure(5.0), name, None) == name

    def test_other_precisions_stay(self):
        assert choose_precision(UNet(base=1).double(), "auto", self.sample) == "float64"

    def test_large_images_are_compared_and_small_ones_are_not(self):
        net = UNet(base=2, depth=1)
        assert prepare(np.zeros((100, 100), np.uint8), net).scorer.precision == "float32"
        assert prepare(np.zeros((700, 700), np.uint8), net).scorer.precision == "bfloat16"
