"""What cannot be learned from is refused in words before a training starts."""

from dataclasses import replace

import numpy as np
import pytest

from napari_unet.core.annotation.annotation import Annotation
from napari_unet.core.training.train import train

REFUSED = {
    "not one pixel is labelled": lambda x: np.zeros_like(x),
    "belong to class 0": lambda x: np.ones_like(x),
    "belong to class 1": lambda x: np.where(x > 1, 2, 0),
    "the network knows the classes 0 to 1": lambda x: np.where(x > 1, 4, 1),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_learned_is_refused_before_the_start(make, network, settings, words):
    image, labels = make.scene()
    annotation = Annotation(image, REFUSED[words](labels))
    before = make.digest(network)
    with pytest.raises(ValueError, match=words):
        train(network, [annotation], settings)  # not even a step is asked for
    assert make.digest(network) == before
    assert network.about["history"] == []


def test_more_that_is_refused(make, annotation, network, settings):
    with pytest.raises(ValueError, match="no annotation"):
        train(network, [], settings)
    image, labels = make.scene()
    colour = Annotation(np.stack([image] * 3, -1), labels, axes="YXC", ids="objects")
    with pytest.raises(ValueError, match=r"to validate on has 3 channels and the network takes 1"):
        train(network, [annotation], settings, validation=[colour])
    with pytest.raises(ValueError, match="nothing is labelled in the annotations to validate on"):
        train(network, [annotation], settings, validation=[Annotation(image, labels * 0)])
    with pytest.raises(ValueError, match="Z axis"):
        train(make.build(replace(settings, dims=3)), [annotation], settings)


def test_annotations_without_labels_are_left_out_and_said(make, annotation, network, settings):
    image, labels = make.scene()
    nothing = Annotation(image, labels * 0)
    steps = list(train(network, [nothing, annotation], replace(settings, steps=2)))
    assert [step.said for step in steps] == ["1 annotations without labels are left out.", ""]
