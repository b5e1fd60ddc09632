"""Several networks as one, by their mean probability; and a network of many classes asked about a few of them.

All of it from saved predictions. Two of a study's networks may validate on different images, since the seed draws
the split; they are tested on the same ones. So members are chosen only where all share their validation images,
and elsewhere every run is a member: nothing is ever chosen on test.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import log_softmax, logsumexp

from fer_utils.emotions import get_task
from fer_utils.errors import FerError, one_of
from fer_utils.evaluation import scores
from fer_utils.results import Results

Predictions = dict[str, np.ndarray]  # as Results.predictions gives them
PARTS = ("val", "test")


def averaged(members: Sequence[Predictions]) -> Predictions:
    """The mean probability of the members as log-probabilities, in the form of one run's predictions.

    Validation is left out where the members do not share it. Raises FerError where they differ in classes or in
    test images.
    """
    first = members[0]
    if any(list(other["classes"]) != list(first["classes"]) for other in members):
        raise FerError("networks of different classes cannot be averaged; restrict them to one task first")
    if not shared(members, "test"):
        raise FerError("these networks were tested on different images; on_rows keeps those that all have")
    made = {"classes": first["classes"]}
    for part in PARTS:
        if shared(members, part):
            logs = np.stack([log_softmax(m[f"{part}_logits"].astype(np.float64), axis=1) for m in members])
            made[f"{part}_logits"] = logsumexp(logs, axis=0) - np.log(len(members))
            made |= {f"{part}_{name}": first[f"{part}_{name}"] for name in ("labels", "rows")}
    return made


def shared(members: Sequence[Predictions], part: str) -> bool:
    """Whether all members have the same images in this part (val or test)."""
    return all(np.array_equal(m[f"{part}_rows"], members[0][f"{part}_rows"]) for m in members)


def greedy(members: Sequence[Predictions]) -> list[int]:
    """Positions of the members to average, chosen by accuracy on the validation images that all share.

    Forward selection (Caruana et al. 2004), no member twice: the best one, then each time the one that helps most,
    while one helps. Raises FerError where validation is not shared.
    """
    if not shared(members, "val"):
        raise FerError("these networks validated on different images, so no choice among them is fair; take all")
    chosen, reached = [], -1.0
    while left := [i for i in range(len(members)) if i not in chosen]:
        tried = {i: accuracy(averaged([members[j] for j in [*chosen, i]]), "val") for i in left}
        best = max(tried, key=tried.get)
        if tried[best] <= reached:
            break
        chosen, reached = [*chosen, best], tried[best]
    return chosen


def accuracy(predictions: Predictions, part: str) -> float:
    """Share of right answers in this part (val or test), 0..1."""
    return float((predictions[f"{part}_logits"].argmax(1) == predictions[f"{part}_labels"]).mean())


def compare(study: Results) -> pd.DataFrame:
    """Every ensemble of a study: task, ensemble, members, images and the rows of evaluation.scores on test.

    ensemble: "all runs", and "chosen on validation" where the task's runs share their validation images. A task
    with one run has none.
    """
    tables = []
    for task, runs in study.runs.groupby("task", sort=False):
        members = [study.predictions(run) for run in runs["run"]]
        if len(members) < 2:
            continue
        ensembles = {"all runs": list(range(len(members)))}
        if shared(members, "val"):
            ensembles["chosen on validation"] = greedy(members)
        for name, positions in ensembles.items():
            made = averaged([members[i] for i in positions])
            about = {"task": task, "ensemble": name, "members": len(positions), "images": len(made["test_rows"])}
            tables.append(_scores(made).assign(**about))
    return _joined(tables, ["task", "ensemble", "members", "images"])


def _joined(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """One table of these columns and the scores, also where there are no tables."""
    columns = [*columns, "metric", "class", "value"]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def _scores(predictions: Predictions) -> pd.DataFrame:
    return scores(predictions["test_labels"], predictions["test_logits"], predictions["classes"])


def restricted(predictions: Predictions, classes: Sequence[str]) -> Predictions:
    """Predictions on the images of these classes alone, with no other answer allowed: logits in their order.

    A softmax of what is left is the probability given that one of the classes is right.
    """
    known = [str(name) for name in predictions["classes"]]
    columns = [known.index(one_of(name, known, "class of this network")) for name in classes]
    made = {"classes": np.array(classes)}
    for part in (part for part in PARTS if f"{part}_rows" in predictions):
        position = np.full(len(known), -1)
        position[columns] = range(len(columns))
        labels = position[predictions[f"{part}_labels"]]
        kept = labels >= 0
        made[f"{part}_labels"] = labels[kept]
        made[f"{part}_logits"] = predictions[f"{part}_logits"][kept][:, columns]
        made[f"{part}_rows"] = predictions[f"{part}_rows"][kept]
    return made


def on_rows(predictions: Predictions, rows: np.ndarray) -> Predictions:
    """The test predictions on these rows of the data set alone, in stored order."""
    kept = np.isin(predictions["test_rows"], rows)
    return {"classes": predictions["classes"]} | {
        f"test_{name}": predictions[f"test_{name}"][kept] for name in ("logits", "labels", "rows")
    }


def restricted_beside(study: Results, general: str = "seven") -> pd.DataFrame:
    """Networks of task `general`, restricted to each smaller task, beside those trained on it: scores a run.

    Columns: task, network ("trained on the task" or "restricted"), seed, images, metric, class, value. Both are
    scored on the images that both have in their test split. With test="private" those are PrivateTest's, for the
    epoch, if nothing else, was chosen on PublicTest; a network trained on the task is then scored on half of its
    own test images.
    """
    rivals = study.select(task=general).runs[["run", "seed"]]
    wide = get_task(general).classes
    tables = []
    for run, task, seed in study.runs[["run", "task", "seed"]].itertuples(index=False):
        own = study.predictions(run)
        classes = [str(name) for name in own["classes"]]
        if task == general or not set(classes) <= set(wide):
            continue
        for rival in rivals.loc[rivals["seed"] == seed, "run"]:
            theirs = restricted(study.predictions(rival), classes)
            common = np.intersect1d(own["test_rows"], theirs["test_rows"])
            for network, made in (("trained on the task", own), ("restricted", theirs)):
                about = {"task": task, "network": network, "seed": seed, "images": len(common)}
                tables.append(_scores(on_rows(made, common)).assign(**about))
    return _joined(tables, ["task", "network", "seed", "images"])
