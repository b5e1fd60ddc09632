"""Several networks as one, by their mean probability.

All of it from saved predictions. Two of a study's networks may validate on different images, since
the seed draws the split; they are tested on the same ones. So members are chosen only where all
share their validation images, and elsewhere every run is a member: nothing is ever chosen on test.
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
    *("task", "network", "ensemble", "members", "images"),
    *("alone", "together", "gain", "gain_low", "gain_high"),
)


def averaged(members: Sequence[Predictions]) -> Predictions:
    """The members' mean probability, in the form of one run's predictions.

    Returns
    -------
    Predictions
        Log-probabilities stand for the logits. Validation is left out where the members do not
        share its images.

    Raises
    ------
    FerError
        If the members differ in their classes or in their test images.
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
    mean = {"classes": first["classes"]}
    for part in PARTS:
        if shared(members, part):
            logits = np.stack([member[f"{part}_logits"] for member in members]).astype(np.float64)
            # of logarithms: a probability that rounds to 0 must not become −inf
            total = logsumexp(log_softmax(logits, axis=2), axis=0)
            mean[f"{part}_logits"] = total - np.log(len(members))
            mean |= {f"{part}_{name}": first[f"{part}_{name}"] for name in ("labels", "rows")}
    return mean


def shared(members: Sequence[Predictions], part: str) -> bool:
    """Whether all members have the same images in this part (val or test), and any at all."""
    name = f"{part}_rows"
    return all(
        name in member and np.array_equal(member[name], members[0][name]) for member in members
    )


def greedy(members: Sequence[Predictions]) -> list[int]:
    """Positions of the members to average, chosen by accuracy on validation.

    Forward selection (Caruana et al. 2004), no member twice: the best one, then each time the one
    that helps most, as long as one helps.

    Raises
    ------
    FerError
        If the members do not share their validation images.
    """
    if not shared(members, "val"):
        raise FerError(
            "these networks validated on different images, so no choice among them is fair; "
            "take all"
        )
    chosen: list[int] = []
    # below any accuracy, so that even a network that is never right can be the first
    reached = -1.0
    while left := [i for i in range(len(members)) if i not in chosen]:
        tried = {i: accuracy(averaged([members[j] for j in [*chosen, i]]), "val") for i in left}
        best = max(left, key=lambda i: tried[i])  # of equals the first: the lowest position
        if tried[best] <= reached:
            break
        chosen, reached = [*chosen, best], tried[best]
    return chosen


def accuracy(predictions: Predictions, part: str) -> float:
    """Share of right answers in this part (val or test), 0..1."""
    return float(is_correct(predictions, part).mean())


def compare(study: Results) -> pd.DataFrame:
    """Every ensemble of a study beside its networks, one row per task, network and ensemble.

    Returns
    -------
    DataFrame
        No row where there is one run alone.

        - task, network: as of `restricted.contenders`;
        - ensemble: "all runs", and "chosen on validation" where the runs share these images;
        - members, images: how many networks are averaged, and on how many test images;
        - alone: accuracy of a single run, mean over all runs, 0..1;
        - together: accuracy of the ensemble;
        - gain, gain_low, gain_high: together − alone, with its 95 % interval over images.
    """
    rows = []
    for (task, network), of_seeds in contenders(study).items():
        members = list(of_seeds.values())
        if len(members) < 2:  # one network is no ensemble
            continue
        ensembles = {"all runs": members}
        if shared(members, "val"):
            ensembles["chosen on validation"] = [members[i] for i in greedy(members)]
        # a share per image: the gain is then paired image by image, as its interval needs
        alone = np.mean([is_correct(member, "test") for member in members], axis=0)
        for name, chosen in ensembles.items():
            together = is_correct(averaged(chosen), "test")
            low, high = mean_interval(study, members[0]["test_rows"], together - alone)
            shares = (alone.mean(), together.mean(), (together - alone).mean(), low, high)
            rows.append((task, network, name, len(chosen), len(together), *shares))
    return pd.DataFrame(rows, columns=COLUMNS)
