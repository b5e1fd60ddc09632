"""The results folder as tidy pandas frames: all finished runs of a data set, or a study's."""

import dataclasses
import sys
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from fer_utils import io, paths
from fer_utils.data.dataset import Faces, open_store
from fer_utils.errors import FerError
from fer_utils.experiments import run_files
from fer_utils.experiments.run_files import Predictions
from fer_utils.training.experiment import Experiment

KEPT = 2**29  # bytes of predictions in memory; the 163 committed runs have 37 million


@dataclass(frozen=True)
class Results:
    """Finished runs of one data set. Every frame has the column `run`, the id to join on.

    Attributes
    ----------
    folder : results/<dataset>
    runs : one row per run: every setting, counts of images, hardware, parameters, total_seconds
    metrics : run, split (val or test), metric, class (empty for all classes), value (0..1; of the
        metric support: images)
    history : run, epoch and what was measured in this epoch
    """

    folder: Path
    runs: pd.DataFrame
    metrics: pd.DataFrame
    history: pd.DataFrame
    _kept: dict[str, Predictions] = field(default_factory=dict, repr=False, compare=False)

    def select(self, **settings: object) -> "Results":
        """The runs whose settings have these values, or one of them where a list is given.

        For example `select(task="binary", seed=[0, 1])`. Raises FerError for an unknown setting.
        """
        runs = self.runs
        for name, value in settings.items():
            if name not in runs:
                raise FerError(f"no setting {name!r} in the results; there are: {', '.join(runs)}")
            values = value if isinstance(value, (list, tuple)) else [value]
            runs = runs[runs[name].isin(values)]
        ids = set(runs["run"])
        metrics, history = (frame[frame["run"].isin(ids)] for frame in (self.metrics, self.history))
        return Results(self.folder, runs, metrics, history, self._kept)

    def has_study(self, name: str) -> bool:
        """Whether at least one run of a study is finished."""
        listed = _list_of(self.folder, name)
        return listed.exists() and bool(self.runs["run"].isin(io.read_json(listed)).any())

    def study(self, name: str) -> "Results":
        """The finished runs of a study, as it was last started. Raises FerError if it never was."""
        ids = _read_list(self.folder, name)
        study = self.select(run=ids)
        if len(study.runs) < len(ids):
            finished = f"{len(study.runs)} of {len(ids)} runs are finished"
            print(f"study {name}: {finished}", file=sys.stderr)
        return study

    def not_run(self, name: str) -> pd.DataFrame:
        """The settings of a study's runs that were left out for want of their weights.

        One row per run; none where nothing was left out.
        """
        listed = self.folder / "studies" / f"{name}.not_run.json"
        settings = [field.name for field in dataclasses.fields(Experiment)]
        return pd.DataFrame(io.read_json(listed) if listed.exists() else [], columns=settings)

    def scores(self, split: str = "test") -> pd.DataFrame:
        """The metrics of one split with the settings of their run beside them."""
        return self.metrics[self.metrics["split"] == split].merge(self.runs, on="run")

    def faces(self) -> Faces | None:
        """The data set that these runs were made from; None where data/ does not hold that one."""
        folder = paths.DATA / self.folder.name
        if not (folder / "dataset.json").exists():
            return None
        faces = open_store(folder)
        return faces if set(self.runs["digest"]) == {faces.digest} else None

    def predictions(self, run: str) -> Predictions:
        """The arrays of one run, as `run_files.read_predictions` gives them, but read-only.

        They are kept as long as these results are, up to KEPT bytes: a file is opened once.
        """
        if run not in self._kept:
            predictions = run_files.read_predictions(self.folder / "runs" / run)
            for array in predictions.values():
                array.flags.writeable = False  # it is the same array for all who ask
            while self._kept and _bytes(predictions, *self._kept.values()) > KEPT:
                del self._kept[next(iter(self._kept))]  # the one that was read first
            self._kept[run] = predictions
        return dict(self._kept[run])

    def confusion(self, run: str) -> pd.DataFrame:
        """Counts on the test split: true class in rows, predicted class in columns."""
        return run_files.read_confusion(self.folder / "runs" / run)


def open_results(
    dataset: str, results: Path = paths.RESULTS, runs: Collection[str] | None = None
) -> Results:
    """The finished runs under results/<dataset>: all, or those of the given ids.

    Where results/ has no run of the data set, the committed study is read instead. Reading a run
    opens four small files, and ten thousand runs take a minute: `open_study` and `runs` spare that.

    Raises
    ------
    FerError
        Where none of them is finished.
    """
    folder = _folder(dataset, results)
    folders = _finished(folder, runs)
    if not folders:
        raise FerError(
            f"no finished runs under {folder / 'runs'}; compute some with: "
            f"python -m fer_utils study report_a --dataset {dataset}"
        )
    metrics = [run_files.read_metrics(run).assign(run=run.name) for run in folders]
    history = [pd.read_csv(run / "history.csv").assign(run=run.name) for run in folders]
    return Results(
        folder,
        pd.DataFrame([_about(run) for run in folders]),
        pd.concat(metrics, ignore_index=True),
        pd.concat(history, ignore_index=True),
    )


