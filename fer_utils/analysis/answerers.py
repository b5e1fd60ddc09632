"""All networks of the main studies in one form: who they are, and their answers on test images."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fer_utils.analysis import ensembles, rivals
from fer_utils.analysis.restricted import (
    RESTRICTED,
    TRAINED,
    Predictions,
    contenders,
    on_rows,
    restricted,
)
from fer_utils.data.tasks import get_task
from fer_utils.experiments.results import Results
from fer_utils.training.experiment import Experiment

STUDIES = ("report_a", "transfer", "report_b")  # each network of these answers as it was trained
TOGETHER = "together"  # the kind of an ensemble: all seeds of a kind, by their mean probability


@dataclass(frozen=True)
class Answerer:
    """A network that answers a task.

    Attributes
    ----------
    network, loss
        As of an experiment; "fer" and empty of the published one.
    kind
        As of `restricted.contenders`; of an ensemble, with TOGETHER.
    epochs
        Of its training; 0 where it is not ours.
    run
        The id of its first seed; empty where it is not ours.
    seeds
        How many of ours there are, or are averaged; 0 where it is not ours.
    members
        The predictions of each seed; one where they are averaged.
    fixed
        It is one given network, or one ensemble: it is not to be had with another seed.
    """

    network: str
    kind: str
    loss: str
    epochs: int
    run: str
    seeds: int
    members: list[Predictions]
    fixed: bool = False

    def about(self) -> dict[str, object]:
        """All but the predictions."""
        names = ("network", "kind", "loss", "epochs", "run", "seeds")
        return {name: getattr(self, name) for name in names}

    def answers(self, rows: np.ndarray) -> np.ndarray:
        """Positions among the task's classes: int, seeds×rows. The rows: test images, ascending."""
        sorted_rows = [on_rows(member, rows) for member in self.members]
        return np.stack(
            [of["test_logits"].argmax(1)[of["test_rows"].argsort()] for of in sorted_rows]
        )


def by_task(results: Results) -> dict[str, list[Answerer]]:
    """Everyone who answers a task, by task; tasks of few classes come first.

    Runs that differ in their seed alone are one network. `best` and its ensembles are asked about
    all smaller tasks too, and so is the published network, if benchmarks/rival.py has asked it.
    """
    everyone: dict[str, list[Answerer]] = {}
    settings = [field.name for field in dataclasses.fields(Experiment) if field.name != "seed"]
    for name in (name for name in STUDIES if results.has_study(name)):
        study = results.study(name)
        for _, runs in study.runs.groupby(settings, sort=False, dropna=False):
            first, members = runs.iloc[0], [study.predictions(run) for run in runs["run"]]
            one = _ours(first, TRAINED, members)
            everyone.setdefault(first["task"], []).append(one)
    if results.has_study("best"):
        for task, one in _best(results.study("best")):
            everyone.setdefault(task, []).append(one)
    published = results.folder / "best" / "rival.npz"
    if published.exists():
        predictions = rivals.read(published)
        for task in everyone:
            members = [restricted(predictions, get_task(task).classes)]
            everyone[task].append(Answerer("fer", RESTRICTED, "", 0, "", 0, members, fixed=True))
    return {task: everyone[task] for task in sorted(everyone, key=_size)}


def _best(study: Results) -> list[tuple[str, Answerer]]:
    found = []
    for (task, kind), of_seeds in contenders(study).items():
        members = list(of_seeds.values())
        # restricted networks were trained on all seven classes
        trained = study.runs["task"] == ("seven" if kind == RESTRICTED else task)
        one = _ours(study.runs[trained].iloc[0], kind, members)
        found.append((task, one))
        if len(members) > 1:
            mean, kinds = [ensembles.averaged(members)], f"{kind}, {TOGETHER}"
            together = dataclasses.replace(one, kind=kinds, members=mean, fixed=True)
            found.append((task, together))
    return found


def _ours(first: pd.Series, kind: str, members: list[Predictions]) -> Answerer:
    settings = (first["loss"], int(first["epochs"]), first["run"])
    return Answerer(first["model"], kind, *settings, len(members), members)


def _size(task: str) -> int:
    return len(get_task(task).classes)


def common_rows(everyone: list[Answerer], among: pd.Index) -> np.ndarray:
    """Rows of the test images that all of them were tested on, of those in `among`, ascending."""
    rows = np.asarray(among)
    for one in everyone:
        for member in one.members:
            # the published network answered on both test splits, whatever the task's are
            rows = np.intersect1d(rows, member["test_rows"])
    return rows
