"""History: what a training writes into the ``about`` of its network."""

import math
from dataclasses import asdict
from datetime import UTC, datetime

from napari_unet.core.normalisation import Normalisation
from napari_unet.core.training.checkpoint import versions
from napari_unet.core.training.job import Job
from napari_unet.core.training.progress import Progress


def note_start(job: Job) -> None:
    """Tell the network how its images are normalised, so that it can be used at every step."""
    settings = job.settings
    normalisation = Normalisation(settings.low, settings.high, settings.flatten)
    job.network.about["normalisation"] = normalisation.to_dict()
    job.network.about["settings"] = asdict(settings)
    job.network.about["versions"] = versions()


def note_end(job: Job, progress: Progress) -> None:
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
