"""Save what was taught in a folder: the network, the strokes on each image, the settings.

The formats are plain and a person can open them; nothing is ever unpickled. A folder of another
image still gives its network, so that teaching goes on from image to image.
"""

import io
import json
import zipfile
import zlib
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_unet.core.files.atomic_write import write_safely
from napari_unet.core.network.network_file import load_network, save_network
from napari_unet.core.network.unet import UNet
from napari_unet.core.teaching.blended_scores import ClassifierPart
from napari_unet.core.teaching.image_view import ImageView
from napari_unet.core.teaching.pixel_classifier import FilterBank, PixelClassifier
from napari_unet.core.teaching.strokes import Stroke, Strokes

NETWORK, FACTS, CLASSIFIER = "taught.safetensors", "teaching.json", "glance.npz"
FORMAT = 1
_DAMAGED = (ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile, zlib.error)


def name_of(picture: ImageView) -> str:
    """Return the name of the strokes on this image: it holds what was measured on the image."""
    contrast = picture.contrast
    identity = [picture.view.given, list(picture.view.image.shape), str(picture.view.image.dtype)]
    identity += [np.round(contrast.low, 6).tolist(), np.round(contrast.high, 6).tolist()]
    return f"strokes-{zlib.crc32(json.dumps(identity).encode('ascii')):08x}.npz"


def save(folder: Path, network: UNet | None, picture: ImageView, strokes: Strokes) -> None:
    """Write everything; each file appears whole or stays as it was."""
    folder.mkdir(parents=True, exist_ok=True)
    write_safely(folder / name_of(picture), _packed(strokes), overwrite=True)
    if network is not None:
        save_network(network, folder / NETWORK, overwrite=True)
    facts = {"format": FORMAT, "factor": picture.factor}
    text = json.dumps(facts, indent=1).encode("ascii")
    write_safely(folder / FACTS, text, overwrite=True)


def load_facts(folder: Path) -> dict[str, Any]:
    """Return what is known of the teaching in a folder; empty where there is none."""
    path = folder / FACTS
    if not path.exists():
        return {}
    try:
        facts = json.loads(path.read_text(encoding="ascii"))
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise ValueError(f"{path} is not of format {FORMAT}: update napari-unet, or move it away")
    return facts


def load_taught(folder: Path) -> UNet | None:
    """Return the network in a folder, if there is one."""
    path = folder / NETWORK
    return load_network(path) if path.exists() else None


def save_beside(folder: Path, beside: ClassifierPart | None) -> None:
    """Write the pixel classifier that is shown beside the network, if there is one."""
    if beside is None:
        return
    parts = {
        part.name: getattr(beside.classifier, part.name).numpy() for part in fields(PixelClassifier)
    }
    file = io.BytesIO()
    np.savez(file, network=np.array(beside.network), **parts)
    write_safely(folder / CLASSIFIER, file.getvalue(), overwrite=True)


def load_beside(folder: Path, filters: FilterBank, network: UNet) -> ClassifierPart | None:
    """Return the pixel classifier in a folder, if it fits these filters and classes."""
    path = folder / CLASSIFIER
    if not path.exists():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            if "network" not in archive:  # of an earlier version
                return None
            parts = {
                part.name: torch.from_numpy(archive[part.name]) for part in fields(PixelClassifier)
            }
            beside = ClassifierPart(PixelClassifier(**parts), filters, float(archive["network"]))
    except (*_DAMAGED, OSError) as error:
        raise ValueError(f"{path} is damaged: {error}; move it away to go on without") from None
    fits = beside.classifier.first.shape[1] == filters.number
    return beside if fits and len(beside.classifier.second) == network.classes else None


def load_strokes(folder: Path, picture: ImageView, strokes: Strokes) -> list[Stroke]:
    """Paint what was painted on this image before."""
    path = folder / name_of(picture)
    if not path.exists():
        return []
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            parts = {name: archive[name] for name in archive.files}
        return _unpacked(parts, picture, strokes)
    except (*_DAMAGED, OSError) as error:
        raise ValueError(f"{path} is damaged: {error}; move it away to start anew") from None


def _packed(strokes: Strokes) -> bytes:
    every = list(strokes)
    file = io.BytesIO()
    empty = np.zeros((0, 2), np.int32)
    np.savez_compressed(
        file,
        kinds=np.array([s.kind for s in every], np.uint8),
        confirmed=np.array([s.confirmed for s in every], bool),
        planes=np.array([s.plane for s in every], np.int32),  # (strokes, leading axes)
        ends=np.cumsum([len(s.pixels) for s in every], dtype=np.int64),
        pixels=np.concatenate([s.pixels for s in every]) if every else empty,
    )
    return file.getvalue()


def _unpacked(parts: dict[str, np.ndarray], picture: ImageView, strokes: Strokes) -> list[Stroke]:
    size = np.array(picture.shape[-2:])
    pixels = parts["pixels"]
    if len(pixels) and not ((pixels >= 0) & (pixels < size)).all():
        raise ValueError("strokes lie outside the image")
    ends = [0, *parts["ends"].tolist()]
    restored = []
    for number, (start, end) in enumerate(pairwise(ends)):
        plane = tuple(int(i) for i in parts["planes"][number])
        some = pixels[start:end].astype(np.int32)
        kind, confirmed = int(parts["kinds"][number]), bool(parts["confirmed"][number])
        restored.append(strokes.restore(plane, some, kind, confirmed))
    return restored
