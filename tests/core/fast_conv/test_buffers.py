"""Arrays begin with a line of the cache: what the weights and rows of maps lie in, too."""

import numpy as np
import pytest
import torch

from napari_unet.core.fast_conv.buffers import Workspace, aligned, aligned_copy
from napari_unet.core.fast_conv.weights import kernels_of, panels_of_rise


@pytest.mark.parametrize("size", [1, 15, 16, 1000, 10**6])
def test_zeros_begin_with_a_line(size):
    for made in [aligned(size, torch.zeros) for _ in range(5)]:
        assert made.shape == (size,)
        assert made.dtype == np.float32
        assert not made.any()
        assert made.ctypes.data % 64 == 0


def test_a_copy_is_the_same_in_its_own_order():
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1)
    copy = aligned_copy(array)
    np.testing.assert_array_equal(copy, array)
    assert copy.flags.c_contiguous
    assert copy.ctypes.data % 64 == 0
    assert not np.shares_memory(copy, array)


def test_weights_and_workspaces_do():
    weight, bias = np.ones((32, 16, 3, 3), np.float32), np.zeros(32, np.float32)
    assert kernels_of(weight, bias, [16]).values.ctypes.data % 64 == 0
    rise = panels_of_rise(np.ones((32, 16, 2, 2), np.float32), np.zeros(16, np.float32), False)
    assert rise.weights.ctypes.data % 64 == 0
    arrays = Workspace()
    assert not arrays.take("lines", (999,), torch.zeros).any()
    for shape in ((3, 5), (300, 7), (2, 2)):
        assert arrays.take("map", shape).ctypes.data % 64 == 0
