"""A finished run taken up again: its settings, data, and network with the tested weights."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from fer_utils import io
from fer_utils.data.dataset import Faces
from fer_utils.data.loader import Batches
from fer_utils.data.synthetic import open_dataset
from fer_utils.errors import FerError
from fer_utils.evaluation import prediction
from fer_utils.experiments import run_files
from fer_utils.experiments.run_files import Predictions
from fer_utils.models.network import Network
from fer_utils.training.experiment import Experiment


@dataclass(frozen=True)
class FinishedRun:
    """A finished run, as `load_finished_run` gives it.

    Attributes
    ----------
    folder : results/<dataset>/runs/<id>
    config : the content of its config.json
    predictions : as `run_files.read_predictions` gives them
    network : with the weights that were tested, on `device`, in evaluation mode
    """

    folder: Path
    config: dict
    experiment: Experiment
    predictions: Predictions
    network: Network
    device: torch.device

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names, in the order of the logits."""
        return tuple(self.config["classes"])

    def faces(self) -> Faces:
        """The data set that the run was made from.

        Raises FerError where data/ holds another one of this name, or none.
        """
        faces = open_dataset(self.experiment.dataset)
        if faces.digest != self.config["data"]["digest"]:
            raise FerError(
                f"{self.folder.name} was made from {self.config['data']['source']}, which is not "
                f"the present data/{self.experiment.dataset} ({faces.source}); prepare that one "
                "again"
            )
        return faces

    def logits(self, images: np.ndarray) -> np.ndarray:
        """What the network answers, with the run's own test-time augmentation.

        Parameters
        ----------
        images : uint8, N×H×W or N×H×W×3

        Returns
        -------
        float32, N×classes
        """
        # labels are of no account here, and Batches wants some
        batches = Batches(images, np.zeros(len(images)), self.experiment.batch_size, self.device)
        return prediction.predict(self.network, batches, self.experiment.tta)


def load_finished_run(folder: Path, device: torch.device | str = "cpu") -> FinishedRun:
    """Opens the run in results/<dataset>/runs/<id>; no other run is read.

    Raises
    ------
    FerError
        Where it is unfinished, has no checkpoint, or was trained on median-filtered images.
    """
    folder = Path(folder)
    if not run_files.is_finished(folder):
        raise FerError(f"{folder}: no finished run")
    config = io.read_json(folder / "config.json")
    experiment = Experiment(**config["experiment"])
    checkpoint = _checkpoint(folder, experiment)
    if not checkpoint.exists():
        raise FerError(
            f"{checkpoint}: the checkpoint is not here (git does not keep it); train the run again"
        )
    if experiment.median:
        raise FerError(
            f"{folder.name}: its network takes median-filtered images, which nothing here would "
            "give it"
        )
    network = Network(experiment.model, len(config["classes"]), experiment.image_size)
    # read on the CPU: the run may have been trained on a GPU that is not here
    network.load_state_dict(torch.load(checkpoint, weights_only=True, map_location="cpu"))
    predictions = run_files.read_predictions(folder)
    network = network.to(device).eval()
    return FinishedRun(folder, config, experiment, predictions, network, torch.device(device))


def has_checkpoint(folder: Path) -> bool:
    """Whether the weights of a finished run are still in its folder."""
    config = io.read_json(folder / "config.json")
    return _checkpoint(folder, Experiment(**config["experiment"])).exists()


def _checkpoint(folder: Path, experiment: Experiment) -> Path:
    """The weights that were tested."""
    return folder / experiment.tested_checkpoint
