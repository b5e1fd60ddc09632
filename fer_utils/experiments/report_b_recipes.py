"""Report B's three emotions: its networks, its gradual unfreezing, its grid search."""

from collections.abc import Sequence
from itertools import product
from typing import Any

from fer_utils.experiments.best_recipe import Settings
from fer_utils.experiments.transfer_recipes import FINE
from fer_utils.training.experiment import Experiment

# report B's flips, rotations and colour jitter; of a grey picture brightness and contrast are all
# the colour there is. How strong, it does not say.
AUGMENTED: Settings = {"flip": True, "rotation": 10.0, "brightness": 0.2, "contrast": 0.2}

# report B's: the head alone first, then half of the network, then all of it, each stage at half the
# rate of the next one; "early layers frozen for initial epochs and later unfrozen". It names early
# stopping and a dynamic rate. The best epoch is tested and the last one beside it.
GRADUAL: Settings = {
    "epochs": 8,
    "thaw": "1:1 2:3 4:6",
    "thaw_warm_up": 20,
    "stage_decay": 0.5,
    "clip": 5.0,
    "schedule": "plateau",
    "patience": 3,
    "select": "both",
}

# random weights hold nothing that is worth keeping: all stages learn from the start, at one rate
AT_ONCE: Settings = {"learning_rate": 5e-4, "thaw": "", "thaw_warm_up": 0, "stage_decay": 1.0}

# at its own 224 pixels it would take five times as long
SMALL: Settings = AT_ONCE | {"image_size": 96}

# the two that know faces have no batch normalisation, and scales of their own in their layers:
# tried on validation images
FACES: Settings = {"learning_rate": 1e-3, "stage_decay": 0.3}

# the networks, and how each departs from GRADUAL
REPORT_B: dict[str, Settings] = {
    "resnet18_cntk": FINE,
    "resnet18_scratch": SMALL,
    "faceres": FACES,
    "face_resnet": FACES,
    "mobilenet_v2": FINE,
    "resnet18": FINE,
    # its three dense layers are a stage each
    "vggface": FINE | {"thaw": "1:1 2:4 4:8"},
}

# dlib's convolutions are about 1e-3 and are followed by factors of about 8, so that Adam's steps
# below the head must be a thousandth of the head's
GRIDS: dict[str, tuple[Settings, tuple[float, ...]]] = {
    "face_resnet": ({"stage_decay": 1e-3}, (3e-3, 1e-2, 3e-2)),
    "resnet18_cntk": ({}, (3e-5, 1e-4, 3e-4)),
}


def report_b(dataset: str, seeds: Sequence[int] = (0, 1, 2), **settings: Any) -> list[Experiment]:
    """Report B's comparison on three emotions: random weights, ImageNet's and those of faces."""
    return [
        _as_report_b(dataset, seed, model, own | settings)
        for seed, (model, own) in product(seeds, REPORT_B.items())
    ]


def scratch(dataset: str, seeds: Sequence[int] = (0,), **settings: Any) -> list[Experiment]:
    """Random weights given more: images of 224 pixels, or 30 epochs, its "extended training"."""
    more: tuple[Settings, ...] = ({"image_size": None}, {"epochs": 30, "patience": 0})
    return [
        _as_report_b(dataset, seed, "resnet18_scratch", SMALL | given | settings)
        for seed, given in product(seeds, more)
    ]


def unfreezing(dataset: str, seeds: Sequence[int] = (0, 1, 2), **settings: Any) -> list[Experiment]:
    """Gradual unfreezing and a rate for each stage, on and off: do gradient spikes go away?"""
    at_once: Settings = {"thaw": "", "thaw_warm_up": 0}
    one_rate: Settings = {"stage_decay": 1.0}
    return [
        _as_report_b(dataset, seed, "resnet18_cntk", FINE | thaw | rates | settings)
        for seed, thaw, rates in product(seeds, ({}, at_once), ({}, one_rate))
    ]


def grid(
    dataset: str, seeds: Sequence[int] = (0, 1, 2), model: str | None = None, **settings: Any
) -> list[Experiment]:
    """Report B's grid search: learning rate × weight decay × augmentation; two stages learn.

    `results.winner` chooses.

    Parameters
    ----------
    model : the one network to search for; None: those of GRIDS.
    """
    base: Settings = {"task": "three", "epochs": 8, "trainable": 2, "clip": 5.0}
    # a setting that is varied must not be fixed, which `base | settings` would do without a word
    if varied := {*settings} & {"learning_rate", "weight_decay", *AUGMENTED}:
        raise TypeError(f"the grid varies {', '.join(sorted(varied))}")
    experiments = []
    for seed, name in product(seeds, [model] if model else GRIDS):
        own, rates = GRIDS.get(name, GRIDS["face_resnet"])
        fixed = base | own | settings | {"model": name, "seed": seed}
        for rate, decay, augmented in product(rates, (0.0, 1e-3), ({}, AUGMENTED)):
            cell = {"learning_rate": rate, "weight_decay": decay} | augmented
            experiments.append(Experiment(dataset=dataset, **fixed | cell))
    return experiments


def _as_report_b(dataset: str, seed: int, model: str, settings: Settings) -> Experiment:
    protocol = GRADUAL | AUGMENTED | settings
    return Experiment(dataset=dataset, task="three", model=model, seed=seed, **protocol)


STUDIES = {"report_b": report_b, "scratch": scratch, "unfreezing": unfreezing, "grid": grid}
