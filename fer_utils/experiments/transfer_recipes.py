"""Report A's pretrained networks: its comparison, and what it remarks on its ResNet18."""

from collections.abc import Sequence
from itertools import product
from typing import Any

from fer_utils.experiments.best_recipe import Settings
from fer_utils.experiments.cnn_recipes import TASKS
from fer_utils.training.experiment import Experiment
from fer_utils.training.losses import LOSSES

# pretrained networks are fine-tuned at a fifth of the default, since their weights are good already
FINE: Settings = {"learning_rate": 1e-4}
LAST_TWO: Settings = FINE | {"trainable": 2}  # what report A unfreezes

# "The data set may be too small for ResNet": training images of each class
SIZES = (250, 500, 1000, 2000, 4000)


def transfer(dataset: str, seeds: Sequence[int] = (0,), **settings: Any) -> list[Experiment]:
    """Report A's pretrained networks, the last two stages trained, for 5 and for 10 epochs.

    Both tasks and both losses.
    """
    models = ("resnet18", "efficientnet_b1", "mobilenet_v2", "efficientnet_lite0")
    return _both_lengths(dataset, models, seeds, settings)


def small_networks(
    dataset: str, seeds: Sequence[int] = (0, 1, 2), **settings: Any
) -> list[Experiment]:
    """Those of study `transfer` that packages have: a study of its own, with a list of its own.

    The reference study has `transfer` on 1,000 images a class, this one on all of report A's.
    """
    return _both_lengths(dataset, ("mobilenet_v2", "efficientnet_lite0"), seeds, settings)


def resnet18(
    dataset: str, seeds: Sequence[int] = (0, 1, 2, 3, 4), **settings: Any
) -> list[Experiment]:
    """Report A's main network as it trained it: `layer4` and `fc` learn, 5 and 10 epochs.

    Its code sets the whole network in training mode each epoch, so that the batch normalisation of
    the frozen stages goes on with the statistics of each batch; hence rest=False. The weights are
    those that every clone has.
    """
    return _both_lengths(dataset, ("resnet18_cntk",), seeds, {"rest": False} | settings)


def resnet18_frozen(
    dataset: str, seeds: Sequence[int] = (0, 1, 2, 3, 4), **settings: Any
) -> list[Experiment]:
    """The same, but what is frozen stays as it was, so that its features are computed once."""
    return resnet18(dataset, seeds, rest=True, **settings)


def resnet18_median(
    dataset: str, seeds: Sequence[int] = (0, 1, 2), **settings: Any
) -> list[Experiment]:
    """All tests of `resnet18_frozen` with and without report A's median filter, 10 epochs."""
    protocol = LAST_TWO | {"model": "resnet18_cntk"} | settings
    return [
        Experiment(dataset=dataset, task=task, loss=loss, seed=seed, median=filtered, **protocol)
        for seed, task, loss, filtered in product(seeds, TASKS, LOSSES, (False, True))
    ]


def layers(dataset: str, seeds: Sequence[int] = (0, 1), **settings: Any) -> list[Experiment]:
    """How many of ResNet18's last stages learn: one, two (report A's remedy) or all; four classes.

    Its note says that their number may change. As `resnet18` trains it, 10 epochs.
    """
    protocol = FINE | {"model": "resnet18_cntk", "rest": False} | settings
    return [
        Experiment(dataset=dataset, task="multiclass", seed=seed, trainable=stages, **protocol)
        for seed, stages in product(seeds, (1, 2, None))
    ]


def sizes(dataset: str, seeds: Sequence[int] = (0, 1, 2), **settings: Any) -> list[Experiment]:
    """Whether the data set is too small for ResNet18: 250 to 4,000 images a class; four classes.

    Beside it the CNN. Each for 10 epochs, so that fewer images also make fewer steps.
    """
    networks: tuple[Settings, ...] = ({"model": "resnet18_cntk"} | LAST_TWO, {"model": "cnn"})
    return [
        Experiment(dataset=dataset, task="multiclass", seed=seed, cap=images, **network | settings)
        for seed, network, images in product(seeds, networks, SIZES)
    ]


def nine_blocks(dataset: str, seeds: Sequence[int] = (0,), **settings: Any) -> list[Experiment]:
    """Whether the block that `resnet18_cntk` leaves out matters; four classes, frozen at rest."""
    return [
        Experiment(
            dataset=dataset, task="multiclass", model=model, seed=seed, **LAST_TWO | settings
        )
        for seed, model in product(seeds, ("resnet18_cntk", "resnet18_cntk_whole"))
    ]


def _both_lengths(
    dataset: str, models: Sequence[str], seeds: Sequence[int], settings: Settings
) -> list[Experiment]:
    """Both tasks and losses, for 5 epochs and then for 10, which go on from there."""
    return [
        Experiment(
            dataset=dataset,
            model=model,
            task=task,
            loss=loss,
            epochs=epochs,
            seed=seed,
            **LAST_TWO | settings,
        )
        for seed, model, epochs, task, loss in product(seeds, models, (5, 10), TASKS, LOSSES)
    ]


STUDIES = {
    "transfer": transfer,
    "small_networks": small_networks,
    "resnet18": resnet18,
    "resnet18_frozen": resnet18_frozen,
    "resnet18_median": resnet18_median,
    "layers": layers,
    "sizes": sizes,
    "nine_blocks": nine_blocks,
}
