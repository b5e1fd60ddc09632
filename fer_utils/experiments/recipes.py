"""Every study as a list of experiments by name; here those with pretrained networks."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

from fer_utils.errors import FerError, one_of
from fer_utils.experiments.best_recipe import Settings, ablation, best, start
from fer_utils.experiments.cnn_recipes import (
    TASKS,
    chance,
    class_weights,
    dedupe,
    gamma,
    learning_rate,
    median,
    rates,
    readings,
    report_a,
    weight_orders,
)
from fer_utils.training.experiment import Experiment
from fer_utils.training.losses import LOSSES

# pretrained networks are fine-tuned at a fifth of the default, since their weights are good already
FINE: Settings = {"learning_rate": 1e-4}

# dlib's ResNet has no batch normalisation; its convolutions are about 1e-3 and are followed by
# factors of about 8, so that Adam's steps below the head must be a thousandth of the head's (tried
# on validation images)
FACES: Settings = {"learning_rate": 1e-2, "stage_decay": 1e-3, "clip": 5.0}

# report B's: the head alone first, then two and three stages
GRADUAL: Settings = {
    "epochs": 8,
    "thaw": "1:1 2:2 5:3",
    "thaw_warm_up": 20,
    "stage_decay": 0.5,
    "clip": 5.0,
}

# random weights hold nothing that is worth keeping: all stages learn from the start, at one rate
AT_ONCE: Settings = {"learning_rate": 5e-4, "thaw": "", "thaw_warm_up": 0, "stage_decay": 1.0}

# report B's networks, and how each departs from GRADUAL
REPORT_B: dict[str, Settings] = {
    # at its own 224 pixels it would take five times as long
    "resnet18_scratch": AT_ONCE | {"image_size": 96},
    "resnet18": FINE,
    # its three dense layers are a stage each; conv5 comes later
    "vggface": FINE | {"thaw": "1:1 2:3 5:4"},
    "face_resnet": FACES | {"thaw": "1:1 2:2"},  # a third stage would learn at 1e-8
    "mobilenet_v2": FINE,
}


def transfer(dataset: str, seeds: Sequence[int] = (0,), **settings: Any) -> list[Experiment]:
    """Report A's pretrained networks, the last two stages trained, for 5 and for 10 epochs.

    Both tasks and both losses.
    """
    protocol = FINE | {"trainable": 2} | settings
    models = ("resnet18", "efficientnet_b1", "mobilenet_v2", "efficientnet_lite0")
    return [
        Experiment(
            dataset=dataset, model=model, task=task, loss=loss, epochs=epochs, seed=seed, **protocol
        )
        for seed, model, epochs, task, loss in product(seeds, models, (5, 10), TASKS, LOSSES)
    ]


def resnet18(
    dataset: str, seeds: Sequence[int] = (0, 1, 2, 3, 4), **settings: Any
) -> list[Experiment]:
    """Report A's main network as it trained it: `layer4` and `fc` learn, 5 and 10 epochs.

    Its code sets the whole network in training mode each epoch, so that the batch normalisation of
    the frozen stages goes on with the statistics of each batch; hence rest=False. The weights are
    those that every clone has.
    """
    protocol = FINE | {"model": "resnet18_cntk", "trainable": 2, "rest": False} | settings
    return [
        Experiment(dataset=dataset, task=task, loss=loss, epochs=epochs, seed=seed, **protocol)
        for seed, epochs, task, loss in product(seeds, (5, 10), TASKS, LOSSES)
    ]


def resnet18_frozen(
    dataset: str, seeds: Sequence[int] = (0, 1, 2, 3, 4), **settings: Any
) -> list[Experiment]:
    """The same, but what is frozen stays as it was, so that its features are computed once."""
    return resnet18(dataset, seeds, rest=True, **settings)


def report_b(dataset: str, seeds: Sequence[int] = (0,), **settings: Any) -> list[Experiment]:
    """Report B's comparison on three emotions: random weights, ImageNet's and those of faces."""
    return [
        Experiment(
            dataset=dataset, task="three", model=model, seed=seed, **GRADUAL | own | settings
        )
        for seed, (model, own) in product(seeds, REPORT_B.items())
    ]


def grid(dataset: str, seeds: Sequence[int] = (0,), **settings: Any) -> list[Experiment]:
    """Report B's grid search: learning rate × weight decay × augmentation.

    `results.winner` chooses.
    """
    base: Settings = {
        "task": "three",
        "model": "face_resnet",
        "epochs": 8,
        "trainable": 2,
        "stage_decay": 1e-3,
        "clip": 5.0,
    }
    augmented: Settings = {"flip": True, "rotation": 10.0, "brightness": 0.2, "contrast": 0.2}
    rates, decays = (3e-3, 1e-2, 3e-2), (0.0, 1e-3)
    # a setting that is varied must not be fixed, which `base | settings` would do without a word
    if varied := {*settings} & {"learning_rate", "weight_decay", *augmented}:
        raise TypeError(f"the grid varies {', '.join(sorted(varied))}")
    return [
        Experiment(
            dataset=dataset,
            learning_rate=rate,
            weight_decay=decay,
            seed=seed,
            **base | settings | augmentation,
        )
        for seed, rate, decay, augmentation in product(seeds, rates, decays, ({}, augmented))
    ]


STUDIES: dict[str, Callable[..., list[Experiment]]] = {
    "report_a": report_a,
    "dedupe": dedupe,
    "median": median,
    "class_weights": class_weights,
    "gamma": gamma,
    "learning_rate": learning_rate,
    "readings": readings,
    "weight_orders": weight_orders,
    "rates": rates,
    "chance": chance,
    "best": best,
    "ablation": ablation,
    "start": start,
    "transfer": transfer,
    "resnet18": resnet18,
    "resnet18_frozen": resnet18_frozen,
    "report_b": report_b,
    "grid": grid,
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
