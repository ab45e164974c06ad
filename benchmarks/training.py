"""How fast is a step of training? napari-unet against the networks people train, in one process.

    .venv-benchmarks/bin/python benchmarks/training.py            # everything, recorded
    .venv-benchmarks/bin/python benchmarks/training.py race --preset paper --rounds 5
    .venv-benchmarks/bin/python benchmarks/training.py sampling parity --no-record

*race*: one step (forward, weighted loss, backward, update) at the paper's setting, or at that of
the preset small. Peers are trained in float32 as their own trainers do on a CPU, with SGD 0.99, on
tiles as large as the input of ours and on tiles as large as its output. The limit is three times
what the forward convolutions alone take, at the precision that is best for them.
*sampling*: how long a training waits for its samples. *parity*: what the faster precision does to
the loss. *gpu*: how much of a step a GPU computes; needs CUDA.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from napari_unet import Annotation, TrainSettings, UNet, train
from napari_unet.core.runtime.device import choose_device, fast_dtype
from napari_unet.core.runtime.memory import kept_memory
from napari_unet.core.training.batches import Sampler
from napari_unet.core.training.learner import Learner, compute_dtype
from onestep import (
    Call,
    Plain,
    batch_of,
    forward_convolutions,
    late,
    monai,
    nnunet,
    ours,
    smp,
    usual,
)
from race import Row, race, record, table

OURS, EXACT, PLAIN = "napari-unet", "napari-unet, float32", "plain loop, float32 NCHW"
CONVOLUTIONS = "forward convolutions alone"
DATA = Path(__file__).parents[2] / "shared" / "data" / "dsb2018" / "train"
AIMS = {PLAIN: 2.0, "MONAI BasicUNet": 4.0, "nnU-Net PlainConvUNet": 4.0}
LIMIT_AIM = 1.5
WAITED_AIM, PARITY_AIM = 0.03, 0.03


@contextmanager
def in_training(call: Call) -> Iterator[None]:
    """What a step finds in ``train``, and the limit likewise: memory kept from the step before."""
    with kept_memory():
        call()
        yield


def race_steps(preset: str, rounds: int, device: torch.device, only: Sequence[str]) -> str:
    settings = TrainSettings.preset(preset)
    output = UNet(1, 2, 1, settings.depth).output_size(settings.tile)
    inside = -(-output // 16) * 16  # padded networks need multiples of 16
    outside = -(-settings.tile // 16) * 16
    base = settings.base
    contenders: dict[str, Call] = {OURS: late(lambda: ours(settings, device))}
    contenders[EXACT] = late(lambda: ours(replace(settings, precision="float32"), device))
    contenders[PLAIN] = late(
        lambda: usual(Plain(base, settings.depth), settings.tile, output, device)
    )
    for name, make in (
        ("MONAI BasicUNet", monai),
        ("nnU-Net PlainConvUNet", nnunet),
        ("segmentation-models-pytorch ResNet U-Net", smp),
    ):
        for tile in (outside, inside):
            contenders[f"{name}, {tile} px"] = late(
                lambda make=make, tile=tile: make(base, tile, device)
            )
    plain = replace(settings, norm="none")
    for dtype in {torch.float32, fast_dtype(device)}:
        name = f"{CONVOLUTIONS}, {str(dtype).removeprefix('torch.')}"
        contenders[name] = late(lambda dtype=dtype: forward_convolutions(plain, dtype, device))
    chosen = {n: call for n, call in contenders.items() if not only or any(o in n for o in only)}
    mine = [name for name in contenders if OURS in name or name.startswith(CONVOLUTIONS)]
    around = {name: partial(in_training, contenders[name]) for name in mine}
    rows = race({OURS: contenders[OURS], **chosen}, rounds, around=around)
    head = f"One step, preset {preset}: base {base}, {settings.tile} -> {output} px, batch 1."
    aims = verdicts(rows, outside) if device.type == "cpu" else ()
    return "\n\n".join([head, table(rows, OURS), *aims])


def verdicts(rows: Sequence[Row], outside: int) -> list[str]:
    """Each aim, and whether it was reached."""
    seconds = {row.name: row.median_s for row in rows if not row.absent}
    ours_s, said = seconds[OURS], []
    for name, aim in AIMS.items():
        full = name if name == PLAIN else f"{name}, {outside} px"
        if full in seconds:
            said.append(verdict(f"{full} / {OURS}", seconds[full] / ours_s, aim, more=True))
    forward = [s for name, s in seconds.items() if name.startswith(CONVOLUTIONS)]
    if forward:
        said.append(verdict(f"{OURS} / limit", ours_s / (3 * min(forward)), LIMIT_AIM, more=False))
    return said


def verdict(what: str, found: float, aim: float, *, more: bool) -> str:
    reached = found >= aim if more else found <= aim
    sign = "≥" if more else "≤"
    return f"{what}: {found:.3g}, aim {sign} {aim:g}: {'reached' if reached else '**missed**'}."


def annotations() -> list[Annotation]:
    """Nuclei with their outlines, or drawn discs where the data are not there."""
    if DATA.is_dir():
        from skimage.io import imread

        files = sorted((DATA / "images").iterdir())
        pairs = [(imread(file), imread(DATA / "labels" / file.name)) for file in files]
    else:
        pairs = [discs(seed) for seed in range(8)]
    return [Annotation(i, x, zero="background", ids="objects") for i, x in pairs]


def discs(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:400, :400]
    labels = np.zeros((400, 400), np.uint16)
    for label, (r, c) in enumerate(rng.uniform(0, 400, (60, 2)), start=1):
        labels[np.hypot(rows - r, columns - c) < rng.uniform(8, 16)] = label
    return rng.normal(size=labels.shape) + 2.0 * (labels > 0), labels


def sampling(presets: Sequence[str], seconds: float) -> str:
    """How much of a training's time is spent waiting for samples."""
    given = annotations()
    lines = ["| preset | s/step | of it waiting for samples | aim |", "|---|---:|---:|---|"]
    for preset in presets:
        settings = TrainSettings.preset(preset)
        network = UNet.of(settings)
        learner = Learner(network.train(), settings, compute_dtype(network, settings))
        sampler = Sampler(given, settings, 2, learner.device)
        for number in range(1, 3 * len(given)):
            sampler.take(number)  # every image is normalised and weighed once
        start, before, number = time.perf_counter(), sampler.waited, 3 * len(given)
        while time.perf_counter() - start < seconds:
            learner.learn(sampler.take(number), 1e-6, number).value()
            number += 1
        taken = time.perf_counter() - start
        sampler.close()
        share, steps = (sampler.waited - before) / taken, number - 3 * len(given)
        reached = "reached" if share <= WAITED_AIM else "**missed**"
        lines.append(
            f"| {preset} | {taken / steps:.3f} | {share:.1%} | ≤ {WAITED_AIM:.0%}: {reached} |"
        )
    return "\n".join(["Time spent waiting for samples, drawn by one thread.", "", *lines])


