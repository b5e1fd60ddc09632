"""Report A's studies of its CNN, and those of what its text leaves open."""

from collections.abc import Sequence
from itertools import permutations, product
from typing import Any

from fer_utils.data.tasks import get_task
from fer_utils.experiments.best_recipe import Settings
from fer_utils.training.experiment import Experiment
from fer_utils.training.losses import LOSSES

TASKS = ("binary", "multiclass")

# What report A's text leaves open, each reading by the settings in which it differs from ours; the
# most telling ones first, the last costs ten times as much as most.
READINGS: tuple[Settings, ...] = (
    {},  # ours
    {"model": "cnn_one_pool"},
    {"class_weights": False},  # the vectors stand in the loader of the pretrained networks alone
    {"model": "cnn_one_relu"},
    {"model": "cnn_late_dropout"},
    {"learning_rate": 1e-3},  # Adam's own; others are in `rates`
    {"batch_size": 32},
    {"select": "best"},  # a check: its saved file is probably that of the last epoch
    {"model": "cnn_unnormalised"},
    {"model": "cnn_imagenet"},
    {"stratified": False},
    {"cap_drawn": False},
    {"model": "cnn_literal"},
)

RATES = (1.25e-4, 2.5e-4, 5e-4, 1e-3, 2e-3)
SOURCES = ("split_seed", "init_seed", "order_seed")


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


def readings(
    dataset: str, seeds: Sequence[int] = (0, 1, 2, 3, 4), **settings: Any
) -> list[Experiment]:
    """Every reading of report A's text: both tasks, both losses."""
    return [
        Experiment(dataset=dataset, task=task, loss=loss, seed=seed, **settings, **reading)
        for seed, reading, task, loss in product(seeds, READINGS, TASKS, LOSSES)
    ]


def weight_orders(
    dataset: str, seeds: Sequence[int] = (0, 1, 2), **settings: Any
) -> list[Experiment]:
    """Every order in which report A's class weights may belong to the classes; both losses."""
    orders = [
        (task, "" if order == get_task(task).classes else "+".join(order))
        for task in TASKS
        for order in permutations(get_task(task).classes)
    ]
    return [
        Experiment(dataset=dataset, task=task, loss=loss, seed=seed, weight_order=order, **settings)
        for seed, (task, order), loss in product(seeds, orders, LOSSES)
    ]


def rates(dataset: str, seeds: Sequence[int] = (0, 1, 2), **settings: Any) -> list[Experiment]:
    """Both losses at each of RATES, so that each is compared at the one that validation prefers."""
    return [
        Experiment(dataset=dataset, task=task, loss=loss, seed=seed, learning_rate=rate, **settings)
        for seed, rate, task, loss in product(seeds, RATES, TASKS, LOSSES)
    ]


def chance(
    dataset: str, seeds: Sequence[int] = (0, 1, 2, 3, 4), **settings: Any
) -> list[Experiment]:
    """Each source of chance by itself: every value of its seed at every value of the others'.

    Four classes, cross-entropy. The others share one seed.
    """
    experiments = []
    for seed, source, value in product(seeds, SOURCES, seeds):
        # where they are equal it is the run of one seed for everything, which has that id
        other: Settings = {source: value} if value != seed else {}
        experiments.append(Experiment(dataset=dataset, seed=seed, **other, **settings))
    return list(dict.fromkeys(experiments))


STUDIES = {
    study.__name__: study
    for study in (
        *(report_a, dedupe, median, class_weights, gamma, learning_rate),
        *(readings, weight_orders, rates, chance),
    )
}
