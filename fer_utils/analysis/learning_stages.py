"""Which stages of a network learn: all the time, or from which epoch on.

Of names and shapes alone, so that no weights are needed.
"""

from functools import cache

import pandas as pd
import torch

from fer_utils.models.backbone import Stages
from fer_utils.models.freezing import UnfreezeSchedule
from fer_utils.models.registry import find_backbone


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
        body = _skeleton(first.model, 4)
        # counted from the head, whose stage is the last
        learning = body.stages[-int(first.trainable) :]
        frozen = body.stages[: -len(learning)]
        counts = {
            name: sum(p.numel() for p in body.get_submodule(name).parameters())
            for name in body.stages
        }
        row = {
            "model": first.model,
            "size": _side(first.model, first.image_size),
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
        stages = _skeleton(first.model, 3).stages
        all_at_once = ((1, len(stages)),)
        steps = UnfreezeSchedule.parse(first.thaw, first.epochs).steps or all_at_once
        for epoch, count in steps:
            distances = reversed(range(count))  # from the head, whose rate is the learning rate
            rates = [first.learning_rate * first.stage_decay**distance for distance in distances]
            row = {
                "model": first.model,
                "size": _side(first.model, first.image_size),
                "epoch": epoch,
                "learning": " ".join(stages[-count:]),
                "rates": " ".join(f"{rate:.2g}" for rate in dict.fromkeys(rates)),
            }
            rows.append(row)
    return pd.DataFrame(rows)


def _side(model: str, image_size: float) -> int:
    """The side of a network's input in pixels; where none is set (NaN), its own."""
    return find_backbone(model).native_size if pd.isna(image_size) else int(image_size)


@cache
def _skeleton(model: str, classes: int) -> Stages:
    """A network's names and shapes, without values."""
    with torch.device("meta"):  # shapes alone: VGGFace's weights would take half a gigabyte
        return find_backbone(model)(classes)
