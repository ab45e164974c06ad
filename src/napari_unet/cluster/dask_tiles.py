"""Segment one image on many machines: tiles go to the workers of ``dask.distributed``.

A worker gets the network once, reads its tiles from the image itself and writes them into the store
itself; what goes over the wire is where a tile lies and the checksum of what was written. Tiles of
a worker that died are scored by the others. Tiles, precision, contrast and the number of threads
are those of one machine, so that on machines of one kind the result is the same bit for bit.
"""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4

import dask
import numpy as np
import torch
from distributed import Client, KilledWorker, LocalCluster, Worker, WorkerPlugin, get_worker, wait

from napari_unet.core.files.image_file import ImageFile, open_image
from napari_unet.core.runtime.device import choose_device
from napari_unet.core.segmentation.score_tiles import ImageScorer, Score, ScoredTile
from napari_unet.core.segmentation.tile_store import DiskStore, LabelStore, WrittenTile
from napari_unet.core.segmentation.tiling import Tile

AHEAD = 3  # tiles that wait at each worker, so that none is idle
PATIENCE = 60  # s without a tile after which it is asked whether any worker is left
LOCAL = "local:"


@contextmanager
def cluster(address: str) -> Iterator[Score]:
    """Yield what scores tiles on the cluster at ``address``; "local:N" starts N workers here."""
    if not address.startswith(LOCAL):
        with _connected(address) as client:
            yield score_on(client)
        return
    number = address.removeprefix(LOCAL)
    if not number.isdigit() or int(number) < 1:
        raise ValueError(f"'{address}' starts no workers: write {LOCAL}2 for two of them")
    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": "1h"}),  # slow is not lost
        LocalCluster(
            n_workers=int(number),
            threads_per_worker=1,
            dashboard_address=None,
            silence_logs=logging.ERROR,
        ) as workers,
        Client(workers) as client,
    ):
        yield score_on(client)


def _connected(address: str) -> Client:
    try:
        return Client(address)
    except (OSError, ValueError) as error:
        raise OSError(
            f"no dask scheduler answers at '{address}' ({error}): start one there with 'dask "
            f"scheduler', or write {LOCAL}2 for two workers on this machine"
        ) from None


def score_on(client: Client) -> Score:
    """Return what scores tiles on the workers that ``client`` is connected to."""

    def score(
        scoring: ImageScorer, store: LabelStore, tiles: Sequence[Tile], image: ImageFile
    ) -> Iterator[WrittenTile]:
        if not client.nthreads():
            raise ValueError("the dask scheduler has no workers: start dask workers first")
        name = f"napari-unet-{uuid4().hex}"
        client.register_plugin(_Worker(_Job.of(scoring, store, tiles, image)), name=name)
        try:
            for part in _results(client, name, tiles):
                yield part if isinstance(part, WrittenTile) else store.write(part.tile, part.scores)
        except (KilledWorker, CancelledError) as error:
            raise OSError(f"the dask workers gave up ({error}): look at their logs") from None
        finally:
            client.unregister_worker_plugin(name)

    return score


def _results(
    client: Client, name: str, tiles: Sequence[Tile]
) -> Iterator[WrittenTile | ScoredTile]:
    """Hand out tiles, a few for each worker, and yield what comes back, in any order.

    The result of a worker that died before it was fetched is waited for again, from another.
    """
    waiting = iter(tiles)
    running: set[Any] = set()
    while True:
        free = AHEAD * max(len(client.nthreads()), 1) - len(running)
        for tile in islice(waiting, max(free, 0)):
            running.add(client.submit(_score, name, tile, pure=False))
        if not running:
            return
        try:
            for done in wait(running, PATIENCE, "FIRST_COMPLETED").done:
                results = done.result(PATIENCE)
                running.remove(done)
                yield from results
        except TimeoutError:
            if not client.nthreads():
                raise OSError(
                    f"no dask worker has come back for {PATIENCE} s: start workers, and go on"
                ) from None


@dataclass(frozen=True)
class _Job:
    """What a worker has to know, once."""

    scoring: ImageScorer  # without the image, its network on the CPU
    device: str  # kind of device that computes
    threads: int
    image: ImageFile | np.ndarray  # pixels in memory are sent, files are opened again
    store: Path | None  # where to write; None: send the scores back
    threshold: float

    @classmethod
    def of(
        cls, scoring: ImageScorer, store: LabelStore, tiles: Sequence[Tile], image: ImageFile
    ) -> "_Job":
        scorer = copy(scoring.scorer)
        scorer.network = deepcopy(scorer.network).cpu()
        folder = None
        if isinstance(store, DiskStore) and store.separates(tiles):
            folder = store.folder.resolve()
        return cls(
            replace(_with_image(scoring, None), scorer=scorer),
            scoring.scorer.device.type,
            torch.get_num_threads(),
            image.data if isinstance(image.data, np.ndarray) else replace(image, data=None),
            folder,
            store.threshold,
        )

    def open(self) -> tuple[ImageScorer, DiskStore | None]:
        """Make everything ready on the worker."""
        image = self.image
        if isinstance(image, ImageFile):
            image = open_image(image.path, image.axes).data
        scoring = _with_image(self.scoring, image)
        scoring.scorer.device = choose_device(self.device)
        scoring.scorer.network.to(scoring.scorer.device)
        return scoring, DiskStore(self.store, self.threshold) if self.store else None


def _with_image(scoring: ImageScorer, image: Any) -> ImageScorer:
    reader = scoring.reader
    return replace(scoring, reader=replace(reader, image=replace(reader.image, image=image)))


class _Worker(WorkerPlugin):
    """The job at one worker: those that join or start again later get it too."""

    def __init__(self, job: _Job) -> None:
        self.job = job

    def setup(self, worker: Worker) -> None:
        """Wait: what takes time is done with the first tile, in a thread of its own."""
        del worker
        self.lock = Lock()
        self.ready: tuple[ImageScorer, DiskStore | None] | None = None

    def score(self, tile: Tile) -> list[WrittenTile | ScoredTile]:
        """Score one tile: in parts, if memory is not enough for it in one."""
        with self.lock:
            torch.set_num_threads(self.job.threads)  # of this thread; the sums depend on it
            self.ready = self.ready or self.job.open()
            scoring, store = self.ready
            parts = scoring.score([tile])
            return [store.write(part.tile, part.scores) if store else part for part in parts]


def _score(name: str, tile: Tile) -> list[WrittenTile | ScoredTile]:
    """Run at a worker."""
    results: list[WrittenTile | ScoredTile] = get_worker().plugins[name].score(tile)
    return results
