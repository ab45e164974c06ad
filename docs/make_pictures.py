"""Take the pictures of the documentation: the loop, done in a real window, in both themes.

    xvfb-run -a -s "-screen 0 1366x768x24" .venv/bin/python docs/make_pictures.py

Everything in the pictures is done by mouse as a person would do it; the errors that are corrected
are those that the truth of the sample shows.
"""

import io
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import napari
import numpy as np
from napari._qt.dialogs.qt_notification import NapariQtNotification
from napari.layers import Labels, Layer
from PIL import Image
from qtpy.QtCore import QBuffer, QIODevice, QRect
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from hand import SCREEN, Hand, button
from napari_unet import Annotation, TrainSettings, UNet, train
from napari_unet.widgets.layers.layers import is_preview
from napari_unet.widgets.networks import KeptNetwork

PICTURES = Path(__file__).parent / "pictures"
THEMES = ("light", "dark")
STEPS = 300
PREVIEW = "nuclei preview"
LEARNING = 10.0  # seconds
COLORS = 256


def main() -> None:
    """Go round the loop once and take a picture of each part."""
    # strokes that a killed window left behind would be offered in every picture
    os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="pictures-")
    viewer = napari.Viewer(show=False)
    hand = Hand(viewer)
    viewer.open_sample("napari-unet", "nuclei")
    image, truth = viewer.layers["nuclei"], np.asarray(viewer.layers["nuclei truth"].data)
    image.contrast_limits = np.percentile(image.data, (0.5, 99.5))
    annotated(hand, truth)
    previewed(hand)
    training = trained(hand)
    result = segmented(hand)
    corrected(hand, result, truth)
    training = hand.opened("Train")
    hand.press(training.networks.further)
    finished(hand, training)
    evaluated(hand)
    classed(hand, image, truth)
    viewer.close()


def annotated(hand: Hand, truth: np.ndarray) -> None:
    """Paint nuclei and background with a few strokes."""
    dock = hand.opened("Annotate")
    hand.until(lambda: dock.labels is not None)
    layer = dock.labels
    hand.viewer.fit_to_view()
    hand.wait(0.5)
    for number in np.argsort(np.bincount(truth.ravel()))[::-1][1:80:6]:
        hand.scribble(layer, ndimage.binary_erosion(truth == number, iterations=4), 5, 5)
    dock.classes.rows[0].chosen.emit(0)
    far = ndimage.distance_transform_edt(truth == 0) > 6
    for line in range(25, len(far) - 20, 60):
        hand.scribble(layer, far & (np.arange(len(far)) == line)[:, None], 1, 5)
    hand.press(dock.checking.button)
    hand.until(lambda: "heck" not in dock.checking.status.text())
    dock.classes.rows[1].chosen.emit(1)
    hand.until(lambda: PREVIEW in hand.viewer.layers)
    hand.viewer.scene.camera.zoom *= 1.5
    hand.wait(LEARNING)
    pictures(hand, "annotate")
    hand.press(dock.live.switch)
    hand.viewer.layers[PREVIEW].visible = False


def previewed(hand: Hand) -> None:
    """Look at a deformed tile beside the image it is cut from."""
    dock = hand.opened("Preview")
    hand.until(lambda: "nuclei deformed" in hand.viewer.layers and not dock.latest.busy)
    hand.press(dock.pages["deformation"].reroll)
    hand.until(lambda: not dock.latest.busy)
    pictures(hand, "preview")
    dock.parentWidget().destroyOnClose()
    hand.wait(0.5)
    for layer in [layer for layer in hand.viewer.layers if is_preview(layer)]:
        hand.viewer.layers.remove(layer)
    hand.viewer.fit_to_view()


def trained(hand: Hand) -> Any:
    """Train the smallest network; the picture is of a training that runs."""
    dock = hand.opened("Train")
    dock.session.settings = TrainSettings.preset("nano", steps=STEPS)
    hand.press(dock.controls.train)
    hand.until(lambda: dock.trainings.running)
    training = dock.trainings.running[0]
    hand.until(lambda: training.last is not None and training.last.number > 0.6 * STEPS)
    pictures(hand, "train")
    hand.until(lambda: not dock.trainings.running)
    return dock


def finished(hand: Hand, dock: Any) -> None:
    """Train to the end."""
    hand.press(dock.controls.train)
    hand.until(lambda: dock.trainings.running)
    hand.until(lambda: not dock.trainings.running)


