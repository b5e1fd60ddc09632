"""Named lists of experiments, and how they are run.

A run that was interrupted goes on where it was, so that a study can be stopped at any time.
"""

import re
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from fer_utils import io, paths
from fer_utils.data.dataset import Faces
from fer_utils.data.splits import split_task
from fer_utils.data.synthetic import open_dataset
from fer_utils.data.tasks import get_task
from fer_utils.errors import FerError
from fer_utils.experiments.failures import Failures
from fer_utils.experiments.recipes import make_study
from fer_utils.experiments.run_files import is_finished
from fer_utils.experiments.runner import FEATURES, announce, folder_of, run
from fer_utils.models.pretrained import store
from fer_utils.training.experiment import Experiment
from fer_utils.training.tracking import Draw

NOT_RUN = "not run: weights missing"
# computes experiments on a device, in a precision, with results in a folder, from a data set
Spread = Callable[[Sequence[Experiment], str, str, Path, Faces], None]


def run_study(
    name: str,
    dataset: str,
    device: str = "auto",
    precision: str = "auto",
    results: Path = paths.RESULTS,
    tracker: str = "none",
    draw: Draw | None = None,
    spread: Spread | None = None,
    replace: bool = False,
    **settings: Any,
) -> list[str]:
    """Runs what is not finished yet of a study.

    `results/<dataset>/studies/<name>.json` lists the ids, so that tables and figures know which
    runs are meant. Other seeds that are listed already stay; other settings make a list of their
    own (see `listing`). Runs whose pretrained weights are not at hand are named and left out;
    `<name>.not_run.json` keeps their settings for the tables.

    A run that fails, or that another process computes, does not keep the others from being
    finished.

    Parameters
    ----------
    name : one of recipes.STUDIES
    device, precision : as `devices.choose` takes them
    tracker, draw : what follows the runs, as `runner.run` takes it
    spread : another way than one run after another in this process: local_pool.run_side_by_side,
        ray_cluster.spread or slurm.spread. No tracker follows these.
    replace : whether runs of other settings leave the list, instead of a list of their own
    settings : fields of Experiment for every experiment, and `seeds`

    Returns
    -------
    The ids of all runs but those left out, finished before or now.

    Raises
    ------
    FerError
        For bad settings or data before anything is computed; and at the end, with the reason of
        each run that failed.
    """
    if spread and tracker != "none":
        raise FerError(
            f"{tracker} follows the runs of one process; leave --tracker out, or --jobs and --on"
        )
    whole = list(dict.fromkeys(make_study(name, dataset, **settings)))
    can_run = [_can_run(experiment, results) for experiment in whole]
    experiments = [experiment for experiment, can in zip(whole, can_run, strict=True) if can]
    left_out = [experiment for experiment, can in zip(whole, can_run, strict=True) if not can]
    for model, count in Counter(experiment.model for experiment in left_out).items():
        share = f"{count} of {len(whole)} runs"
        print(f"{NOT_RUN}: {model}, {share}; get them with: {store.remedy(model)}", flush=True)
    faces = open_dataset(dataset)
    # a split without images of a class is refused now, not when the run's turn comes, hours later
    for one in {(e.task, e.cap, e.validation, e.test): e for e in experiments}.values():
        split_task(faces, get_task(one.task), one.cap, one.validation, one.seed, one.test)
    list_at = listing(results / dataset / "studies", name, whole, replace)
    _write_lists(list_at, experiments, left_out)
    print(f"{list_at.stem}: {len(experiments)} runs", flush=True)
    compute = spread or partial(_one_after_another, tracker=tracker, draw=draw)
    compute(experiments, device, precision, results, faces)
    # not where it was interrupted: its next start goes on with them
    shutil.rmtree(results / dataset / FEATURES, ignore_errors=True)
    return [experiment.id for experiment in experiments]


