"""What an ingredient is worth, in a study whose scores are made up."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from fer_utils import ablations, files, studies
from fer_utils.errors import FerError
from fer_utils.results import Results


def made_up(folder, seeds, worth, **settings):
    """Study `ablation` where leaving one out costs worth[name] points on test and half on validation."""
    names = [ablations.FULL, *studies.WITHOUT]
    experiments = studies.ablation("drawn", seeds, **settings)
    runs, metrics = [], []
    for experiment, name in zip(experiments, names * len(seeds), strict=True):
        config = {"experiment": dataclasses.asdict(experiment)}
        files.write_json(folder / "runs" / experiment.id / "config.json", config)
        runs.append({"run": experiment.id, "seed": experiment.seed})
        for split, share in (("val", 0.5), ("test", 1.0)):
            value = 0.7 + experiment.seed / 100 - share * worth.get(name, 0) * (0.9 + 0.1 * experiment.seed) / 100
            metrics.append(
                {"run": experiment.id, "split": split, "metric": "accuracy", "class": "", "value": value}
            )
    return Results(folder, pd.DataFrame(runs), pd.DataFrame(metrics), pd.DataFrame())


def test_each_ingredient_has_its_worth(tmp_path):
    study = made_up(tmp_path, (0, 1, 2), {"flip": 1.0, "erasing": -0.5}, epochs=3)
    table = ablations.effects(study).set_index(["ingredient", "split"])
    assert list(table.index.unique("ingredient")) == list(studies.WITHOUT)
    assert table.loc[("flip", "test"), "mean"] == pytest.approx(0.01)
    assert table.loc[("flip", "val"), "mean"] == pytest.approx(0.005)
    assert table.loc[("erasing", "test"), "mean"] == pytest.approx(-0.005)
    assert table.loc[("AdamW", "test"), "mean"] == 0 and (table["n"] == 3).all()
    row = table.loc[("flip", "test")]
    assert row["low"] <= row["mean"] <= row["high"] and row["full"] - row["without"] == pytest.approx(0.01)


def test_one_seed_has_no_interval(tmp_path):
    table = ablations.effects(made_up(tmp_path, (4,), {"flip": 2.0}))
    assert (table["n"] == 1).all() and table[["low", "high"]].isna().all(axis=None)
    flip = table.query("ingredient == 'flip' and split == 'test'")
    assert flip["mean"].item() == pytest.approx(0.026)


def test_runs_that_are_not_finished_are_not_needed(tmp_path):
    study = made_up(tmp_path, (0, 1), {"flip": 1.0})
    flipless = [run for run, name in ablations.named(study).items() if name == "flip"]
    kept = study.runs[~study.runs["run"].isin(flipless[1:])]
    study = dataclasses.replace(study, runs=kept, metrics=study.metrics[study.metrics["run"].isin(kept["run"])])
    table = ablations.effects(study).query("split == 'test'").set_index("ingredient")
    assert table.loc["flip", "n"] == 1 and table.loc["erasing", "n"] == 2 and np.isnan(table.loc["flip", "low"])


def test_a_study_of_something_else_is_refused(tmp_path):
    study = made_up(tmp_path, (0,), {})
    alone = dataclasses.replace(study, runs=study.runs[:1])
    with pytest.raises(FerError, match="no run of this study leaves out one part"):
        ablations.named(alone)
