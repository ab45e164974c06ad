"""A training with previews and segmentations between its steps is the training it is alone."""

import numpy as np
import torch

from napari_unet.core.annotation.annotation import Annotation
from napari_unet.core.network.unet import UNet
from napari_unet.core.sampling.sample import draw_sample
from napari_unet.core.sampling.synthetic_cells import draw_cells
from napari_unet.core.segmentation.segment import score_tiles
from napari_unet.core.training.settings import TrainSettings
from napari_unet.core.training.train import train
from napari_unet.workflows.scheduler import Compute, ScheduledJob, Urgency

SETTINGS = TrainSettings(
    base=2, depth=1, tile=44, steps=6, optimiser="adam", warmup=1, ema=0.5, dropout=0.2
)


def annotation():
    image, labels = draw_cells(np.random.default_rng(0), (64, 64), 5)
    return Annotation(image, labels, zero="background", ids="objects")


def trained(beside):
    """Train in a compute thread; after each step ``beside`` asks for more urgent work."""
    network = new_network()
    office = []

    def yielded(work):
        work.take()
        if work.urgency == Urgency.TRAINING:
            office.extend(beside(compute, network))

    compute = Compute(yielded, lambda work: None, lambda: None)
    work = ScheduledJob(lambda: train(network, [annotation()], SETTINGS), Urgency.TRAINING)
    compute.submit(work)
    assert compute.wait([work, *office], 60)
    assert compute.wait(office, 60)
    assert compute.shut_down(60)
    assert work.outcome.error is None, work.outcome.details
    assert [other.outcome.error for other in office] == [None] * len(office)
    return network.state_dict(), len(office)


def new_network():
    torch.manual_seed(0)
    return UNet(base=2, depth=1, dropout=0.2)


def previews(compute, network):
    rng = np.random.default_rng(2)
    image = np.random.default_rng(1).random((80, 80)).astype(np.float32)
    asked = [
        ScheduledJob(lambda: draw_sample(annotation(), SETTINGS, rng), Urgency.PREVIEW),
        ScheduledJob(lambda: score_tiles(image, network, tile=44), Urgency.VIEW),
        ScheduledJob(lambda: torch.rand(3), Urgency.TEACHING),
    ]
    for work in asked:
        compute.submit(work)
    return asked


def test_what_runs_between_the_steps_changes_no_weight():
    alone, nothing = trained(lambda compute, network: [])
    beside, asked = trained(previews)
    assert nothing == 0
    assert asked >= 3 * SETTINGS.steps
    for name, weight in alone.items():
        assert torch.equal(weight, beside[name]), name
