"""A study as one Slurm job array: jobs compute runs into the results folder, which all nodes share.

The machine that asks submits through sbatch (submitit) and waits. Should it be lost, the jobs go
on, and the same command submits only what is unfinished. A job whose time is up, or that is
preempted, is queued again and goes on after its last finished epoch.
"""

import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_utils import io
from fer_utils.data.dataset import Faces
from fer_utils.data.synthetic import open_dataset
from fer_utils.errors import FerError, one_of
from fer_utils.experiments.failures import Failures, reason
from fer_utils.experiments.run_files import is_finished
from fer_utils.experiments.runner import folder_of, run
from fer_utils.training.experiment import Experiment

if TYPE_CHECKING:  # an extra, which is imported where it is used
    from submitit import AutoExecutor, Job
    from submitit.helpers import DelayedSubmission

CLUSTER = "slurm"  # submitit knows others, for tests
ARRAY = 1000  # jobs at most: what Slurm allows by default (MaxArraySize, which counts from 0)
POLL = 10.0  # seconds between two looks at the jobs
# what --slurm takes, and of which kind it is
OPTIONS: dict[str, type] = {
    "partition": str,
    "account": str,
    "qos": str,
    "constraint": str,
    "gres": str,
    "exclude": str,
    "timeout_min": int,
    "mem_gb": int,
    "cpus_per_task": int,
    "gpus_per_node": int,
    "array_parallelism": int,
}
# submitit calls these so for any cluster; others take the prefix slurm_
SHARED = {"timeout_min", "mem_gb", "cpus_per_task", "gpus_per_node"}
DEFAULTS: dict[str, Any] = {"timeout_min": 240}  # submitit's own 5 minutes are too few for an epoch
# each a failed run's id and reason; ids of runs that another process computes
Outcome = tuple[dict[str, str], list[str]]


