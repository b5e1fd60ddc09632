"""Which stages of a network learn: all the time, or from which epoch on.

Of names and shapes alone, so that no weights are needed.
"""

from functools import cache

import pandas as pd
import torch

from fer_utils.models.freezing import UnfreezeSchedule
from fer_utils.models.network import Network


def networks(settings: pd.DataFrame) -> pd.DataFrame:
    """Where each network is cut, with a head of four classes; one row per network.

    Parameters
    ----------
    settings
        One row per experiment, with its fields; the first of each model counts.

    Returns
    -------
    DataFrame
        - model, size: the side of its input in pixels;
        - frozen, learning: names of stages, with spaces between them;
        - parameters, learning_parameters: how many there are, and how many of them learn.
    """
    rows = []
    for first in settings.drop_duplicates("model").itertuples():
        network = _skeleton(first, 4)
        # counted from the head, whose stage is the last
        learning = network.stages[-int(first.trainable) :]
        frozen = network.stages[: -len(learning)]
        counts = {
            name: sum(p.numel() for p in network.stage(name).parameters())
            for name in network.stages
        }
        row = {
            "model": first.model,
            "size": network.preprocess.size,
            "frozen": " ".join(frozen),
            "learning": " ".join(learning),
            "parameters": sum(counts.values()),
            "learning_parameters": sum(counts[name] for name in learning),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def schedule(settings: pd.DataFrame) -> pd.DataFrame:
    """Gradual unfreezing, with a head of three classes; one row per network and thaw.

    Parameters
    ----------
    settings
        As of `networks`.

    Returns
    -------
    DataFrame
        - model, size: the side of its input in pixels;
        - epoch: the first one in which these stages learn;
        - learning: their names, with spaces between them;
        - rates: the learning rate of each to two digits, or one where it is the same for all.
    """
    rows = []
    for first in settings.drop_duplicates("model").itertuples():
        network = _skeleton(first, 3)
        stages = network.stages
        all_at_once = ((1, len(stages)),)
        steps = UnfreezeSchedule.parse(first.thaw, first.epochs).steps or all_at_once
        for epoch, count in steps:
            distances = reversed(range(count))  # from the head, whose rate is the learning rate
            rates = [first.learning_rate * first.stage_decay**distance for distance in distances]
            row = {
                "model": first.model,
                "size": network.preprocess.size,
                "epoch": epoch,
                "learning": " ".join(stages[-count:]),
                # dict.fromkeys leaves one where all are equal, and their order where they are not
                "rates": " ".join(f"{rate:.2g}" for rate in dict.fromkeys(rates)),
            }
            rows.append(row)
    return pd.DataFrame(rows)


def _skeleton(settings, classes: int) -> Network:
    """The skeleton of a row of settings."""
    size = settings.image_size
    return skeleton(settings.model, classes, None if pd.isna(size) else int(size))


@cache
def skeleton(model: str, classes: int = 3, size: int | None = None) -> Network:
    """A network's names and shapes, without values."""
    with torch.device("meta"):  # shapes alone: VGGFace's weights would take half a gigabyte
        return Network(model, classes, size)


def stage_shapes(model: str, classes: int) -> dict[str, tuple[int, ...]]:
    """The input and each stage's output for one image: (channels, height, width) or (units,)."""
    network = skeleton(model, classes)
    side, channels = network.preprocess.size, network.preprocess.channels
    image = torch.zeros(1, 1, 48, 48, dtype=torch.uint8, device="meta")
    return {"input": (channels, side, side)} | output_shapes(network, image)


def output_shapes(network: Network, image: torch.Tensor) -> dict[str, tuple[int, ...]]:
    """The shape of each stage's output for a batch of one image, without the batch's axis."""
    return {name: tuple(output.shape[1:]) for name, output in outputs(network, image).items()}


@torch.no_grad()
def outputs(network: Network, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """What each stage makes of these images, by its name, in evaluation mode.

    Parameters
    ----------
    images
        uint8, B×channels×H×W, on the network's device.
    """
    was_training = network.training
    network.eval()  # one image has no variance over a batch
    found: dict[str, torch.Tensor] = {}

    def keep(name):
        return lambda module, inputs, output: found.update({name: output})

    hooks = [network.stage(name).register_forward_hook(keep(name)) for name in network.stages]
    network(images)
    for hook in hooks:
        hook.remove()
    network.train(was_training)
    return found
