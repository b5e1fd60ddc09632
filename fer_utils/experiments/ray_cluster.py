"""A study spread over a Ray cluster: one task per run, wherever there is room, its files sent back.

The machine that asks keeps the results and is the only one to write them; the nodes compute in a
temporary folder. So nothing need be shared. A node that has the data set (the same digest, under
its own FER_HOME) reads it there; to any other it is sent, once. Runs of a node that is lost are
computed anew elsewhere.
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
from fer_utils.experiments.run_files import is_finished
from fer_utils.experiments.runner import folder_of, run
from fer_utils.training.experiment import Experiment

# of a run whose worker was lost; one that kills its worker each time would else never end
RETRIES = 3
# addresses for Ray itself: the cluster of this machine, a new one of this process alone
WORDS = ("auto", "local")


def spread(
    experiments: Sequence[Experiment],
    device: str,
    precision: str,
    results: Path,
    faces: Faces,
    address: str | None = None,
    gpus_per_run: float | None = None,
) -> None:
    """Computes every unfinished run on a cluster, and writes the results here.

    Parameters
    ----------
    address : host:port, or Ray's own "auto" or "local"; None: the cluster of this machine
    gpus_per_run : 0.25 lets four runs share a GPU; 0 computes on processors, one core per run;
        None: a whole GPU where the cluster has any

    Raises
    ------
    FerError
        Without a cluster, and for runs that failed, once all others are finished.
    """
    check_share(gpus_per_run)
    ray = _connected(address)
    try:
        gpus = _gpus(ray, device, gpus_per_run)
        device = "cpu" if device == "auto" and not gpus else device
        place = f"device {device}, precision {precision}, as each node has it"
        print(f"on the cluster: {place}", flush=True)
        task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=RETRIES)(compute)
        folders = {experiment: folder_of(experiment, results) for experiment in experiments}
        failures = Failures(len(folders))
        waiting: dict[Any, Experiment] = {}  # by Ray's reference to the result
        sent: list[Any] = []  # a reference to the data set, once a node has asked for it
        for experiment, folder in folders.items():
            if is_finished(folder):
                # only checks that it is of the same data
                run(experiment, device, precision, results, faces)
            else:
                waiting[task.remote(experiment, device, precision, faces.digest, sent)] = experiment
        finished = len(folders) - len(waiting)
        bar = tqdm(total=len(folders), initial=finished, unit="run", smoothing=0, disable=None)
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
                    again = task.remote(experiment, device, precision, faces.digest, sent)
                    waiting[again] = experiment
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
            f"GPUs per run must be 0, a share such as 0.25, or a whole number; got {share:g}"
        )


def compute(
    experiment: Experiment, device: str, precision: str, digest: str, sent: list[Any]
) -> dict[str, bytes] | None:
    """Computes a run on a node.

    Parameters
    ----------
    digest : the data set's
    sent : empty, or a reference to the data set. It comes in a list, since Ray would fetch a bare
        reference to every node, also to one that has the data set.

    Returns
    -------
    The files of the run by name; None where the data set is neither there nor sent.
    """
    import ray

    faces = _own(experiment.dataset, digest)
    if faces is None:
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


def _own(dataset: str, digest: str) -> Faces | None:
    """This node's data set, if it has that very one."""
    try:
        faces = open_dataset(dataset)
    except FerError:
        return None
    return faces if faces.digest == digest else None


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
            # asked first, for Ray itself tries for minutes
            socket.create_connection((place.hostname, place.port), timeout=5).close()
        ray.init(address=address or "auto", log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        is_host = address not in (None, "", *WORDS)
        where = f"at {address} ({reason(error)})" if is_host else "on this machine"
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
    by_gpu = resources.get("GPU", 0) / gpus if gpus else math.inf
    return int(min(resources.get("CPU", 0), by_gpu))


def _cause(error: Exception) -> BaseException:
    """What the run itself raised, out of Ray's wrapping."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, BaseException) else error


def _in_memory(faces: Faces) -> Faces:
    """A copy that holds its images itself and names no folder, which another node lacks."""
    return Faces(np.array(faces.images), faces.index, faces.source, faces.digest)


def _write(folder: Path, content: dict[str, bytes]) -> None:
    """The run's folder from the content of its files, whole or not at all."""
    with io.atomic_folder(folder) as part:
        for name, data in content.items():
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            (part / name).write_bytes(data)
