"""Train a small network on the sample nuclei, segment an image it has not seen, and score it.

python examples/train_and_segment.py [STEPS]
"""

import sys

from napari_unet import Annotation, TrainSettings, UNet, evaluation, samples, segment, train


def main(steps: int) -> float:
    """Return the average precision at IoU 0.5 on the test image after ``steps`` steps."""
    annotations = []
    for name in ("nuclei", "nuclei-2"):
        sample = samples.load(name)
        annotations.append(
            Annotation(
                sample.image, sample.labels, axes=sample.axes, zero="background", ids="objects"
            )
        )
    settings = TrainSettings.preset("nano", steps=steps)
    network = UNet.of(settings)
    for step in train(network, annotations, settings):
        if step.number % 10 == 0:
            print(f"step {step.number}: loss {step.loss:.3f}")
    test = samples.load("nuclei-test")
    found = segment(test.image, network, axes=test.axes, objects=True)
    score = evaluation.average_precision(test.labels, found.labels, iou=0.5)
    print(f"{found.labels.max()} objects, {test.labels.max()} in truth; AP at IoU 0.5: {score:.2f}")
    return score


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
