"""What the model card is made of: the exported file, its run, and the evidence about both."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from fer_utils.reporting.best_export import ExportedFile
from fer_utils.reporting.latex import between, percent

Frames = dict[str, pd.DataFrame]
NAMES = {"fer2013": "FER2013"}


@dataclass(frozen=True)
class Evidence:
    """What the card is made of.

    Attributes
    ----------
    run
        The row of the exported run in `Results.runs`.
    frames
        Pages of `best_network.make`.
    counts
        Images of the data set, classes in rows and splits in columns.
    confusion
        Of the file on its test images, true class in rows.
    calibration
        Of `calibration.calibration`.
    agreement
        `human_labels.agreement`; None where nobody had votes.
    """

    file: ExportedFile
    run: Mapping
    frames: Frames
    counts: pd.DataFrame
    confusion: pd.DataFrame
    calibration: dict[str, float]
    agreement: pd.DataFrame | None = None

    @property
    def about(self) -> dict:
        """What the file says of itself."""
        return self.file.predictor.about

    @property
    def data(self) -> str:
        """The name of the data set as it is read."""
        return NAMES.get(self.about["dataset"], self.about["dataset"])

    @property
    def scores(self) -> pd.DataFrame:
        """`exported.scores` of the file's own task."""
        scores = self.frames["exported"]
        return scores[scores["task"] == self.about["task"]]

    @property
    def people(self) -> pd.DataFrame | None:
        """`agreement` on the test split by class, where the file is tested on PrivateTest alone."""
        if self.agreement is None or not self.about["protocol"].startswith("PublicTest validates"):
            return None
        return self.agreement[self.agreement["split"] == "PrivateTest"].set_index("class")

    def score(self, metric: str) -> str:
        """A score of all the file's classes in percent, with its interval."""
        row = self.scores.query("`class` == ''").set_index("metric").loc[metric]
        return f"{percent(row['value'])} % ({between(row['low'], row['high'])})"
