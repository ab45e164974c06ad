"""Write the checkpoints of a training, check the one it is resumed from, and record its history."""

import hashlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from napari_unet.core.annotation.annotation import Annotation
from napari_unet.core.network.unet import UNet
from napari_unet.core.normalisation import Normalisation
from napari_unet.core.training.checkpoint import Checkpoint, Checkpoints, versions
from napari_unet.core.training.job import TrainingJob
from napari_unet.core.training.settings import TrainSettings
from napari_unet.core.training.snapshot import Snapshot
from napari_unet.core.training.step import TrainingProgress

FOLDER = "checkpoints"
FREE = ("budget", "network")  # groups of settings that a resumed training may change or never uses
FIXED = ("seed", "precision")  # though they belong to these groups


class CheckpointWriter:
    """Writes snapshots to ``folder``, at the latest ``seconds`` after the last one."""

    def __init__(self, folder: Path, facts: Mapping[str, Any], seconds: float) -> None:
        self._checkpoints = Checkpoints(folder / FOLDER)
        self._facts = facts
        self._seconds = seconds
        self._written = -1
        self._last = time.monotonic()

    def write(self, snapshot: Snapshot) -> None:
        """Write ``snapshot`` unless it is on the disk already."""
        if snapshot.progress.number != self._written:
            self._checkpoints.write(snapshot, self._facts)
        self._written, self._last = snapshot.progress.number, time.monotonic()

    def write_when_due(self, snapshot: Snapshot) -> str:
        """Write in time; return what went wrong in words. The checkpoint before is still there."""
        if time.monotonic() - self._last < self._seconds:
            return ""
        try:
            self.write(snapshot)
        except OSError as error:
            self._last = time.monotonic()
            return f"no checkpoint was written, the one before is kept: {error}"
        return ""


def facts_of(job: TrainingJob) -> dict[str, Any]:
    """Return what a checkpoint says of a training besides its progress."""
    return {
        "architecture": asdict(job.network.architecture),
        "settings": asdict(job.settings),
        "random": "numpy and torch are seeded anew for every step, from the seed and its number",
        "dtype": str(job.dtype).removeprefix("torch."),
        "labels": digest_of_labels(job.annotations),
    }


def refuse_used(folder: Path) -> None:
    """Refuse to write over the checkpoints of another training."""
    if Checkpoints(folder / FOLDER).exist():
        raise ValueError(
            f"{folder} holds the checkpoints of another training: resume it, or choose a new folder"
        )


def read(folder: Path) -> Checkpoint:
    """Return the newest checkpoint of the training in ``folder`` that is whole."""
    return Checkpoints(folder / FOLDER).newest()


def points_of(folder: Path) -> list[dict[str, Any]]:
    """Return the curve up to the checkpoint that a resumed training begins with."""
    progress = read(folder).snapshot.progress
    scores = {entry["step"]: entry for entry in progress.validations}
    return [
        {**scores.get(int(number), {}), "step": int(number), "loss": loss, "rate": rate,
         "seconds": seconds}
        for number, loss, rate, seconds in progress.curve
    ]  # fmt: skip


def differences(
    checkpoint: Checkpoint,
    network: UNet,
    settings: TrainSettings,
    annotations: Sequence[Annotation],
) -> list[str]:
    """Say what will differ from a training never stopped; refuse what cannot be resumed."""
    before = checkpoint.facts
    if before["architecture"] != asdict(network.architecture):
        raise ValueError(
            "the checkpoint is of another network: give one of the same architecture, "
            f"{before['architecture']}"
        )
    _refuse_changes(before["settings"], asdict(settings))
    sentences = [f"{sentence}: the one before is used." for sentence in checkpoint.damaged]
    if before["labels"] != digest_of_labels(annotations):
        sentences.append("the annotations have changed since the checkpoint was written.")
    sentences += [
        f"{name} was {old} and is {versions().get(name)}: losses may differ in their last digits."
        for name, old in before["versions"].items()
        if versions().get(name) != old
    ]
    return sentences


def _refuse_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    changed = [
        f"{item.name} ({before.get(item.name)!r} became {after[item.name]!r})"
        for item in fields(TrainSettings)
        if (item.metadata["group"] not in FREE or item.name in FIXED)
        and before.get(item.name) != after[item.name]
    ]
    if changed:
        raise ValueError(
            f"a resumed training keeps its settings, and these were changed: {', '.join(changed)}; "
            "start a new training from the network instead"
        )


def digest_of_labels(annotations: Sequence[Annotation]) -> str:
    """Return the SHA-256 of all labels."""
    digest = hashlib.sha256()
    for annotation in annotations:
        for labels in (annotation.classes, annotation.objects):
            digest.update(str(labels.shape).encode())
            digest.update(labels.tobytes())
    return digest.hexdigest()


def note_start(job: TrainingJob) -> None:
    """Tell the network how its images are normalised, so that it can be used at every step."""
    settings = job.settings
    normalisation = Normalisation(settings.low, settings.high, settings.flatten)
    job.network.about["normalisation"] = normalisation.to_dict()
    job.network.about["settings"] = asdict(settings)
    job.network.about["versions"] = versions()


def note_end(job: TrainingJob, progress: TrainingProgress) -> None:
    """Add what was done to the history of the network."""
    best = max(progress.validations, key=lambda scores: float(scores["score"]), default=None)
    losses = [loss for _, loss, *_ in progress.curve if math.isfinite(loss)]
    entry = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "steps": progress.number,
        "seconds": round(progress.seconds, 1),
        "loss": losses[-1] if losses else None,
        "validation": best,
    }
    job.network.about["history"] = [*job.network.about.get("history", []), entry]
