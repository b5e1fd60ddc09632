"""Several networks as one, by their mean probability.

All of it from saved predictions. Two of a study's networks may validate on different images, since the seed draws
the split; they are tested on the same ones. So members are chosen only where all share their validation images,
and elsewhere every run is a member: nothing is ever chosen on test.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import log_softmax, logsumexp

from fer_utils.analysis.loss_comparison import mean_interval
from fer_utils.analysis.restricted import PARTS, Predictions, contenders
from fer_utils.errors import FerError
from fer_utils.evaluation.metrics import is_correct
from fer_utils.experiments.results import Results

COLUMNS = (
    "task",
    "network",
    "ensemble",
    "members",
    "images",
    "alone",
    "together",
    "gain",
    "gain_low",
    "gain_high",
)


def averaged(members: Sequence[Predictions]) -> Predictions:
    """The mean probability of the members as log-probabilities, in the form of one run's predictions.

    Validation is left out where the members do not share it. Raises FerError where they differ in classes or in
    test images.
    """
    first = members[0]
    if any(list(other["classes"]) != list(first["classes"]) for other in members):
        raise FerError(
            "networks of different classes cannot be averaged; restrict them to one task first"
        )
    if not shared(members, "test"):
        raise FerError(
            "these networks were tested on different images; on_rows keeps those that all have"
        )
    made = {"classes": first["classes"]}
    for part in PARTS:
        if shared(members, part):
            logs = np.stack(
                [log_softmax(m[f"{part}_logits"].astype(np.float64), axis=1) for m in members]
            )
            made[f"{part}_logits"] = logsumexp(logs, axis=0) - np.log(len(members))
            made |= {f"{part}_{name}": first[f"{part}_{name}"] for name in ("labels", "rows")}
    return made


def shared(members: Sequence[Predictions], part: str) -> bool:
    """Whether all members have the same images in this part (val or test), and any at all."""
    rows = [member.get(f"{part}_rows") for member in members]
    return all(each is not None and np.array_equal(each, rows[0]) for each in rows)


def greedy(members: Sequence[Predictions]) -> list[int]:
    """Positions of the members to average, chosen by accuracy on the validation images that all share.

    Forward selection (Caruana et al. 2004), no member twice: the best one, then each time the one that helps most,
    while one helps. Raises FerError where validation is not shared.
    """
    if not shared(members, "val"):
        raise FerError(
            "these networks validated on different images, so no choice among them is fair; take all"
        )
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
    return float(is_correct(predictions, part).mean())


def compare(study: Results) -> pd.DataFrame:
    """Every ensemble of a study beside its networks, by accuracy on test, 0..1: a row a task, network and ensemble.

    network: see restricted.contenders. ensemble: "all runs", and "chosen on validation" where the runs share their
    validation images; one network is no ensemble. Columns: COLUMNS; alone is the mean over all runs, each by
    itself; gain is together − alone, with its 95 % interval over images.
    """
    rows = []
    for (task, network), of_seeds in contenders(study).items():
        members = list(of_seeds.values())
        if len(members) < 2:
            continue
        ensembles = {"all runs": members}
        if shared(members, "val"):
            ensembles["chosen on validation"] = [members[i] for i in greedy(members)]
        alone = np.mean([is_correct(member, "test") for member in members], axis=0)
        for name, chosen in ensembles.items():
            together = is_correct(averaged(chosen), "test")
            low, high = mean_interval(study, members[0]["test_rows"], together - alone)
            shares = (alone.mean(), together.mean(), (together - alone).mean(), low, high)
            rows.append((task, network, name, len(chosen), len(together), *shares))
    return pd.DataFrame(rows, columns=COLUMNS)