@dataclass(frozen=True)
class Task:
    """What a job does with its experiments; submitit stores it, to start it after a time-out.

    Attributes
    ----------
    results : the folder of results, on a disk that all nodes share
    digest : the data set's
    wait : for runs that another process computes, instead of leaving them to it
    """

    device: str
    precision: str
    results: Path
    digest: str
    wait: bool

    def __call__(self, experiments: Sequence[Experiment]) -> Outcome:
        """Computes the runs one after another; one that fails does not keep the others from it."""
        import submitit

        failed: dict[str, str] = {}
        busy: list[str] = []
        for one in experiments:
            try:
                faces = self._data(one.dataset)
                run(one, self.device, self.precision, self.results, faces, wait=self.wait)
            except submitit.core.utils.UncompletedJobError:  # the time is up, for the last time
                raise
            except io.Busy:
                busy.append(one.id)
            except FerError as error:
                failed[one.id] = str(error)
            except Exception as error:
                traceback.print_exc()  # into the job's log, which the message names
                failed[one.id] = f"{reason(error)}; see {submitit.JobEnvironment().paths.stderr}"
        return failed, busy

    def checkpoint(self, experiments: Sequence[Experiment]) -> "DelayedSubmission":
        """What is queued again: all experiments, since finished runs return at once."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, experiments)

    def _data(self, name: str) -> Faces:
        faces = open_dataset(name)
        if faces.digest != self.digest:
            raise FerError(
                f"data set {name} differs on this node; FER_HOME must be on a shared disk"
            )
        return faces


def parse_options(pairs: Sequence[str]) -> dict[str, Any]:
    """What jobs ask Slurm for, from texts name=value with the names in OPTIONS.

    Raises FerError for an unknown name or a value of another kind.
    """
    options = dict(DEFAULTS)
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not text:
            raise FerError(
                f"--slurm: {pair!r} is not of the form name=value; names: {', '.join(OPTIONS)}"
            )
        if OPTIONS[one_of(name, OPTIONS, "option of --slurm")] is str:
            options[name] = text
        elif text.isdecimal() and (int(text) > 0 or name == "gpus_per_node"):
            options[name] = int(text)
        else:
            raise FerError(f"--slurm: {name} must be a whole number above 0; got {text!r}")
    return options


def spread(
    experiments: Sequence[Experiment],
    device: str,
    precision: str,
    results: Path,
    faces: Faces,
    options: dict[str, Any],
) -> None:
    """Computes every unfinished run as a job array, and waits for it.

    `results`, the data set and the checkout must be on a disk that all nodes share. Logs are in
    results/<dataset>/slurm.

    Parameters
    ----------
    device : with cuda a job asks for one GPU, unless the options say how many
    options : as `parse_options` gives them

    Raises
    ------
    FerError
        Where jobs cannot be submitted, and for runs that failed, once all others are finished.
    """
    unfinished = []
    for one in experiments:
        if is_finished(folder_of(one, results)):
            run(one, device, precision, results, faces)  # only checks that it is of the same data
        else:
            unfinished.append(one)
    failures = Failures(len(experiments))
    if unfinished:
        gpu = {"gpus_per_node": 1} if device == "cuda" else {}
        executor = _executor(results / unfinished[0].dataset / "slurm", gpu | options)
        task = Task(device, precision, results, faces.digest, wait=False)
        busy = _compute(executor, task, unfinished, failures)
        if busy:  # waited for only now, so that no job sits idle while others could compute
            _compute(executor, replace(task, wait=True), busy, failures)
    failures.report()


def _executor(folder: Path, options: dict[str, Any]) -> "AutoExecutor":
    """Writes sbatch files and logs into `folder`. Raises FerError without submitit or Slurm."""
    try:
        import submitit
    except ImportError:
        raise FerError("--on slurm needs the extra cluster: pip install -e '.[cluster]'") from None
    try:
        executor = submitit.AutoExecutor(folder, cluster=CLUSTER)
    except RuntimeError:  # no srun
        raise FerError(
            "no Slurm on this machine; give the command where sbatch and srun are"
        ) from None
    named = {name if name in SHARED else f"slurm_{name}": value for name, value in options.items()}
    executor.update_parameters(name="fer", **named)
    return executor


def _compute(
    executor: "AutoExecutor", task: Task, some: Sequence[Experiment], failures: Failures
) -> list[Experiment]:
    """Submits an array, waits for its jobs and notes failures; returns what others compute."""
    from submitit.core.utils import FailedJobError, UncompletedJobError

    count = min(ARRAY, len(some))
    shares = [some[start::count] for start in range(count)]
    try:
        jobs = executor.map_array(task, shares)
    except FailedJobError as error:
        said = (str(error).strip().splitlines() or [""])[-1]
        raise FerError(f"Slurm takes no job: {said}") from None
    array = jobs[0].job_id.split("_")[0]
    said = f"{len(some)} runs in {count} jobs, which go on without this command"
    print(f"Slurm array {array}: {said}", flush=True)
    print(f"  their logs: {executor.folder}  ·  to end them: scancel {array}", flush=True)
    pending = dict(zip(jobs, shares, strict=True))
    busy: list[Experiment] = []
    done = 0
    while pending:
        for job in [job for job in pending if job.done()]:
            share = pending.pop(job)
            try:
                failed, elsewhere = job.result()
            except (FailedJobError, UncompletedJobError):
                failed, elsewhere = _of_lost_job(job, share, task.results), []
            for run_id, why in failed.items():
                failures.add(run_id, FerError(why))
            busy += [one for one in share if one.id in elsewhere]
            for one in share:
                if one.id not in failed and one.id not in elsewhere:
                    done += 1
                    print(f"[{done}/{len(some)}] {one.id}", flush=True)
        if pending:
            time.sleep(POLL)
    return busy


def _of_lost_job(job: "Job[Outcome]", share: Sequence[Experiment], results: Path) -> dict[str, str]:
    """Why runs are missing of a job that was killed, or whose time was up for good."""
    why = f"job {job.job_id} ended without it ({job.state}); see {job.paths.stderr}"
    return {one.id: why for one in share if not is_finished(folder_of(one, results))}