def parity(steps: int, seeds: int) -> str:
    """The loss after some hundred steps, by the fast path and in float32, on the same samples."""
    given, ends = annotations(), {}
    for precision in ("float32", "bfloat16"):
        means = []
        for seed in range(seeds):
            settings = TrainSettings.preset("small", steps=steps, precision=precision, seed=seed)
            torch.manual_seed(seed)
            network = UNet.of(settings)
            losses = [step.loss for step in train(network, given, settings)]
            means.append(float(np.mean(losses[-50:])))
        ends[precision] = means
    difference = np.mean(ends["bfloat16"]) / np.mean(ends["float32"]) - 1
    return "\n\n".join([
        f"Loss of the preset small after {steps} steps, mean of the last 50, {seeds} seeds: "
        + ", ".join(f"{name} {np.mean(found):.4f}" for name, found in ends.items())
        + f" ({', '.join(f'{b / a - 1:+.1%}' for a, b in zip(*ends.values(), strict=True))}).",
        verdict("difference", abs(float(difference)), PARITY_AIM, more=False),
    ])  # fmt: skip


def on_gpu(preset: str) -> str:
    """Share of the time in which the GPU computes; any wait of the host for it is an error."""
    settings, device = TrainSettings.preset(preset), torch.device("cuda")
    step = ours(settings, device)
    network = UNet.of(settings)
    learner = Learner(network.to(device).train(), settings, torch.bfloat16)
    batch = batch_of(settings.tile, network.output_size(settings.tile))
    for _ in range(5):
        step()
    learner.learn(batch, 1e-6, 1)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")  # a step that waits for the device raises
    for number in range(2, 12):
        learner.learn(batch, 1e-6, number)
    torch.cuda.set_sync_debug_mode("default")
    torch.cuda.synchronize()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        start = time.perf_counter()
        for number in range(12, 32):
            learner.learn(batch, 1e-6, number)
        torch.cuda.synchronize()
        taken = time.perf_counter() - start
    busy = sum(event.self_device_time_total for event in profile.key_averages()) / 1e6
    text = (
        f"Preset {preset}: {taken / 20 * 1e3:.1f} ms a step; the host never waits for the device."
    )
    return "\n\n".join([text, verdict("share computed by the GPU", busy / taken, 0.9, more=True)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    questions = ("race", "sampling", "parity", "gpu")
    parser.add_argument("questions", nargs="*", choices=[*questions, []], default=[])
    parser.add_argument("--preset", nargs="*", default=["paper", "small"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=[], help="parts of contenders' names")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seconds", type=float, default=20.0, help="of each sampling run")
    parser.add_argument("--steps", type=int, default=300, help="of each parity run")
    parser.add_argument("--seeds", type=int, default=3, help="of the parity runs")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--no-record", action="store_true", help="print only")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    device = choose_device(asked.device)
    wanted = asked.questions or [*questions[:3], *(["gpu"] if torch.cuda.is_available() else [])]
    answers = {
        "race": lambda: "\n\n".join(
            race_steps(p, asked.rounds, device, asked.only) for p in asked.preset
        ),
        "sampling": lambda: sampling(("paper", "standard", "small", "nano"), asked.seconds),
        "parity": lambda: parity(asked.steps, asked.seeds),
        "gpu": lambda: "\n\n".join(on_gpu(p) for p in asked.preset),
    }
    for question in wanted:
        text = answers[question]()
        print(f"{text}\n")
        section = "training" if question == "race" else f"training-{question}"
        if question == "race" and device.type != "cpu":
            section = "training-race-gpu"
        if not asked.no_record:
            record(section, text)


if __name__ == "__main__":
    main()
