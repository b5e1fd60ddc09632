"""Finished runs computed once more, beside the ones that are there, and compared with them."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from fer_utils import devices, io
from fer_utils.analysis.verify import Verification
from fer_utils.errors import FerError
from fer_utils.evaluation.metrics import is_correct
from fer_utils.evaluation.statistics import t_half_width
from fer_utils.experiments import run_files, runner
from fer_utils.experiments.results import Results, open_results
from fer_utils.training.experiment import Experiment

CHEAP = 0.25  # share of the runs, by their seconds
# what of a machine and its software may change the last digits of a number
MACHINE = ("device", "cpu", "instructions", "blas", "onednn", "threads", "precision", "torch")


@dataclass(frozen=True)
class Repeated:
    """A run and its repetition.

    Attributes
    ----------
    equal : whether all logits are the same, bit for bit
    accuracy, again : on the test split, 0..1
    low, high : where the accuracy of one more seed of these settings lies with 95 % (t prediction
        interval over the `seeds` that are there); None for a single seed
    differs : what of machine and software is not as it was; unknown counts as the same
    """

    run: str
    equal: bool
    accuracy: float
    again: float
    low: float | None
    high: float | None
    seeds: int
    differs: list[str]

    @property
    def is_expected(self) -> bool:
        """Equal, or as far from the other seeds as a further seed may be."""
        if self.equal or self.low is None or self.high is None:
            return True
        return self.low <= self.again <= self.high

    def __str__(self) -> str:
        if self.equal:
            return f"{self.run}: equal bit for bit"
        place = "of its settings there is one seed, which gives no interval"
        if self.low is not None and self.high is not None:
            where = "inside" if self.is_expected else "outside"
            interval = f"{100 * self.low:.1f} to {100 * self.high:.1f} %"
            place = (
                f"{where} what a further seed is expected to give ({interval}, n = {self.seeds})"
            )
        values = f"{100 * self.accuracy:.2f} % before, {100 * self.again:.2f} % now"
        points = f"{100 * (self.again - self.accuracy):+.2f} points"
        other = f"; not as before: {', '.join(self.differs)}" if self.differs else ""
        return f"{self.run}: {values} ({points}), {place}{other}"


def repeat(found: Verification, count: int, seed: int, model: str = "cnn") -> list[Repeated]:
    """Computes `count` sound runs anew, on the CPU and in a folder that is removed afterwards.

    They are drawn at random from the quarter of the model's runs that took the least time.

    Raises
    ------
    FerError
        Where there are not so many, or the data set is not at hand.
    """
    if found.faces is None:
        name = found.folder.name
        raise FerError(f"to repeat runs data/{name} must be the data set that they were made from")
    results = open_results(found.folder.name, found.folder.parent, found.sound)
    runs = results.runs.query("model == @model and digest == @found.faces.digest")
    cheap = runs[runs["total_seconds"] <= runs["total_seconds"].quantile(CHEAP)]
    if len(cheap) < count:
        raise FerError(
            f"{count} runs cannot be repeated: the cheapest quarter of {model}'s are {len(cheap)}"
        )
    drawn = np.random.default_rng(seed).choice(sorted(cheap["run"]), count, replace=False)
    return [_repeat(str(run), found, results) for run in drawn]


def _repeat(run: str, found: Verification, results: Results) -> Repeated:
    print(f"computed once more: {run}", flush=True)
    folder = found.folder / "runs" / run
    config = io.read_json(folder / "config.json")
    experiment = Experiment(**config["experiment"])
    before = config.get("segments", [config["hardware"]])[-1]
    # bf16 is imitated elsewhere, some 20 times slower
    imitated = before["precision"] == "bf16" and not devices.has_bf16("cpu")
    threads = torch.get_num_threads()
    torch.set_num_threads(int(before["threads"]))  # sums are split among them
    try:
        with TemporaryDirectory() as place:
            precision = "fp32" if imitated else before["precision"]
            again = runner.run(experiment, "cpu", precision, Path(place), found.faces)
            now = io.read_json(again / "config.json")["hardware"]
            new = run_files.read_predictions(again)
    finally:
        torch.set_num_threads(threads)
    old = results.predictions(run)
    accuracies = _of_cell(experiment, results)
    mean, half = float(np.mean(accuracies)), t_half_width(accuracies, more=1)
    return Repeated(
        run=run,
        equal=all(np.array_equal(old[name], new[name]) for name in old),
        accuracy=float(is_correct(old, "test").mean()),
        again=float(is_correct(new, "test").mean()),
        low=max(mean - half, 0.0) if np.isfinite(half) else None,
        high=min(mean + half, 1.0) if np.isfinite(half) else None,
        seeds=len(accuracies),
        differs=[
            f"{name} {now[name]}" for name in MACHINE if before.get(name, now[name]) != now[name]
        ],
    )


def _of_cell(experiment: Experiment, results: Results) -> list[float]:
    """Test accuracies of all runs whose settings differ from these in the seed alone."""
    ids = {experiment.replace(seed=int(seed)).id for seed in results.runs["seed"].unique()}
    same = results.select(run=sorted(ids)).scores()
    return same.loc[same["metric"] == "accuracy", "value"].tolist()
