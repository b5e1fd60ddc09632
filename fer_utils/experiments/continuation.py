"""A longer run goes on where a shorter one ended, if they differ in the number of epochs alone.

Report A trains its networks for 5 and for 10 epochs. Where the learning rate does not depend on the
number of epochs, the first five epochs of both are the same, bit for bit, and are computed once: a
finished run keeps resume.pth as long as a study lists a longer one that could use it.
"""

import shutil
from pathlib import Path

from fer_utils import io
from fer_utils.errors import FerError
from fer_utils.experiments import run_files
from fer_utils.training import checkpoints
from fer_utils.training.experiment import Experiment

SAME_START = ("constant", "plateau")  # schedules that do not look at the number of epochs
FARTHEST = 10  # a run that is more than so many times as long is not looked for
# resume.pth comes last: with it the longer run counts as begun
FILES = ("config.json", "history.csv", "best.pth", "resume.pth")


def continue_shorter(experiment: Experiment, folder: Path, digest: str, precision: str) -> None:
    """Begins a run with the epochs of the longest finished one that is its beginning, if any.

    digest: of the data set. precision: the one asked for, or "auto". A run of other data or in
    another precision begins nothing, so that no run is half in one and half in another unasked.
    """
    if checkpoints.epochs_done(folder) or experiment.schedule not in SAME_START:
        return
    for epochs in range(experiment.epochs - 1, 0, -1):
        if not (run := _of_epochs(experiment, epochs)):
            return
        shorter = folder.with_name(run)
        # fewer epochs done: it was stopped early, and so would the longer one be
        if (
            run_files.is_finished(shorter)
            and checkpoints.epochs_done(shorter) == epochs
            and _is_of(shorter, digest, precision)
        ):
            for name in FILES:
                with io.atomic_file(folder / name) as part:
                    shutil.copyfile(shorter / name, part)
            print(f"  its first {epochs} epochs are those of {shorter.name}", flush=True)
            return


def drop_states(experiment: Experiment, folder: Path) -> None:
    """Deletes resume.pth of a finished run and of shorter ones, if no listed run will use it."""
    listed = {run for path in folder.parents[1].glob("studies/*.json") for run in _ids(path)}
    for epochs in range(experiment.epochs, 0, -1):
        if not (run := _of_epochs(experiment, epochs)):
            return
        state = folder.with_name(run) / "resume.pth"
        if state.exists() and not _is_wanted(experiment.replace(epochs=epochs), folder, listed):
            state.unlink()


def _is_wanted(experiment: Experiment, folder: Path, listed: set[str]) -> bool:
    """Whether a longer run is listed and not finished, for which this one is the beginning."""
    if experiment.schedule not in SAME_START:
        return False
    longer = range(experiment.epochs + 1, FARTHEST * experiment.epochs + 1)
    ids = {experiment.replace(epochs=epochs).id for epochs in longer} & listed
    return any(not run_files.is_finished(folder.with_name(run)) for run in ids)


def _is_of(folder: Path, digest: str, precision: str) -> bool:
    config = io.read_json(folder / "config.json")
    computed_in = {segment["precision"] for segment in config["segments"]}
    return config["data"]["digest"] == digest and precision in ("auto", *computed_in)


def _of_epochs(experiment: Experiment, epochs: int) -> str:
    """The id of the experiment with fewer epochs; "" where it would end before an unfreezing."""
    try:
        return experiment.replace(epochs=epochs).id
    except FerError:
        return ""


def _ids(path: Path) -> list[str]:
    return [entry for entry in io.read_json(path) if isinstance(entry, str)]  # not_run has settings
