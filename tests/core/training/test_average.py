"""Averaged weights: the recursion by hand, and an exchange that costs nothing and loses nothing."""

import torch

from napari_unet.core.training.learner import Average


def test_it_is_the_moving_average_that_forgets_its_start():
    parameter = torch.nn.Parameter(torch.tensor([10.0], dtype=torch.float64))
    average, expected = Average([parameter], 0.9), 10.0
    for number in range(1, 200):
        with torch.no_grad():
            parameter.fill_(float(number % 7))
        average.update(number)
        memory = min(0.9, (1 + number) / (10 + number))
        expected = memory * expected + (1 - memory) * (number % 7)
    assert abs(average.tensors[0].item() - expected) < 1e-12


def test_exchanging_twice_changes_nothing_and_copies_nothing():
    layer = torch.nn.Linear(3, 2)
    average = Average(layer.parameters(), 0.5)
    before = [p.detach().clone() for p in layer.parameters()]
    places = [p.data_ptr() for p in layer.parameters()]
    with torch.no_grad():
        layer.weight.add_(1)
    average.exchange()
    assert torch.equal(layer.weight, before[0])
    average.exchange()
    assert torch.equal(layer.weight, before[0] + 1)
    assert [p.data_ptr() for p in layer.parameters()] == places
