"""A study spread over a Ray cluster: one run a task, wherever there is room, and its files sent back.

The machine that asks keeps the results and is the only one to write them; the nodes compute in a temporary folder.
So nothing need be shared. A node that has the data set (the same digest, under its own FER_HOME) reads it there;
to any other it is sent, once. Runs of a node that is lost are computed anew elsewhere.
"""

import logging
import math
import os
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from tqdm import tqdm

from fer_utils import io
from fer_utils.data.dataset import Faces
from fer_utils.data.synthetic import open_dataset
from fer_utils.errors import FerError
from fer_utils.experiments.failures import Failures, reason
from fer_utils.experiments.runner import folder_of, run
from fer_utils.training.experiment import Experiment

RETRIES = (
    3  # of a run whose worker was lost; one that kills its worker each time would else never end
)
WORDS = (
    "auto",
    "local",
)  # for Ray itself: the cluster of this machine, a new one of this process alone


def spread(
    experiments: Sequence[Experiment],
    device: str,
    precision: str,
    results: Path,
    faces: Faces,
    address: str | None = None,
    gpus_per_run: float | None = None,
) -> None:
    """Computes every unfinished run on the cluster at `address` (host:port; None: the one of this machine).

    address: also Ray's own "auto" or "local". gpus_per_run: 0.25 lets four runs share a GPU, 0 computes on
    processors, a core a run; None is a whole GPU where the cluster has any. Raises FerError without a cluster,
    and for runs that failed, once all others are finished.
    """
    check_share(gpus_per_run)
    ray = _connected(address)
    try:
        gpus = _gpus(ray, device, gpus_per_run)
        device = "cpu" if device == "auto" and not gpus else device
        print(
            f"on the cluster: device {device}, precision {precision}, as each node has it",
            flush=True,
        )
        task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=RETRIES)(compute)
        folders = {experiment: folder_of(experiment, results) for experiment in experiments}
        waiting, failures = {}, Failures(len(folders))
        sent: list = []
        for experiment, folder in folders.items():
            if (folder / "done.json").exists():
                run(
                    experiment, device, precision, results, faces
                )  # only looks whether it is of the same data
            else:
                waiting[task.remote(experiment, device, precision, faces.digest, sent)] = experiment
        bar = tqdm(
            total=len(folders),
            initial=len(folders) - len(waiting),
            unit="run",
            smoothing=0,
            disable=None,
        )
        while waiting:
            bar.set_postfix(running=min(len(waiting), _room(ray, gpus)), failed=len(failures))
            ready, _ = ray.wait(list(waiting), timeout=2)
            for reference in ready:
                experiment = waiting.pop(reference)
                try:
                    content = ray.get(reference)
                except ray.exceptions.RayError as error:
                    failures.add(experiment.id, _cause(error))
                    continue
                if content is None:  # a node without the data set
                    sent = sent or [ray.put(_in_memory(faces))]
                    waiting[task.remote(experiment, device, precision, faces.digest, sent)] = (
                        experiment
                    )
                    continue
                _write(folders[experiment], content)
                bar.update()
                tqdm.write(f"[{bar.n}/{len(folders)}] {experiment.id}")
        bar.close()
    finally:
        ray.shutdown()
    failures.report()


def check_share(gpus_per_run: float | None) -> None:
    """Raises FerError for a number of GPUs that Ray cannot give to a run."""
    share = gpus_per_run or 0.0
    if not 0 <= share < math.inf or (share > 1 and share != int(share)):
        raise FerError(
            f"GPUs per run must be 0, a share such as 0.25, or a whole number; got {gpus_per_run:g}"
        )


def compute(
    experiment: Experiment, device: str, precision: str, digest: str, sent: list
) -> dict[str, bytes] | None:
    """On a node: the files of a run by name; None where the data set is neither there nor sent.

    sent: a reference to the data set in a list, so that Ray fetches it only to a node that asks for it.
    """
    import ray

    try:
        faces = open_dataset(experiment.dataset)
    except FerError:
        faces = None
    if faces is None or faces.digest != digest:
        if not sent:
            return None
        faces = ray.get(sent[0])
    with tempfile.TemporaryDirectory() as results:
        folder = run(experiment, device, precision, Path(results), faces)
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }


def _connected(address: str | None) -> Any:
    """The module ray, connected. Raises FerError."""
    try:
        import ray
    except ImportError:
        raise FerError("--on ray needs the extra cluster: pip install -e '.[cluster]'") from None
    address = address or os.environ.get("RAY_ADDRESS")
    try:
        if address and address not in WORDS:
            place = urlsplit(address if "://" in address else f"ray://{address}")
            socket.create_connection(
                (place.hostname, place.port), timeout=5
            ).close()  # Ray itself tries for minutes
        ray.init(address=address or "auto", log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        where = (
            f"at {address} ({reason(error)})"
            if address not in (None, "", *WORDS)
            else "on this machine"
        )
        raise FerError(
            f"no Ray cluster {where}; start one with: ray start --head, or give --address HOST:PORT"
        ) from None
    return ray


def _gpus(ray: Any, device: str, wanted: float | None) -> float:
    present = ray.cluster_resources().get("GPU", 0)
    if wanted and not present:
        raise FerError("the cluster has no GPU; leave --gpus-per-run out")
    return wanted if wanted is not None else float(present > 0 and device != "cpu")


def _room(ray: Any, gpus: float) -> int:
    """How many runs the cluster, as it is now, computes at a time."""
    resources = ray.cluster_resources()
    return int(
        min(resources.get("CPU", 0), resources.get("GPU", 0) / gpus if gpus else float("inf"))
    )


def _cause(error: Exception) -> BaseException:
    """What the run itself raised, out of Ray's wrapping."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, BaseException) else error


def _in_memory(faces: Faces) -> Faces:
    return Faces(np.array(faces.images), faces.index, faces.source, faces.digest)


def _write(folder: Path, content: dict[str, bytes]) -> None:
    with io.atomic_folder(folder) as part:
        for name, data in content.items():
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            (part / name).write_bytes(data)
