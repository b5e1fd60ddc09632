"""The numbers that the two course reports print, as tidy frames."""

import numpy as np
import pandas as pd

from fer_utils import paths


def reported_a() -> pd.DataFrame:
    """Report A's scores on test, one row per number.

    Returns
    -------
    DataFrame
        - model, epochs, task, loss: the run;
        - metric, class, value: as in a run's metrics.csv; class is empty for averages, value 0..1.
    """
    # an empty class is an average, not a missing value
    frame = pd.read_csv(paths.REPORTED / "report_a_test_metrics.csv", keep_default_na=False)
    return frame.assign(value=frame["percent"] / 100).drop(columns="percent")


def reported_a_epochs() -> pd.DataFrame:
    """Report A's example of overfitting, one row per epoch.

    Returns
    -------
    DataFrame
        - model, epochs, task, loss: the run; epoch;
        - train_loss;
        - train_accuracy, val_accuracy: 0..1.
    """
    frame = pd.read_csv(paths.REPORTED / "report_a_overfitting_history.csv")
    shares = {
        f"{split}_accuracy": frame.pop(f"{split}_accuracy_percent") / 100
        for split in ("train", "val")
    }
    return frame.assign(**shares)


def reported_b() -> pd.DataFrame:
    """Report B's scores on its 432 held-out images, one row per number.

    Returns
    -------
    DataFrame
        - model;
        - metric, class, value: as in a run's metrics.csv; class is empty for averages, value 0..1,
          support in images.
    """
    frame = pd.read_csv(paths.REPORTED / "report_b_classification.csv")
    long = frame.melt(["model", "row"], var_name="score").dropna(subset="value")
    average = long["row"].str.removesuffix("_avg")
    averaged = long["row"].str.endswith("_avg")
    long["metric"] = np.where(averaged, average + "_" + long["score"], long["score"])
    long.loc[long["row"] == "accuracy", "metric"] = "accuracy"  # printed in the column of F1
    long["class"] = long["row"].where(~averaged & (long["row"] != "accuracy"), "")
    # 432 stands beside each average: no score
    summed = (long["score"] == "support") & (long["class"] == "")
    return long.loc[~summed, ["model", "metric", "class", "value"]].reset_index(drop=True)


def reported_b_epochs() -> pd.DataFrame:
    """Report B's curves, one row per network and epoch.

    Returns
    -------
    DataFrame
        - model, epoch;
        - train_accuracy, val_accuracy: 0..1.
    """
    return pd.read_csv(paths.REPORTED / "report_b_history.csv")
