"""A run followed while it computes, in TensorBoard or Weights & Biases (the extra `tracking`).

A tracker is no part of what a run is, so it is no setting of an experiment, and without one nothing
here is noticed. Its files are in results/<dataset>/tracking/. Weights & Biases stays offline unless
WANDB_MODE says otherwise.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from fer_utils.errors import FerError, one_of

Pictures = Callable[[], dict]  # gives matplotlib figures by name; called only where they are shown
# The same, of a run's confusion matrix (counts, true classes in rows), test images (uint8,
# N×H×W[×3]), labels (int, N) and logits (N×classes). Whoever starts a run brings it: nothing here
# draws.
Draw = Callable[[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray], dict]


class Tracker:
    """Follows nothing; what the others have in common.

    Parameters
    ----------
    folder
        tracking/ of the data set.
    name
        The run's id.
    config
        What config.json holds.

    Raises
    ------
    ImportError
        Where the tracker is not installed.
    """

    def __init__(self, folder: Path, name: str, config: dict):
        pass

    def epoch(self, row: dict) -> None:
        """One row of the history, as soon as the epoch is over."""

    def evaluated(self, pictures: Pictures) -> None:
        """What the finished run looks like."""

    def close(self, failed: bool = False) -> None:
        """Writes what is left. failed: the run ended by an error or was interrupted."""


class TensorBoard(Tracker):
    """Writes tracking/tensorboard/<id>.

    `tensorboard --logdir tracking/tensorboard` shows all runs of a data set.
    """

    def __init__(self, folder: Path, name: str, config: dict):
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(folder / "tensorboard" / name)
        # Indented: Markdown then shows it as it stands.
        settings = "\n".join(f"    {key}: {value}" for key, value in _flat(config).items())
        self.writer.add_text("configuration", settings)

    def epoch(self, row: dict) -> None:
        for curve, value in _curves(row).items():
            self.writer.add_scalar(curve, value, row["epoch"])
        self.writer.flush()

    def evaluated(self, pictures: Pictures) -> None:
        for title, figure in pictures().items():
            self.writer.add_figure(title, figure)

    def close(self, failed: bool = False) -> None:
        self.writer.close()


class WeightsAndBiases(Tracker):
    """Writes tracking/wandb/; `wandb sync` sends an offline run.

    A run that was interrupted goes on under its id.
    """

    def __init__(self, folder: Path, name: str, config: dict):
        import wandb

        os.environ.setdefault("WANDB_MODE", "offline")  # its own default sends everything away
        self.image = wandb.Image
        folder.mkdir(parents=True, exist_ok=True)
        self.run = wandb.init(
            project="fer",
            dir=folder,
            id=name.replace("+", "_"),
            name=name,
            resume="allow",
            config=_flat(config),
            settings=wandb.Settings(console="off", silent=True),
        )

    def epoch(self, row: dict) -> None:
        self.run.log(_curves(row), step=row["epoch"], commit=True)

    def evaluated(self, pictures: Pictures) -> None:
        from matplotlib import pyplot as plt

        figures = pictures()
        self.run.log({title: self.image(figure) for title, figure in figures.items()})
        for figure in figures.values():
            plt.close(figure)  # TensorBoard closes its own

    def close(self, failed: bool = False) -> None:
        self.run.finish(exit_code=int(failed))


TRACKERS = {"none": Tracker, "tensorboard": TensorBoard, "wandb": WeightsAndBiases}


@contextmanager
def follow(tracker: str, folder: Path, name: str, config: dict) -> Iterator[Tracker]:
    """A tracker by name, closed whatever happens.

    Raises
    ------
    FerError
        Where it is unknown or not installed.
    """
    make = TRACKERS[one_of(tracker, TRACKERS, "tracker")]
    try:
        following = make(folder, name, config)
    except ImportError:
        raise FerError(
            f"tracker {tracker} is not installed; install it with: pip install {tracker}"
        ) from None
    try:
        yield following
    except BaseException:
        following.close(failed=True)
        raise
    following.close()


def _curves(row: dict) -> dict[str, float]:
    return {name: value for name, value in row.items() if name != "epoch"}


def _flat(config: dict) -> dict:
    """Settings by name, and what else the configuration holds as group.name."""
    settings = dict(config["experiment"])
    for group, content in config.items():
        if group != "experiment":
            inner = content.items() if isinstance(content, dict) else [("", content)]
            settings |= {f"{group}.{name}".rstrip("."): value for name, value in inner}
    return settings
