"""Only plain tensors leave the child that opens a foreign file, and it takes little memory."""

import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from napari_unet.core.network import import_child

# -- what the child lets pass -------------------------------------------------------------------


@pytest.mark.parametrize("wrapping", ["state_dict", "model", "network"])
def test_state_dicts_are_found_in_their_wrappings(wrapping):
    state = {"a": torch.ones(2)}
    assert import_child.unwrapped(state) == state
    assert import_child.unwrapped({wrapping: state, "epoch": 1}) == state
    for wrong in ([1], torch.ones(1), None, {"model": {"model": {"model": {"model": {}}}}}):
        with pytest.raises(import_child.RefusedError, match="holds no state dict"):
            import_child.unwrapped(wrong)


@pytest.mark.filterwarnings("ignore:Sparse CSR")
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: torch.eye(3).to_sparse_csr(), "sparse, quantised or without content"),
        (lambda: torch.eye(3).to_sparse(), "sparse, quantised or without content"),
        (lambda: torch.empty(3, device="meta"), "sparse, quantised or without content"),
        (lambda: torch.zeros(3, dtype=torch.int64), "holds torch.int64, where weights are floats"),
        (lambda: torch.zeros(3, dtype=torch.complex64), "holds torch.complex64"),
        (lambda: torch.zeros(1).expand(2**40), "does not lie in one piece"),
        (lambda: torch.zeros(4, 4)[:, ::2], "does not lie in one piece"),
        (lambda: torch.zeros(2**20), "claim more numbers than the file holds"),
        (lambda: nn.Linear(1, 1), "is a Linear and no tensor"),
        (lambda: 3, "is a int and no tensor"),
    ],
)
def test_only_plain_numbers_pass(make, said):
    with pytest.raises(import_child.RefusedError, match=said):
        import_child.plain_tensors({"fine": torch.ones(2), "x": make()}, 1000)


def test_only_named_tensors_pass():
    for state in ({}, {3: torch.ones(1)}, {"x" * 999: torch.ones(1)}):
        with pytest.raises(import_child.RefusedError, match="state dict has"):
            import_child.plain_tensors(state, 1000)


def test_plain_tensors_pass_in_any_layout_of_memory():
    kernel = torch.arange(36.0).view(2, 2, 3, 3).to(memory_format=torch.channels_last)
    state = {
        "b": nn.Parameter(kernel),
        "a": torch.ones(2),
        "c.num_batches_tracked": torch.tensor(1),
    }
    found = import_child.plain_tensors(state, 1000)
    assert list(found) == ["b", "a"]
    assert found["b"].is_contiguous()
    assert torch.equal(found["b"], kernel)


LIMITED = """
from napari_unet.core.network.import_child import limit_memory
limit_memory(2**28)
bytearray(2**30)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps to the limit")
def test_the_child_cannot_take_more_memory_than_it_is_given():
    out = subprocess.run(
        [sys.executable, "-c", LIMITED], capture_output=True, text=True, check=False, env=os.environ
    )
    assert "MemoryError" in out.stderr
