"""train(): check the inputs, read the checkpoint to resume from, and yield the steps."""

from collections.abc import Generator, Sequence
from pathlib import Path

import torch

from napari_unet.core.annotation.annotation import Annotation
from napari_unet.core.network.unet import UNet
from napari_unet.core.runtime.memory import kept_memory
from napari_unet.core.training import resume as records
from napari_unet.core.training.job import TrainingJob, check_can_train, settings_of
from napari_unet.core.training.learner import Ranks, compute_dtype
from napari_unet.core.training.settings import TrainSettings
from napari_unet.core.training.step import Step
from napari_unet.core.training.trainer import Trainer


def train(
    network: UNet,
    annotations: Sequence[Annotation],
    settings: TrainSettings,
    *,
    validation: Sequence[Annotation] = (),
    resume: Path | str | None = None,
    folder: Path | str | None = None,
    ranks: Ranks | None = None,
) -> Generator[Step, None, None]:
    """Train ``network`` in place, where it is, and yield a Step after every step.

    At every yield the network holds the weights to look at: averaged ones where the settings have
    a memory (``ema``). When the last step was taken, or the generator is closed at any yield, it is
    left with the weights of the best validation, and without validation with those it showed.
    The architecture in ``settings`` is that of the network, whatever it says. ``folder`` gets
    checkpoints; ``resume`` is such a folder to go on from, and stays the folder if no other is
    named. What cannot be trained on is refused here, before the first step.
    """
    settings = settings_of(network, settings)
    labelled = check_can_train(network, annotations, validation)
    dtype, notes, start = _agreed_dtype(network, settings, ranks), [], None
    if len(labelled) < len(annotations):
        notes.append(f"{len(annotations) - len(labelled)} annotations without labels are left out.")
    if resume is not None:
        checkpoint = records.read(Path(resume))
        dtype = getattr(torch, str(checkpoint.facts["dtype"]))
        notes += records.differences(checkpoint, network, settings, labelled)
        start = checkpoint.snapshot
    job = TrainingJob(network, labelled, settings, dtype, tuple(validation), ranks, tuple(notes))
    return _in_kept_memory(Trainer(job, _records(job, folder, resume), start).steps())


def _in_kept_memory(steps: Generator[Step, None, None]) -> Generator[Step, None, None]:
    """Let each step use the memory of the one before, which spares an eighth of its time."""
    with kept_memory():
        yield from steps


def _agreed_dtype(network: UNet, settings: TrainSettings, ranks: Ranks | None) -> torch.dtype:
    """Return the dtype to compute in: the faster one only where it is so for all ranks."""
    dtype = compute_dtype(network, settings)
    if ranks is None:
        return dtype
    fast = torch.tensor([float(dtype == torch.bfloat16)])
    ranks.average([fast])
    return torch.float32 if dtype == torch.bfloat16 and fast.item() < 1 else dtype


def _records(
    job: TrainingJob, folder: Path | str | None, resume: Path | str | None
) -> records.CheckpointWriter | None:
    """Return where checkpoints go: ``folder``, else that resumed from; rank 0 alone writes."""
    chosen = folder or resume
    if chosen is None or (job.ranks and job.ranks.rank):
        return None
    if resume is None or Path(chosen) != Path(resume):
        records.refuse_used(Path(chosen))
    facts = records.facts_of(job)
    return records.CheckpointWriter(Path(chosen), facts, job.settings.checkpoint_seconds)
