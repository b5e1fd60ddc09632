"""The figures that the two course reports print, as tidy frames."""

import numpy as np
import pandas as pd

from fer_utils import paths


def reported_a() -> pd.DataFrame:
    """Report A's test scores: model, epochs, task, loss, metric, class, value (0..1)."""
    frame = pd.read_csv(paths.REPORTED / "report_a_test_metrics.csv", keep_default_na=False)
    return frame.assign(value=frame["percent"] / 100).drop(columns="percent")


def reported_a_epochs() -> pd.DataFrame:
    """Report A's example of overfitting: model, task, loss, epoch, train_loss, {train,val}_accuracy (0..1)."""
    frame = pd.read_csv(paths.REPORTED / "report_a_overfitting_history.csv")
    shares = {
        f"{split}_accuracy": frame.pop(f"{split}_accuracy_percent") / 100
        for split in ("train", "val")
    }
    return frame.assign(**shares)


def reported_b() -> pd.DataFrame:
    """Report B's scores on its 432 held-out images: model, metric, class, value (0..1; support in images)."""
    frame = pd.read_csv(paths.REPORTED / "report_b_classification.csv")
    long = frame.melt(["model", "row"], var_name="score").dropna(subset="value")
    average = long["row"].str.removesuffix("_avg")
    averaged = long["row"].str.endswith("_avg")
    long["metric"] = np.where(averaged, average + "_" + long["score"], long["score"])
    long.loc[long["row"] == "accuracy", "metric"] = "accuracy"  # printed in the column of F1
    long["class"] = long["row"].where(~averaged & (long["row"] != "accuracy"), "")
    summed = (long["score"] == "support") & (
        long["class"] == ""
    )  # 432 beside each average: no score
    return long.loc[~summed, ["model", "metric", "class", "value"]].reset_index(drop=True)


def reported_b_epochs() -> pd.DataFrame:
    """Report B's curves: model, epoch, train_accuracy, val_accuracy (0..1)."""
    return pd.read_csv(paths.REPORTED / "report_b_history.csv")
