"""Trainer: the loop of a training.

It goes back to the last good state where the loss diverges or memory runs out, keeps the best
weights, writes checkpoints, and leaves the network with what it has learned however it ends. The
same code runs on CPU, CUDA and MPS. On CUDA a loss is read one step late, so that the device never
waits for the host.
"""

import time
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

import torch

from napari_unet.core.runtime.memory import is_out_of_memory
from napari_unet.core.training.batches import Sampler
from napari_unet.core.training.job import TrainingJob
from napari_unet.core.training.learner import Learner, PendingLoss
from napari_unet.core.training.resume import CheckpointWriter, note_end, note_start
from napari_unet.core.training.schedule import Budget, Clock, rate_at
from napari_unet.core.training.settings import smaller_tile
from napari_unet.core.training.snapshot import LastGoodState, Snapshot, steps_between
from napari_unet.core.training.step import DivergenceError, Step, TrainingProgress
from napari_unet.core.training.validation import ValidationSchedule

RESCUES = 3  # times a training goes back before it ends
LAG = {"cuda": 1}  # steps after which a loss is read; 0 elsewhere
HEARTBEAT = 0.9  # seconds without a word during a validation


@dataclass(frozen=True, eq=False)
class PendingStep:
    """A step whose loss may still be computed by the device."""

    number: int
    rate: float
    loss: PendingLoss
    idle: float
    boundary: bool  # what follows it needs these weights: nothing is launched before it is settled


