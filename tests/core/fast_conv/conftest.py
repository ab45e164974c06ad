"""Networks with weights of their own, so that a wrong bias shows."""

import pytest
import torch

from napari_unet import UNet


@pytest.fixture
def network():
    """Return what makes a network of a shape, the same one each time."""

    def made(**shape):
        torch.manual_seed(5)
        net = UNet(**shape).eval()
        with torch.no_grad():
            for name, weight in net.named_parameters():
                if name.endswith("bias"):
                    weight.normal_(0, 0.1)
        return net

    return made