def listing(
    folder: Path, name: str, experiments: Sequence[Experiment], replace: bool = False
) -> Path:
    """The file in `folder` that lists a study's runs: <name>.json, unless others are listed there.

    Others are runs that differ in more than the seed. Then it is `<name>-<settings>.json`, where
    the settings are those common to all of `experiments` in which these runs differ, for example
    report_a-cap=200.json.

    Parameters
    ----------
    replace : <name>.json all the same

    Raises
    ------
    FerError
        Where no such setting tells the two apart.
    """
    path = folder / f"{name}.json"
    others = sorted({*_listed(path)} - _of_any_seed(experiments, _listed(path)))
    configs = [folder.parent / "runs" / run / "config.json" for run in others]
    listed = [io.read_json(config)["experiment"] for config in configs if config.exists()]
    if replace or not listed:  # of those without a folder nothing would be lost
        if others:
            leaving = f"{len(others)} runs of other settings leave the list; their folders stay"
            print(f"{path}: {leaving}")
        return path
    settings = _differing(experiments, listed)
    if not settings:
        raise FerError(
            f"{path} lists {len(others)} runs that this study would drop; keep them and compute "
            "this one in a set of its own with --results NAME, or drop them with --replace"
        )
    text = ",".join(f"{key}={value}" for key, value in settings.items())
    other = folder / f"{name}-{re.sub(r'[^a-zA-Z0-9=,.+-]', '_', text)}.json"
    print(f"{path} lists runs of other settings and is kept; these runs are listed in {other.name}")
    return other


def _differing(experiments: Sequence[Experiment], listed: list[dict[str, Any]]) -> dict[str, Any]:
    """The settings that all `experiments` have in common, and none of the listed runs has."""
    first, *others = [asdict(experiment) for experiment in experiments]
    common = {key: value for key, value in first.items() if all(o[key] == value for o in others)}
    defaults = asdict(Experiment())  # of a setting that is younger than a run
    return {
        key: value
        for key, value in common.items()
        if key not in ("seed", "dataset")
        and all(run.get(key, defaults[key]) != value for run in listed)
    }


def _write_lists(
    path: Path, experiments: Sequence[Experiment], left_out: Sequence[Experiment]
) -> None:
    """Adds the experiments to the list `path`, from which runs of other settings disappear."""
    listed = _of_any_seed([*experiments, *left_out], _listed(path))
    io.write_json(path, sorted({*listed, *(experiment.id for experiment in experiments)}))
    not_run = path.with_suffix(".not_run.json")
    if left_out:
        io.write_json(not_run, [asdict(experiment) for experiment in left_out])
    else:
        not_run.unlink(missing_ok=True)


def _listed(path: Path) -> list[str]:
    return io.read_json(path) if path.exists() else []


def _of_any_seed(experiments: Sequence[Experiment], ids: Sequence[str]) -> set[str]:
    """Which of these ids name one of the experiments with whatever seed.

    An id is a hash of the settings, so the experiments are made with each seed that an id names.
    That opens no file, however many runs are listed.
    """
    seeds = {match[1] for run in ids if (match := re.search(r"-s(\d+)-[0-9a-f]{8}$", run))}
    settings = {experiment.replace(seed=0) for experiment in experiments}
    return {one.replace(seed=int(seed)).id for one in settings for seed in seeds} & set(ids)


def _can_run(experiment: Experiment, results: Path) -> bool:
    """Whether its weights are at hand or not needed: random ones, or the run is finished."""
    return (
        is_finished(folder_of(experiment, results))
        or not store.sources(experiment.model)
        or store.at_hand(experiment.model) is not None
    )


def _one_after_another(
    experiments: Sequence[Experiment],
    device: str,
    precision: str,
    results: Path,
    faces: Faces,
    tracker: str,
    draw: Draw | None,
) -> None:
    announce(device, precision)
    failures = Failures(len(experiments))
    compute = partial(
        run,
        device=device,
        precision=precision,
        results=results,
        faces=faces,
        tracker=tracker,
        draw=draw,
        share_features=True,
    )
    busy: list[Experiment] = []
    for number, experiment in enumerate(experiments, start=1):
        note = "  (finished)" if is_finished(folder_of(experiment, results)) else ""
        print(f"[{number}/{len(experiments)}] {experiment.id}{note}", flush=True)
        try:
            compute(experiment)
        except io.Busy as error:
            print(f"  {error}", flush=True)
            busy.append(experiment)
        except Exception as error:
            failures.add(experiment.id, error)
    for experiment in busy:  # finished by the other process meanwhile, or left by it
        try:
            compute(experiment, wait=True)
        except Exception as error:
            failures.add(experiment.id, error)
    failures.report()
