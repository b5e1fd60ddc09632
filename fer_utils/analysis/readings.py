"""Which reading of report A's text fits the figures that it prints of its CNN?

The report prints 54 figures of four runs, one for each task and loss. How well a reading fits them
is their Gaussian log-likelihood around the means of its own runs. Seeds are few and figures many,
so the covariance is the same for all readings: of our reading, which has the most seeds, within
each of the four runs, figures scaled to a spread of 1 and shrunk by Ledoit and Wolf (2004). (From
five seeds of each reading alone, the log-likelihood would move by 5 to 40 with the choice of these
five; from a common covariance by 0.5 to 2.5: tried on 20 seeds of our reading.)

A reading that fits best is a hypothesis: many are compared on the same figures, and that they
spread alike is assumed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from scipy import stats

from fer_utils.analysis.evidence_files import EVIDENCE
from fer_utils.analysis.reported import reported_a
from fer_utils.evaluation.statistics import bootstrap, t_half_width
from fer_utils.experiments.results import Results
from fer_utils.training.experiment import Experiment

STUDIES = EVIDENCE["readings"]
OURS = "ours"
LEAST = 3  # seeds, or a reading has no row
AT_CHANCE = 0.01  # a run whose macro recall is no farther from chance has learned nothing


@dataclass(frozen=True)
class _PrintedRun:
    """One run that report A prints, beside ours of the same task and loss.

    Attributes
    ----------
    reported : F figures, 0..1, by metric and class.
    scores : the same of our runs, one row per reading and seed.
    spread : their standard deviations over our reading's seeds.
    covariance : F×F, of our reading's figures divided by `spread`.
    at_chance : how many runs are not among `scores` since they learned nothing, by reading.
    """

    reported: pd.Series
    scores: pd.DataFrame
    spread: np.ndarray
    covariance: np.ndarray
    at_chance: pd.Series

    @classmethod
    def of(cls, printed: pd.DataFrame, scores: pd.DataFrame) -> "_PrintedRun":
        """From the columns metric, class, value and, of ours, reading and seed."""
        # here, since a report whose evidence is current needs no scikit-learn
        from sklearn.covariance import LedoitWolf

        figure = ["metric", "class"]
        wide = scores.pivot_table(index=["reading", "seed"], columns=figure, values="value")
        chance = 1 / scores.loc[scores["class"] != "", "class"].nunique()
        learned = wide["macro_recall", ""] > chance + AT_CHANCE
        reported = printed.set_index(figure)["value"]
        runs = wide.loc[learned, reported.index]
        ours = runs.loc[OURS]
        # what is the same in all runs, as a score of 1 may be, counts by its distance alone
        spread = ours.std().replace(0, 1).to_numpy()
        centred = ((ours - ours.mean()) / spread).to_numpy()
        shrunk = LedoitWolf(assume_centered=True).fit(centred).covariance_
        covariance = shrunk * len(ours) / (len(ours) - 1)
        return cls(reported, runs, spread, covariance, (~learned).groupby("reading").sum())

    def seeds(self, reading: str) -> set[int]:
        """The seeds of a reading's runs; none where it does not cover this task."""
        return set(self.scores.xs(reading).index) if reading in self.scores.index else set()

    def values(self, reading: str, seeds: Sequence[int]) -> np.ndarray:
        """The figures of a reading's runs, seeds×F."""
        return self.scores.xs(reading).loc[list(seeds)].to_numpy()

    def log_likelihood(self, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Of the reported figures as those of one more run, one per row of `weights`.

        values: seeds×F. weights: resamples×seeds, how often each seed was drawn.
        """
        means = weights @ values / weights.sum(1, keepdims=True)
        apart = (self.reported.to_numpy() - means) / self.spread
        one_more = self.covariance * (1 + 1 / len(values))
        # of a single point SciPy gives a number, no array
        density = np.atleast_1d(stats.multivariate_normal.logpdf(apart, cov=one_more))
        return density - np.log(self.spread).sum()

    def within(self, values: np.ndarray) -> int:
        """How many reported figures lie where one more run would (t prediction interval)."""
        half = np.array([t_half_width(figure, more=1) for figure in values.T])
        return int((np.abs(self.reported - values.mean(0)) <= half).sum())

    def points(self, values: np.ndarray) -> float:
        """Mean accuracy minus the reported one, in percentage points."""
        place = self.reported.index.get_loc(("accuracy", ""))
        return float(values[:, place].mean() - self.reported.iloc[place]) * 100


def named(results: Results) -> pd.Series:
    """The reading of each run of STUDIES: OURS, or how it differs from ours, as `run` takes it.

    By run, for example "model=cnn_one_pool".
    """
    ids = [
        run
        for name in STUDIES
        if results.has_study(name)
        for run in results.study(name).runs["run"]
    ]
    settings = [field.name for field in fields(Experiment)]
    # as texts: a setting may be None, which as NaN would not equal itself
    runs = results.select(run=ids).runs.set_index("run")[settings].map(str)
    runs = runs.drop(columns=["seed", "task", "loss"])
    ours = runs.loc[results.study("report_a").runs["run"].iloc[0]]
    differ = {
        run: ", ".join(f"{name}={row[name]}" for name in row.index[row != ours])
        for run, row in runs.iterrows()
    }
    return pd.Series(differ).replace("", OURS)


def compare(results: Results, resamples: int = 2000) -> pd.DataFrame:
    """How well each reading fits what report A prints, one row per reading, the best fit first.

    Compared with ours on the seeds that both have in every run that the reading covers; a seed with
    a run at chance is none of them.

    Parameters
    ----------
    resamples
        Draws of seeds for the interval.

    Returns
    -------
    DataFrame
        - reading: as `named` gives it; those of fewer than LEAST seeds have no row;
        - seeds;
        - at_chance: how many of its runs are left out since they learned nothing;
        - figures: how many of the 54 it covers (an order of weights is of one task);
        - within: how many of these lie where one more run would, by the reading's own spread;
        - points: mean accuracy minus the reported one, mean over the runs, in percentage points;
        - log_likelihood: of the figures;
        - gain, low, high: log-likelihood minus that of our reading with the same seeds, and its
          95 % bootstrap interval over n seeds, as much wider as the t-interval of a mean is wider
          than its bootstrap interval (in simulations it then holds the truth in 95 to 97 of 100
          cases for 3 to 10 seeds, and in 80 to 92 as it is). 0 for ours.
    """
    readings = named(results).rename("reading")
    scores = results.scores().join(readings, on="run", how="inner")
    reported = reported_a().query("model == 'cnn'")
    printed = []
    for (task, loss), figures in reported.groupby(["task", "loss"]):
        of_run = scores[(scores["task"] == task) & (scores["loss"] == loss)]
        # without ours there is no spread to judge by
        if of_run.loc[of_run["reading"] == OURS, "seed"].nunique() >= LEAST:
            printed.append(_PrintedRun.of(figures, of_run))
    rows = []
    for reading in readings.unique():
        covered = [run for run in printed if reading in run.scores.index]
        both = [run.seeds(reading) & run.seeds(OURS) for run in covered]
        seeds = sorted(set.intersection(*both)) if both else []
        if len(seeds) >= LEAST:
            rows.append({"reading": reading} | _row(covered, reading, seeds, resamples))
    columns = [*("reading", "seeds", "at_chance", "figures", "within", "points")]
    columns += ["log_likelihood", "gain", "low", "high"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.sort_values("gain", ascending=False, ignore_index=True)


def _row(
    covered: Sequence[_PrintedRun], reading: str, seeds: Sequence[int], resamples: int
) -> dict[str, float]:
    """A row of `compare` but for its name."""
    pairs = [(run, run.values(reading, seeds), run.values(OURS, seeds)) for run in covered]

    def gain(weights: np.ndarray) -> np.ndarray:
        gains = [
            run.log_likelihood(of_reading, weights) - run.log_likelihood(of_ours, weights)
            for run, of_reading, of_ours in pairs
        ]
        return np.sum(gains, axis=0)

    n = len(seeds)
    once = np.ones((1, n))
    measured = gain(once).item()
    low, high = bootstrap(gain, np.arange(n), resamples)
    wider = stats.t.ppf(0.975, n - 1) / stats.norm.ppf(0.975) * np.sqrt(n / (n - 1))
    return {
        "seeds": n,
        "at_chance": int(sum(run.at_chance[reading] for run in covered)),
        "figures": sum(len(run.reported) for run in covered),
        "within": sum(run.within(values) for run, values, _ in pairs),
        "points": float(np.mean([run.points(values) for run, values, _ in pairs])),
        "log_likelihood": sum(run.log_likelihood(values, once).item() for run, values, _ in pairs),
        "gain": measured,
        "low": float(measured + wider * (low - measured)),
        "high": float(measured + wider * (high - measured)),
    }
