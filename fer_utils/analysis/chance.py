"""Which source of chance moves the accuracy: the split, the initial weights, or the order?

Study `chance` crosses the seeds of one source, which are its values v, with those that the other
two share, o:

    accuracy(v, o) = mean + source(v) + others(o) + both(v, o)

the two-way random-effects model with one run in each cell. Equal seeds give equal runs, so that
`both` is no noise: it is what a source does that depends on what the others are.
"""

import numpy as np
import pandas as pd
from scipy import stats

from fer_utils.experiments.results import Results

SOURCES = ("split", "init", "order")
ALL = "all"
SAME = ("same", "same_low", "same_high")
LEAST = 3  # values of the others' seed, or a source has no row


def sources(results: Results) -> pd.DataFrame:
    """How far each source of chance moves the test accuracy, one row per source, and one for all.

    Four classes, cross-entropy. Values of the others' seed for which a run is missing are left out.

    Returns
    -------
    DataFrame
        - source: of SOURCES; ALL for runs that differ in the whole seed (study report_a);
        - runs;
        - std, low, high: standard deviation of the accuracy, 0..1, where this source alone changes
          (`source` and `both` of the model), with its 95 % interval;
        - same, same_low, same_high: the share of this variance that is the same whatever the others
          are (`source` alone), with its 95 % interval; NaN for ALL.
    """
    accuracy = results.study("chance").scores().query("metric == 'accuracy'")
    seeds = pd.DataFrame(
        {source: accuracy[f"{source}_seed"].fillna(accuracy["seed"]) for source in SOURCES}
    )
    rows = []
    for source in SOURCES:
        first, second = (seeds[other] for other in SOURCES if other != source)
        table = accuracy.assign(source=seeds[source], others=first)[first == second]
        crossed = table.pivot_table(index="source", columns="others", values="value")
        crossed = crossed.dropna(axis=1)
        if min(crossed.shape) >= LEAST:
            rows.append({"source": source, "runs": crossed.size} | components(crossed.to_numpy()))
    study = results.study("report_a").select(task="multiclass", loss="cross_entropy")
    values = study.scores().query("metric == 'accuracy'")["value"]
    if len(values) >= LEAST:
        ends = _interval(values.var(), len(values) - 1)
        rows.append({"source": ALL, "runs": len(values)} | ends)
    return pd.DataFrame(rows, columns=["source", "runs", "std", "low", "high", *SAME])


def components(crossed: np.ndarray) -> dict[str, float]:
    """std, same and their intervals, as in `sources`, from values of the source × of the others.

    Notes
    -----
    std² is the mean square of the source over the number of columns plus the rest of the residual
    one; its degrees of freedom are Satterthwaite's (1946). `same` is the intraclass correlation
    ICC(C,1) with its exact F interval (McGraw and Wong 1996), cut off at 0.
    """
    values, others = crossed.shape
    rows, columns = (crossed.mean(axis, keepdims=True) for axis in (1, 0))
    residual = crossed - rows - columns + crossed.mean()
    of_source, of_both = values - 1, (values - 1) * (others - 1)
    source = others * rows.var(ddof=1)
    both = (residual**2).sum() / of_both
    parts = source / others, both * (others - 1) / others
    if not (variance := sum(parts)):  # a source that changes nothing has nothing to share
        return dict.fromkeys(("std", "low", "high"), 0.0) | dict.fromkeys(SAME, np.nan)
    freedom = variance**2 / (parts[0] ** 2 / of_source + parts[1] ** 2 / of_both)
    bounds = np.append(1.0, stats.f.ppf([0.975, 0.025], of_source, of_both))
    same = (source - bounds * both) / (source + (others - 1) * bounds * both)
    return _interval(variance, freedom) | dict(zip(SAME, same.clip(0).tolist(), strict=True))


def _interval(variance: float, freedom: float) -> dict[str, float]:
    """A standard deviation with its 95 % chi-square interval."""
    low, high = np.sqrt(variance * freedom / stats.chi2.ppf([0.975, 0.025], freedom))
    return {"std": float(np.sqrt(variance)), "low": float(low), "high": float(high)}