class Trainer:
    """One training; ``steps`` runs it."""

    def __init__(
        self,
        job: TrainingJob,
        records: CheckpointWriter | None = None,
        start: Snapshot | None = None,
    ) -> None:
        self._job = job
        self._records = records
        self._settings = job.settings
        if job.ranks:
            job.ranks.spread(list(job.network.state_dict().values()))
        self._learner = Learner(job.network, job.settings, job.dtype, job.ranks)
        self._progress = TrainingProgress(job.settings.tile)
        if start:
            self._learner.load(start.tensors)
            self._progress = start.progress.copy()
            self._settings = replace(job.settings, tile=self._progress.tile)
        self._examiner = ValidationSchedule(job, self._learner, start.best if start else {})
        self._safety = LastGoodState(self._learner, self._snapshot())
        self._budget = Budget(job.settings)
        self._clock = Clock(self._progress.seconds)
        self._begun = (self._progress.number, self._progress.seconds)
        self._lag = LAG.get(self._learner.device.type, 0)
        self._every = steps_between(self._learner.device)
        self._launched: deque[PendingStep] = deque()
        self._messages = list(job.messages)
        self._ended = self._complete()
        self._sampler = self._new_sampler()

    def steps(self) -> Generator[Step, None, None]:
        """Train until the budget is used, yielding after every step; see ``train``."""
        network = self._job.network
        was_training, whole = network.training, False
        self._clock.set(self._progress.seconds)
        note_start(self._job)
        try:
            network.train()
            if self._records:
                self._records.write(self._safety.good)  # a folder that fails, fails now
            for step in self._run():
                with self._clock.stopped(), self._learner.shown():
                    whole = True  # between two steps: nothing is half done
                    yield step
                    whole = False
            whole = True
        finally:
            self._finish(whole)
            network.train(was_training)

    def _run(self) -> Iterator[Step]:
        if self._examiner.due(self._progress, self._ended):  # stopped during its validation
            number, loss, rate, seconds = self._progress.curve[-1]
            step = yield from self._examine(Step(int(number), loss, rate, seconds, 0.0))
            yield self._with_messages(step)
        while not self._ended:
            out_of_memory = False
            try:
                yield from self._step()
            except (RuntimeError, MemoryError) as error:
                if self._job.ranks or not is_out_of_memory(error):
                    raise
                out_of_memory = True
            if out_of_memory:  # only now does the error let go of the tensors of the step
                self._shrink()

    def _step(self) -> Iterator[Step]:
        """Start a step, and finish those whose losses can be read now."""
        launched = self._launch(self._progress.number + len(self._launched) + 1)
        self._launched.append(launched)
        while len(self._launched) > (0 if launched.boundary else self._lag):
            yield from self._settle(self._launched.popleft())

    def _launch(self, number: int) -> PendingStep:
        batch = self._sampler.take(number)
        (seconds,) = self._job.agreed([self._clock.seconds])
        rate = rate_at(self._settings, number, self._budget.progress(number - 1, seconds))
        rate *= self._progress.slowed
        loss = self._learner.learn(batch, rate, number)
        last = self._budget.used_up(number, seconds)
        boundary = last or number % self._every == 0 or self._examiner.on_grid(number)
        return PendingStep(number, rate, loss, batch.idle, boundary)

    def _settle(self, launched: PendingStep) -> Iterator[Step]:
        """Read the loss of a step and do what is due after it."""
        step = self._read(launched)
        if not self._launched:  # the weights are those of this step
            self._ended = self._complete()
            if self._examiner.due(self._progress, self._ended):
                step = yield from self._examine(step)
            if step.number % self._every == 0:
                self._safety.offer(self._progress, self._examiner.best)
        yield self._with_messages(step)

    def _read(self, launched: PendingStep) -> Step:
        """Wait for the loss of a step and check it for divergence."""
        progress = self._progress
        loss, idle, seconds = self._job.agreed(
            [launched.loss.value(), launched.idle, self._clock.seconds]
        )
        progress.number, progress.seconds = launched.number, seconds
        progress.note(launched.number, loss, launched.rate)
        self._budget.keep(self._examiner.seconds(self._seconds_per_step()))
        wrong = progress.guard.sees(loss, idle)
        if wrong:
            self._go_back(wrong)
        elif self._safety.confirm() and self._records:
            self._say(self._records.write_when_due(self._safety.good))
        return Step(launched.number, loss, launched.rate, seconds, 0.0)

    def _examine(self, step: Step) -> Generator[Step, None, Step]:
        """Validate and return ``step`` with the scores; yield it repeatedly to report progress."""
        last = time.monotonic()
        for share in self._examiner.run(self._progress):
            if time.monotonic() - last > HEARTBEAT:
                yield replace(self._with_messages(step), validating=share)
                last = time.monotonic()
        if self._complete() and not self._ended:
            self._ended = True
            self._say(f"stopped early: no gain in {self._progress.stale} validations.")
        return replace(step, validation=self._progress.validations[-1])

    def _complete(self) -> bool:
        progress, patience = self._progress, self._settings.patience
        plateau = bool(patience) and progress.stale >= patience
        return plateau or self._budget.used_up(progress.number, progress.seconds)

    def _with_messages(self, step: Step) -> Step:
        """Return ``step`` with the time left and what there is to say."""
        number, seconds = self._progress.number, self._clock.seconds
        left = self._budget.seconds_left(number, seconds, self._seconds_per_step())
        left = 0.0 if self._ended else left
        best = self._progress.best if self._progress.validations else None
        sentences, self._messages = " ".join(self._messages), []
        return replace(step, seconds=seconds, seconds_left=left, best=best, said=sentences)

    def _seconds_per_step(self) -> float:
        """Return the time of a step, since this session began."""
        number, seconds = self._begun
        return (self._clock.seconds - seconds) / max(self._progress.number - number, 1)

    def _say(self, sentence: str) -> None:
        if sentence:
            self._messages.append(sentence)

    def _go_back(self, wrong: str) -> None:
        """Return to the last good weights and learn more slowly, or end after the third time."""
        progress, good = self._progress, self._safety.step
        if progress.rescues == RESCUES:
            raise DivergenceError(
                f"{wrong} at step {progress.number}, for the {RESCUES + 1}th time: the network "
                f"holds the weights of step {good}; train on with a rate below "
                f"{self._settings.rate * progress.slowed:.3g}, or check the annotations"
            )
        progress.rescues += 1
        progress.slowed /= 2
        progress.guard.forget_recent()
        self._launched.clear()
        self._safety.go_back(progress)
        self._say(
            f"{wrong} at step {progress.number}: back to the weights of step {good}, "
            f"the rate is halved ({progress.rescues} of {RESCUES})."
        )

    def _shrink(self) -> None:
        """Go on with a smaller tile from the last good weights: a failed step may be half done."""
        tile = smaller_tile(self._settings)
        self._say(
            f"the memory is used up: the tile is {tile} px now instead of {self._settings.tile}."
        )
        self._settings = replace(self._settings, tile=tile)
        self._progress.tile = tile
        self._launched.clear()
        self._safety.go_back(self._progress)
        if self._learner.device.type == "cuda":
            torch.cuda.empty_cache()
        self._sampler.close()
        self._sampler = self._new_sampler()

    def _new_sampler(self) -> Sampler:
        classes, device = self._job.network.classes, self._learner.device
        return Sampler(self._job.annotations, self._settings, classes, device, self._job.first)

    def _snapshot(self) -> Snapshot:
        return Snapshot.take(self._learner, self._progress, self._examiner.best)

    def _all_good(self) -> bool:
        """Finish the steps that are not read yet; tell whether their losses are good."""
        progress, good = self._progress, True
        for launched in self._launched:
            loss = launched.loss.value()
            progress.number, progress.seconds = launched.number, self._clock.seconds
            progress.note(launched.number, loss, launched.rate)
            good = good and not progress.guard.sees(loss, launched.idle)
        return good

    def _finish(self, whole: bool) -> None:
        """Give the network the best or the averaged weights, and write the last checkpoint."""
        self._sampler.close()
        whole = whole and self._all_good()
        if not whole:  # an error or an interrupt cut a step short, or its loss was bad
            self._learner.load(self._safety.good.tensors)
        end = self._snapshot() if whole else self._safety.good
        self._learner.settle_on(self._examiner.best)
        note_end(self._job, end.progress)
        if self._records:
            self._records.write(end)
