"""Every study as a list of experiments: what is compared, with which settings."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

from fer_utils.errors import FerError, one_of
from fer_utils.experiments import report_b_recipes, transfer_recipes
from fer_utils.experiments.best_recipe import ablation, best, start
from fer_utils.experiments.transfer_recipes import LOSSES, TASKS
from fer_utils.training.experiment import Experiment


def report_a(dataset: str, seeds: Sequence[int] = (0, 1, 2), **settings: Any) -> list[Experiment]:
    """Report A's comparison with its CNN: both tasks, both losses, paired by seed."""
    return [
        Experiment(dataset=dataset, task=task, loss=loss, seed=seed, **settings)
        for seed, task, loss in product(seeds, TASKS, LOSSES)
    ]


def dedupe(
    dataset: str, seeds: Sequence[int] = (0, 1, 2, 3, 4), **settings: Any
) -> list[Experiment]:
    """Report A's comparison with no photograph on two sides: its scores without the leak."""
    return report_a(dataset, seeds, dedupe=True, **settings)


def median(dataset: str, seeds: Sequence[int] = (0,), **settings: Any) -> list[Experiment]:
    """Report A's denoising experiment: the four classes with and without the median filter."""
    return [
        Experiment(
            dataset=dataset, task="multiclass", loss=loss, seed=seed, median=filtered, **settings
        )
        for seed, loss, filtered in product(seeds, LOSSES, (False, True))
    ]


def class_weights(
    dataset: str, seeds: Sequence[int] = (0, 1, 2, 3, 4), **settings: Any
) -> list[Experiment]:
    """The four classes with and without class weights, to tell their effect from focal loss's."""
    return [
        Experiment(dataset=dataset, loss=loss, seed=seed, class_weights=weighted, **settings)
        for seed, loss, weighted in product(seeds, LOSSES, (True, False))
    ]


def gamma(dataset: str, seeds: Sequence[int] = (0, 1, 2), **settings: Any) -> list[Experiment]:
    """The four classes with focal loss and every exponent from 0 (weighted cross-entropy) to 5."""
    return [
        Experiment(
            dataset=dataset, task="multiclass", loss="focal", seed=seed, gamma=exponent, **settings
        )
        for seed, exponent in product(seeds, (0.0, 0.5, 1.0, 2.0, 3.0, 5.0))
    ]


def learning_rate(dataset: str, seeds: Sequence[int] = (0,), **settings: Any) -> list[Experiment]:
    """How the learning rate was chosen, on validation: half and twice the default beside it."""
    return [
        Experiment(dataset=dataset, task=task, seed=seed, learning_rate=rate, **settings)
        for seed, task, rate in product(seeds, TASKS, (2.5e-4, 5e-4, 1e-3))
    ]


STUDIES: dict[str, Callable[..., list[Experiment]]] = {
    "report_a": report_a,
    "dedupe": dedupe,
    "median": median,
    "class_weights": class_weights,
    "gamma": gamma,
    "learning_rate": learning_rate,
    "best": best,
    "ablation": ablation,
    "start": start,
    **transfer_recipes.STUDIES,
    **report_b_recipes.STUDIES,
}


def make_study(name: str, dataset: str, **settings: Any) -> list[Experiment]:
    """The experiments of a study.

    Parameters
    ----------
    name : one of STUDIES
    settings : fields of Experiment for every experiment, and `seeds`

    Raises
    ------
    FerError
        For an unknown name, a setting that does not exist and one that the study varies.
    """
    make = STUDIES[one_of(name, STUDIES, "study")]
    try:
        return make(dataset, **settings)
    except TypeError as error:  # "got multiple values for keyword argument 'loss'"
        raise FerError(f"study {name} cannot take that setting: {error}") from None
