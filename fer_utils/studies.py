"""Named lists of experiments, and how they are run. Resume makes a study safe to stop at any time."""

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

from fer_utils import files, paths
from fer_utils.errors import FerError, one_of
from fer_utils.experiment import Experiment, folder_of, open_dataset, run

TASKS = ("binary", "multiclass")
LOSSES = ("cross_entropy", "focal")


def report_a(dataset: str, seeds: Sequence[int] = (0, 1, 2), **settings) -> list[Experiment]:
    """Report A's comparison with its CNN: both tasks, both losses, paired by seed."""
    return [
        Experiment.make(dataset=dataset, task=task, loss=loss, seed=seed, **settings)
        for seed, task, loss in product(seeds, TASKS, LOSSES)
    ]


def dedupe(dataset: str, seeds: Sequence[int] = (0, 1, 2, 3, 4), **settings) -> list[Experiment]:
    """Report A's comparison where no photograph is on two sides: what its scores are without the leak."""
    return report_a(dataset, seeds, dedupe=True, **settings)


def median(dataset: str, seeds: Sequence[int] = (0,), **settings) -> list[Experiment]:
    """Report A's denoising experiment: the four classes with and without the median filter."""
    return [
        Experiment.make(dataset=dataset, task="multiclass", loss=loss, seed=seed, median=filtered, **settings)
        for seed, loss, filtered in product(seeds, LOSSES, (False, True))
    ]


def class_weights(dataset: str, seeds: Sequence[int] = (0, 1, 2, 3, 4), **settings) -> list[Experiment]:
    """The four classes with and without class weights, so that "focal" and "weighted" are not confused."""
    return [
        Experiment.make(dataset=dataset, loss=loss, seed=seed, class_weights=weighted, **settings)
        for seed, loss, weighted in product(seeds, LOSSES, (True, False))
    ]


def gamma(dataset: str, seeds: Sequence[int] = (0, 1, 2), **settings) -> list[Experiment]:
    """The four classes with focal loss and every exponent from 0 (weighted cross-entropy) to 5."""
    return [
        Experiment.make(dataset=dataset, task="multiclass", loss="focal", seed=seed, gamma=exponent, **settings)
        for seed, exponent in product(seeds, (0.0, 0.5, 1.0, 2.0, 3.0, 5.0))
    ]


def learning_rate(dataset: str, seeds: Sequence[int] = (0,), **settings) -> list[Experiment]:
    """How the learning rate was chosen, on validation: half and twice the default beside it."""
    return [
        Experiment.make(dataset=dataset, task=task, seed=seed, learning_rate=rate, **settings)
        for seed, task, rate in product(seeds, TASKS, (2.5e-4, 5e-4, 1e-3))
    ]


STUDIES: dict[str, Callable[..., list[Experiment]]] = {
    "report_a": report_a,
    "dedupe": dedupe,
    "median": median,
    "class_weights": class_weights,
    "gamma": gamma,
    "learning_rate": learning_rate,
}


def make_study(name: str, dataset: str, **settings) -> list[Experiment]:
    """The experiments of a study by name. Raises FerError for an unknown name, or a setting it varies."""
    make = STUDIES[one_of(name, STUDIES, "study")]
    try:
        return make(dataset, **settings)
    except TypeError as error:  # "got multiple values for keyword argument 'loss'"
        raise FerError(f"study {name} cannot take that setting: {error}") from None


def run_study(
    name: str,
    dataset: str,
    device: str = "auto",
    precision: str = "auto",
    results: Path = paths.RESULTS,
    **settings,
) -> list[str]:
    """Runs what is not finished yet of a study, one run after another, and returns the ids of all.

    results/<dataset>/studies/<name>.json lists the ids, so that tables and figures know which runs are meant;
    runs of other seeds that are there already stay in the list.
    """
    experiments = make_study(name, dataset, **settings)
    ids = [experiment.id for experiment in experiments]
    faces = open_dataset(dataset)
    listing = results / dataset / "studies" / f"{name}.json"
    files.write_json(listing, sorted({*ids, *_other_seeds(listing, experiments)}))
    for number, experiment in enumerate(experiments, start=1):
        finished = (folder_of(experiment, results) / "done.json").exists()
        print(f"[{number}/{len(ids)}] {experiment.id}{'  (finished)' if finished else ''}", flush=True)
        run(experiment, device, precision, results, faces)
    return ids


def _other_seeds(listing: Path, experiments: Sequence[Experiment]) -> list[str]:
    """The finished runs already in a study's list that differ from the present ones in nothing but the seed."""
    present = {experiment.replace(seed=0) for experiment in experiments}
    folders = [listing.parents[1] / "runs" / run for run in (files.read_json(listing) if listing.exists() else [])]
    finished = [folder for folder in folders if (folder / "done.json").exists()]
    made = {folder.name: Experiment(**files.read_json(folder / "config.json")["experiment"]) for folder in finished}
    return [run for run, experiment in made.items() if experiment.replace(seed=0) in present]
