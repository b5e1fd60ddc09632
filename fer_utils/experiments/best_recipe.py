"""The recipe of the best network: what it is, what each of its parts is worth, where it starts."""

from collections.abc import Sequence
from itertools import product
from typing import Any

from fer_utils.training.experiment import Experiment

Settings = dict[str, Any]  # values of Experiment's fields by name; Experiment checks them

# The best network's. What it claims, on FER2013's seven classes: trained on the 28,709 training
# images, 70.3 ± 0.2 % right on PrivateTest (3,589 images; mean ± sd of 3 seeds; last epoch; mean of
# image and mirror image) after 60 to 66 minutes on one core (AMD EPYC with bf16), by
#     python -m fer_utils study best --dataset fer2013
# Values are customary ones from the papers named in each module, unless the comment says otherwise.
RECIPE: Settings = {
    "model": "small_resnet",
    "class_weights": False,  # accuracy is the score, and it counts every image once
    "cap": None,  # every training image of the classes
    "epochs": 40,  # four classes: 45 minutes on one core (AMD EPYC) with bf16, 90 without
    "batch_size": 128,
    "optimiser": "adamw",
    "learning_rate": 2e-3,  # the peak
    "weight_decay": 0.05,
    "schedule": "one_cycle",  # few epochs are enough for it
    "flip": True,  # a mirrored face shows the same expression
    "rotation": 10.0,  # degrees: how far heads lean in photographs
    "shift": 0.08,  # 4 of 48 pixels, as crops of 44 make
    "scale": 0.1,  # with the shift: faces are not cropped alike
    "erasing": 0.25,  # half of Zhong et al.'s, for a shorter training
    "label_smoothing": 0.1,  # FER2013's labels are noisy: people agree with about two in three
    "ema": 0.998,  # averages over the last 500 steps, some four epochs
    "tta": "flip",
}

# What the ablation leaves out, and what stands in its place. Not the optimiser: what another
# one is worth depends on the search for its learning rate, and none was made.
WITHOUT: dict[str, Settings] = {
    "small residual network": {"model": "cnn"},
    "flip": {"flip": False},
    "rotation, shift and scale": {"rotation": 0.0, "shift": 0.0, "scale": 0.0},
    "erasing": {"erasing": 0.0},
    "label smoothing": {"label_smoothing": 0.0},
    # the peak of one cycle is too high to stay at
    "one-cycle schedule": {"schedule": "constant", "learning_rate": 5e-4},
    "averaged weights": {"ema": 0.0},
    "test-time flip": {"tta": "none"},
}

# instead of the small network one with ImageNet's weights. Images are enlarged, since its stem
# halves the side at once; its epochs and rate were set, not searched.
FROM_IMAGENET: Settings = {
    "model": "efficientnet_lite0",
    "image_size": 96,
    "epochs": 10,
    "learning_rate": 1e-3,
}


def best(dataset: str, seeds: Sequence[int] = (0, 1, 2), **settings: Any) -> list[Experiment]:
    """The recipe on every task; seven classes by the protocol of their literature.

    PublicTest validates and PrivateTest tests.
    """
    tests = {"binary": "all", "three": "all", "multiclass": "all", "seven": "private"}
    recipe = RECIPE | settings
    return [
        Experiment(dataset=dataset, task=task, test=test, seed=seed, **recipe)
        for seed, (task, test) in product(seeds, tests.items())
    ]


def ablation(dataset: str, seeds: Sequence[int] = (0, 1, 2), **settings: Any) -> list[Experiment]:
    """What each part of the recipe is worth: all of it, and one part left out; four classes."""
    recipe = RECIPE | settings
    return [
        Experiment(dataset=dataset, task="multiclass", seed=seed, **recipe | left_out)
        for seed, left_out in product(seeds, ({}, *WITHOUT.values()))
    ]


def start(dataset: str, seeds: Sequence[int] = (0,), **settings: Any) -> list[Experiment]:
    """The recipe's network from random weights, beside one that starts from ImageNet's.

    The second is fine-tuned end to end.
    """
    recipe = RECIPE | settings
    return [
        Experiment(dataset=dataset, task="multiclass", seed=seed, **recipe | start)
        for seed, start in product(seeds, ({}, FROM_IMAGENET))
    ]


STUDIES = {study.__name__: study for study in (best, ablation, start)}