def segmented(hand: Hand, name: str = "segment") -> Labels:
    """Segment the whole image."""
    dock = hand.opened("Segment")
    hand.until(lambda: dock.inputs.network.value() is not None)
    dock.options.min_area.slider.setValue(30)
    hand.press(dock.runs.start)
    hand.until(lambda: dock.segmentations.run is None and dock.result().layer is not None)
    hand.until(lambda: not dock.result().busy)
    hand.viewer.layers["nuclei annotation"].visible = False
    if name:
        pictures(hand, name)
    return dock.result().layer


def corrected(hand: Hand, layer: Labels, truth: np.ndarray) -> None:
    """Paint over the largest errors and make training labels of them."""
    dock = hand.opened("Segment")
    hand.viewer.layers.selection.active = layer
    layer.mode = "paint"
    missed, false = (truth > 0) & (layer.data == 0), (truth == 0) & (layer.data > 0)
    for wrong in (missed, false):
        labels, _ = ndimage.label(wrong)
        for number in np.argsort(np.bincount(labels[labels > 0]))[::-1][:10]:
            layer.selected_label = int(layer.data.max()) + 1 if wrong is missed else 0
            hand.scribble(layer, labels == number, 2, 3)
    dock.results.annotate_button.menu().actions()[2].trigger()
    layer.visible = False
    hand.viewer.layers["nuclei annotation"].visible = True
    hand.opened("Annotate")
    hand.viewer.layers.selection.active = hand.viewer.layers["nuclei annotation"]
    pictures(hand, "correct", THEMES[1:])


def evaluated(hand: Hand) -> None:
    """Compare the better result with the truth and go to the worst error."""
    result = segmented(hand, "")
    dock = hand.opened("Evaluate")
    dock.layers.set_result(result)
    hand.until(lambda: dock.table.text)
    for layer in hand.viewer.layers:
        layer.visible = layer.name in ("nuclei", result.name) or "errors" in layer.name
    hand.press(dock.outlines)
    hand.press(button(dock, "▶"))
    pictures(hand, "evaluate")
    print(dock.table.text)


def classed(hand: Hand, image: Layer, truth: np.ndarray) -> None:
    """Paint an object that a network of two classes has missed; the picture is of its class."""
    area = np.bincount(truth.ravel())
    labels = np.where(truth == 0, 1, 2 + (area > np.median(area[1:]))[truth])
    settings = TrainSettings.preset("nano", steps=STEPS)
    network = UNet(base=settings.base, depth=settings.depth, norm=settings.norm, classes=3)
    for _ in train(network, [Annotation(image.data, labels)], settings):
        pass
    for number, name in enumerate(("small", "large"), 1):
        network.about["classes"][number]["name"] = name
    hand.viewer.layers.selection.active = image
    dock = hand.opened("Segment")
    dock.session.networks.add(KeptNetwork("nuclei by size", network))
    dock.inputs.network.choose("nuclei by size")
    layer = segmented(hand, "")
    layer.selected_label = int(layer.data.max()) + 1
    found = ndimage.label((truth > 0) & (layer.data == 0))[0]
    layer.mode = "paint"
    hand.viewer.layers.selection.active = layer
    hand.scribble(layer, found == np.bincount(found[found > 0]).argmax(), 2, 3)
    hand.wait(1.0)
    corner = dock.mapTo(hand.window, dock.runs.pos())
    part = QRect(corner, hand.window.rect().bottomRight()).intersected(
        QRect(dock.mapTo(hand.window, dock.rect().topLeft()), dock.size())
    )
    hand.viewer.theme = THEMES[0]
    hand.wait(1.0)
    save(hand.window.grab(part), PICTURES / f"class-{THEMES[0]}.png")


def pictures(hand: Hand, name: str, themes: tuple[str, ...] = THEMES) -> None:
    """Take a picture of the window in each theme, the notes of napari closed."""
    for note in hand.window.findChildren(NapariQtNotification):
        note.close()
    for theme in themes:
        hand.viewer.theme = theme
        hand.wait(1.0)
        if (hand.window.width(), hand.window.height()) != SCREEN:
            raise RuntimeError(f"the window has grown to {hand.window.size()} in {name}")
        save(hand.window.grab(), PICTURES / f"{name}-{theme}.png")


def save(picture: Any, path: Path) -> None:
    """Write a picture with a palette: a quarter of the size, and the same to the eye."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    picture.save(buffer, "PNG")
    found = Image.open(io.BytesIO(bytes(buffer.data()))).convert("RGB")
    found.quantize(COLORS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path.name, f"{found.size[0]} x {found.size[1]}, {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
