"""From runs to statements: reported beside reproduced, paired differences between the losses, calibration."""

from dataclasses import asdict

import numpy as np
import pandas as pd

from fer_utils.calibration import calibration, reliability
from fer_utils.evaluation import probabilities
from fer_utils.faces import TEST_SPLITS
from fer_utils.results import Results, over_seeds, reported_a
from fer_utils.significance import holm, paired_seeds

CELL = ["task", "loss", "metric", "class"]  # what names a figure of report A's CNN
FAR = 3.0  # points between reported and reproduced that a reader will ask about


def compare(study: Results) -> pd.DataFrame:
    """Report A's figures of the CNN beside ours on test: CELL, reported, over_seeds, points, within.

    points: our mean minus the reported value, in percentage points. within: the reported value lies between
    our lowest and our highest seed.
    """
    reported = reported_a().query("model == 'cnn'").rename(columns={"value": "reported"})
    ours = over_seeds(study.scores().query("model == 'cnn'"), CELL)
    both = reported[[*CELL, "reported"]].merge(ours, on=CELL)
    points = (both["mean"] - both["reported"]) * 100
    return both.assign(points=points, within=both["reported"].between(both["low"], both["high"]))


def far(comparison: pd.DataFrame) -> pd.DataFrame:
    """The figures whose mean over seeds is more than FAR points from the reported one."""
    return comparison[comparison["points"].abs() > FAR]


def focal_minus_cross_entropy(study: Results, metrics: tuple[str, ...] = ("accuracy", "macro_f1")) -> pd.DataFrame:
    """A row a task and metric: the paired difference over seeds (significance.Paired), and Holm's correction.

    Differences in 0..1; p_holm corrects p_signflip over the rows. Only seeds that have both losses count.
    """
    scores = study.scores()
    rows = []
    for metric in metrics:
        for task, group in scores[scores["metric"] == metric].groupby("task", sort=False):
            pairs = group.pivot_table(index="seed", columns="loss", values="value")
            pairs = pairs.reindex(columns=["cross_entropy", "focal"]).dropna()
            rows.append(
                {"task": task, "metric": metric} | asdict(paired_seeds(pairs["cross_entropy"], pairs["focal"]))
            )
    table = pd.DataFrame(rows)
    return table.assign(p_holm=holm(table["p_signflip"]))


def verdict(row) -> str:
    """One row of focal_minus_cross_entropy in words: a difference counts if its Holm-corrected p is below 0.05."""
    if not row.p_holm < 0.05:
        return "cannot be told from chance"
    return "favours focal loss" if row.mean > 0 else "favours cross-entropy"


def calibrations(study: Results) -> pd.DataFrame:
    """A row a run: task, loss, seed and calibration on test, before and after temperature scaling."""
    runs = study.runs[["run", "task", "loss", "seed"]]
    made = [calibration(study.predictions(run)) for run in runs["run"]]
    return runs.reset_index(drop=True).join(pd.DataFrame(made))


def pooled_reliability(study: Results) -> pd.DataFrame:
    """Reliability on test of all runs of `study` together, in calibration.reliability's columns."""
    made = [study.predictions(run) for run in study.runs["run"]]
    logits = np.concatenate([arrays["test_logits"] for arrays in made])
    labels = np.concatenate([arrays["test_labels"] for arrays in made])
    return reliability(probabilities(logits), labels)


def without_leaks(study: Results) -> pd.DataFrame:
    """A row a run: task, loss, seed and test accuracy on all images, on the leaked ones, and on the others.

    Leaked are the test images with an identical copy in training, by the data set's audit/identical.csv.
    """
    copies = pd.read_csv(study.folder / "audit" / "identical.csv")
    leaked_rows = copies.loc[copies["leaked"] & copies["split"].isin(TEST_SPLITS), "row"]
    rows = []
    for run, task, loss, seed in study.runs[["run", "task", "loss", "seed"]].itertuples(index=False):
        made = study.predictions(run)
        right = made["test_logits"].argmax(1) == made["test_labels"]
        leaked = np.isin(made["test_rows"], leaked_rows)
        parts = {"all": right, "leaked": right[leaked], "others": right[~leaked]}
        about = {"task": task, "loss": loss, "seed": seed, "leaked_images": int(leaked.sum())}
        rows.append(about | {name: part.mean() if len(part) else np.nan for name, part in parts.items()})
    return pd.DataFrame(rows)
