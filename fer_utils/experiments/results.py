"""The results folder as tidy pandas frames, and the figures that the two reports print."""

import dataclasses
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from fer_utils import io, paths
from fer_utils.data.dataset import Faces, open_store
from fer_utils.errors import FerError
from fer_utils.training.experiment import Experiment

KEPT = 2**29  # bytes of predictions in memory; the 163 committed runs have 37 million


@dataclass(frozen=True)
class Results:
    """All finished runs of one data set. Every frame has the column `run`, the id to join on.

    runs: a row a run with every setting, image counts and hardware.
    metrics: run, split, metric, class, value (0..1; support in images). history: run, epoch, …
    """

    folder: Path
    runs: pd.DataFrame
    metrics: pd.DataFrame
    history: pd.DataFrame
    _kept: dict[str, dict[str, np.ndarray]] = field(default_factory=dict, repr=False, compare=False)

    def select(self, **settings) -> "Results":
        """The runs whose settings have these values, for example select(task="binary", loss="focal")."""
        runs = self.runs
        for name, value in settings.items():
            if name not in runs:
                raise FerError(f"no setting {name!r} in the results; there are: {', '.join(runs)}")
            wanted = value if isinstance(value, (list, tuple)) else [value]
            runs = runs[runs[name].isin(wanted)]
        keep = set(runs["run"])
        metrics, history = (
            frame[frame["run"].isin(keep)] for frame in (self.metrics, self.history)
        )
        return Results(self.folder, runs, metrics, history, self._kept)

    def has_study(self, name: str) -> bool:
        """Whether at least one run of a study is finished."""
        listed = self.folder / "studies" / f"{name}.json"
        return listed.exists() and self.runs["run"].isin(io.read_json(listed)).any()

    def study(self, name: str) -> "Results":
        """The finished runs of a study, as it was last started. Raises FerError if it never was."""
        listed = self.folder / "studies" / f"{name}.json"
        if not listed.exists():
            raise FerError(
                f"no study {name!r} under {self.folder}; compute it with: "
                f"python -m fer_utils study {name} --dataset {self.folder.name}"
            )
        ids = io.read_json(listed)
        study = self.select(run=ids)
        if len(study.runs) < len(ids):
            print(
                f"study {name}: {len(study.runs)} of {len(ids)} runs are finished", file=sys.stderr
            )
        return study

    def not_run(self, name: str) -> pd.DataFrame:
        """The settings of a study's runs that were left out as their weights were missing, a row a run; or none."""
        listed = self.folder / "studies" / f"{name}.not_run.json"
        settings = [field.name for field in dataclasses.fields(Experiment)]
        return pd.DataFrame(io.read_json(listed) if listed.exists() else [], columns=settings)

    def scores(self, split: str = "test") -> pd.DataFrame:
        """Metrics of one split with the settings of their run beside them."""
        return self.metrics[self.metrics["split"] == split].merge(self.runs, on="run")

    def faces(self) -> Faces | None:
        """The data set that these runs were made from; None where data/ does not hold that very one."""
        folder = paths.DATA / self.folder.name
        if not (folder / "dataset.json").exists():
            return None
        faces = open_store(folder)
        return faces if set(self.runs["digest"]) == {faces.digest} else None

    def predictions(self, run: str) -> dict[str, np.ndarray]:
        """Arrays of one run: {val,test}_{logits,labels,rows} and classes; rows are the data set's.

        Read-only, and kept as long as these results are, up to KEPT bytes: a file is opened once.
        """
        if run not in self._kept:
            with np.load(self.folder / "runs" / run / "predictions.npz") as arrays:
                made = dict(arrays)
            for array in made.values():
                array.flags.writeable = False  # it is the same array for all who ask
            while self._kept and _bytes(made, *self._kept.values()) > KEPT:
                del self._kept[next(iter(self._kept))]  # the one that was read first
            self._kept[run] = made
        return dict(self._kept[run])

    def confusion(self, run: str) -> pd.DataFrame:
        """Counts on the test split: true class in rows, predicted class in columns."""
        frame = pd.read_csv(self.folder / "runs" / run / "confusion.csv", index_col="true")
        return frame.rename_axis(columns="predicted")


def _bytes(*predictions: dict[str, np.ndarray]) -> int:
    return sum(array.nbytes for made in predictions for array in made.values())


def open_results(dataset: str, results: Path = paths.RESULTS) -> Results:
    """Every finished run under results/<dataset>. Raises FerError where there is none."""
    folder = results / dataset
    if results == paths.RESULTS and not any(folder.glob("runs/*/done.json")):
        folder = paths.REFERENCE / dataset
    done = sorted(path.parent for path in folder.glob("runs/*/done.json"))
    if not done:
        raise FerError(
            f"no finished runs under {folder / 'runs'}; compute some with: "
            f"python -m fer_utils study report_a --dataset {dataset}"
        )
    runs, metrics, history = [], [], []
    for run in done:
        config = io.read_json(run / "config.json")
        images = {f"{split}_images": count for split, count in config["images"].items()}
        settings = dataclasses.asdict(
            Experiment(**config["experiment"])
        )  # fields added since have their default
        about = {"run": run.name} | settings | images | config["hardware"] | config["data"]
        runs.append(
            about
            | {
                "parameters": config["parameters"],
                "total_seconds": io.read_json(run / "done.json")["seconds"],
            }
        )
        metrics.append(
            pd.read_csv(run / "metrics.csv", dtype={"class": str}, keep_default_na=False).assign(
                run=run.name
            )
        )
        history.append(pd.read_csv(run / "history.csv").assign(run=run.name))
    return Results(
        folder,
        pd.DataFrame(runs),
        pd.concat(metrics, ignore_index=True),
        pd.concat(history, ignore_index=True),
    )


def over_seeds(scores: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """mean, std (n - 1; NaN for one seed), low, high and the number of seeds of `value` in each group."""
    grouped = scores.groupby(by, sort=False)["value"]
    return grouped.agg(mean="mean", std="std", low="min", high="max", seeds="count").reset_index()


def winner(study: Results) -> pd.Series:
    """The row of `study.runs` with the highest accuracy on validation; over several seeds, their mean.

    A row of the winning settings: its first seed's. The test split has no say.
    """
    settings = [field.name for field in dataclasses.fields(Experiment) if field.name != "seed"]
    accuracy = study.scores("val").query("metric == 'accuracy'").sort_values("seed")
    means = accuracy.groupby(settings, sort=False, dropna=False)["value"].transform("mean")
    run = accuracy.loc[means.idxmax(), "run"]
    return study.runs.set_index("run", drop=False).loc[run]


def overfit_epoch(history: pd.DataFrame, margin: float = 0.02) -> int | None:
    """Where overfitting sets in: the first epoch from which on the training accuracy stays more than
    `margin` above the validation accuracy (means over the seeds in `history`); None if it never does.
    """
    means = history.groupby("epoch")[["train_accuracy", "val_accuracy"]].mean()
    apart = means["train_accuracy"] - means["val_accuracy"] > margin
    from_here_on = apart[::-1].cummin()[::-1]
    return int(from_here_on.idxmax()) if from_here_on.any() else None


def mean_confusion(results: Results) -> pd.DataFrame:
    """Counts averaged over the runs of `results` (the seeds of one cell)."""
    matrices = [results.confusion(run) for run in results.runs["run"]]
    return sum(matrices[1:], matrices[0]) / len(matrices)
