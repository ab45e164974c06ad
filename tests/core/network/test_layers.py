"""One pass gives what pooling, cropping and autograd give in several."""

import pytest
import torch
import torch.nn.functional as F

from napari_unet.core.network.layers import pool_and_copy

POOL = {2: F.max_pool2d, 3: F.max_pool3d}


def plainly(x, size):
    cut = [(have - want) // 2 for have, want in zip(x.shape[2:], size, strict=True)]
    return POOL[len(size)](x, 2), x[
        (..., *(slice(c, c + n) for c, n in zip(cut, size, strict=True)))
    ]


@pytest.mark.parametrize("size", [(4, 6), (2, 4, 8)])
@pytest.mark.parametrize("used", [(0, 1), (0,), (1,)])
def test_values_and_gradients_equal_those_of_plain_operations(size, used):
    torch.manual_seed(0)
    shape = (2, 3, *(n + 4 for n in size))
    x = torch.randn(shape, dtype=torch.float64).relu().requires_grad_()  # zeros are ties
    found, expected = pool_and_copy(x, size), plainly(x, size)
    weights = [torch.randn_like(part) for part in expected]
    gradients = []
    for parts in (found, expected):
        loss = sum((parts[i].square() * weights[i]).sum() for i in used)
        gradients.append(torch.autograd.grad(loss, x)[0])
    for ours, theirs in (*zip(found, expected, strict=True), gradients):
        assert torch.equal(ours, theirs)


def test_the_copy_takes_no_memory():
    x = torch.randn(1, 2, 8, 8)
    middle = pool_and_copy(x, (4, 4))[1]
    assert middle.data_ptr() == x[..., 2:, 2:].data_ptr()