def open_study(name: str, dataset: str, results: Path = paths.RESULTS) -> Results:
    """As `open_results(dataset, results).study(name)`, but no run of any other study is read."""
    ids = _read_list(_folder(dataset, results), name)
    return open_results(dataset, results, ids).study(name)


def rescore(dataset: str, results: Path | None = None) -> list[str]:
    """Scores finished runs anew from their stored logits, for example for a metric of your own.

    A file is written only where it differs, whole, and under the run's lock. Evidence that stands
    on a run that has changed is computed anew with the next report.

    Parameters
    ----------
    results : paths.RESULTS where it is left out; the committed study does not stand in for it

    Returns
    -------
    The ids of the runs whose metrics.csv has changed.

    Raises
    ------
    FerError
        Where no run is finished.
    """
    folder = (paths.RESULTS if results is None else results) / dataset
    folders = _finished(folder)
    if not folders:
        raise FerError(f"no finished runs under {folder / 'runs'}")
    changed = []
    for run in folders:
        with io.exclusive_lock(run, wait=True):
            if run_files.rescore(run):
                changed.append(run.name)
    return changed


def _folder(dataset: str, results: Path) -> Path:
    """results/<dataset>, or the committed one where there is no run of one's own."""
    folder = results / dataset
    # `any` looks no further than the first finished run
    if results == paths.RESULTS and not any(folder.glob("runs/*/done.json")):
        return paths.REFERENCE / dataset
    return folder


def _finished(folder: Path, ids: Collection[str] | None = None) -> list[Path]:
    """The folders of finished runs, sorted; with `ids` no other run's folder is looked at."""
    if ids is None:
        return sorted(path.parent for path in folder.glob("runs/*/done.json"))
    runs = sorted(folder / "runs" / run for run in {*ids})
    return [run for run in runs if run_files.is_finished(run)]


def _about(run: Path) -> dict[str, object]:
    """A row of Results.runs."""
    config = io.read_json(run / "config.json")
    # through Experiment, so that a setting added since the run was computed has its default
    settings = dataclasses.asdict(Experiment(**config["experiment"]))
    images = {f"{split}_images": count for split, count in config["images"].items()}
    cost = {"parameters": config["parameters"]}
    cost["total_seconds"] = io.read_json(run / "done.json")["seconds"]
    return {"run": run.name} | settings | images | config["hardware"] | config["data"] | cost


def _list_of(folder: Path, study: str) -> Path:
    return folder / "studies" / f"{study}.json"


def _read_list(folder: Path, study: str) -> list[str]:
    """The ids on a study's list. Raises FerError where it was never started."""
    listed = _list_of(folder, study)
    if not listed.exists():
        raise FerError(
            f"no study {study!r} under {folder}; compute it with: "
            f"python -m fer_utils study {study} --dataset {folder.name}"
        )
    return io.read_json(listed)


def _bytes(*predictions: Predictions) -> int:
    return sum(array.nbytes for arrays in predictions for array in arrays.values())


def over_seeds(scores: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """The spread of `value` over the seeds of each group.

    Returns
    -------
    One row per group: the columns `by`, and
    mean, std : std over n − 1, NaN for one seed
    low, high : the least and the highest value
    seeds : how many
    """
    grouped = scores.groupby(by, sort=False)["value"]
    return grouped.agg(mean="mean", std="std", low="min", high="max", seeds="count").reset_index()


def winner(study: Results) -> pd.Series:
    """The row of `study.runs` whose settings have the highest accuracy on validation.

    Over several seeds their mean counts, and the row is that of the first seed. The test split has
    no say.
    """
    settings = [field.name for field in dataclasses.fields(Experiment) if field.name != "seed"]
    # sorted, so that of a cell's runs, which are equal here, idxmax takes the first seed
    accuracy = study.scores("val").query("metric == 'accuracy'").sort_values("seed")
    means = accuracy.groupby(settings, sort=False, dropna=False)["value"].transform("mean")
    run = accuracy.loc[means.idxmax(), "run"]
    return study.runs.set_index("run", drop=False).loc[run]


def overfit_epoch(history: pd.DataFrame, margin: float = 0.02) -> int | None:
    """Where overfitting sets in; None if it never does.

    The first epoch from which on the training accuracy stays more than `margin` above the
    validation accuracy; both are means over the runs in `history`.
    """
    means = history.groupby("epoch")[["train_accuracy", "val_accuracy"]].mean()
    too_far = means["train_accuracy"] - means["val_accuracy"] > margin
    from_here_on = too_far[::-1].cummin()[::-1]  # true where it is so in all later epochs too
    return int(from_here_on.idxmax()) if from_here_on.any() else None


def mean_confusion(results: Results) -> pd.DataFrame:
    """Counts averaged over the runs of `results` (the seeds of one cell)."""
    matrices = [results.confusion(run) for run in results.runs["run"]]
    return sum(matrices[1:], matrices[0]) / len(matrices)
