"""What an ingredient is worth, in a study whose answers are made up."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from analysis.made_up import CLASSES, DIGEST, write_audit, write_predictions

from fer_utils import io
from fer_utils.analysis import ablation
from fer_utils.errors import FerError
from fer_utils.experiments import best_recipe
from fer_utils.experiments.results import Results

IMAGES = {"val": 200, "test": 1000}


def made_up(folder, seeds, worth, copies=(), **settings):
    """Study `ablation` of 700 right answers in 1,000.

    Leaving a part out costs worth[name] + seed of them on test, the first ones, and as large a
    share on validation. copies: groups of rows of one photograph.
    """
    near = [(row, group) for group, rows in enumerate(copies) for row in rows]
    write_audit(folder, near=pd.DataFrame(near, columns=["row", "group"]))
    names = [ablation.FULL, *best_recipe.WITHOUT]
    experiments = best_recipe.ablation("drawn", seeds, **settings)
    runs = []
    for experiment, name in zip(experiments, names * len(seeds), strict=True):
        run = folder / "runs" / experiment.id
        io.write_json(run / "config.json", {"experiment": dataclasses.asdict(experiment)})
        runs.append({"run": experiment.id, "seed": experiment.seed, "digest": DIGEST})
        lost = worth[name] + experiment.seed if name in worth else 0
        predictions = {"classes": CLASSES}
        for split, first_row in (("val", 0), ("test", 10_000)):
            share = IMAGES[split] / 1000
            right = np.arange(IMAGES[split]) < 700 * share
            right[: round(lost * share)] = False
            rows = np.arange(first_row, first_row + IMAGES[split], dtype=np.uint32)
            predictions[f"{split}_labels"] = np.ones(IMAGES[split], int)
            predictions[f"{split}_logits"] = np.stack([~right, right], 1).astype(np.float32)
            predictions[f"{split}_rows"] = rows
        write_predictions(folder, experiment.id, predictions)
    return Results(folder, pd.DataFrame(runs), pd.DataFrame(), pd.DataFrame())


def test_each_ingredient_has_its_worth(tmp_path):
    study = made_up(tmp_path, (0, 5, 10), {"flip": 10, "erasing": 0}, epochs=3)
    table = ablation.effects(study).set_index(["ingredient", "split"])
    assert list(table.index.unique("ingredient")) == list(best_recipe.WITHOUT)
    assert table.loc[("flip", "test"), "mean"] == pytest.approx(0.015)
    assert table.loc[("erasing", "val"), "mean"] == pytest.approx(0.005)
    assert table.loc[("averaged weights", "test"), "mean"] == 0 and (table["n"] == 3).all()
    row = table.loc[("flip", "test")]
    assert row["images"] == 1000
    assert row[["full", "without"]].tolist() == pytest.approx([0.7, 0.685])
    # seeds share their test images: of 1,000 the first 10 are lost by all three, 5 by two, 5 by one
    images = np.sqrt((10 * 9 + 5 * 4 + 5 * 1) / 9 / 1000 - 0.015**2) / 1000**0.5
    assert row["images_error"] == pytest.approx(images, rel=0.1)
    assert row["high"] - row["low"] > 2 * 1.96 * images  # and as many seeds would differ too
    # on validation every seed has its own: nothing but the seeds
    val = table.loc[("flip", "val")]
    assert val["low"] == pytest.approx(0.015 - 4.303 * 0.005 / 3**0.5, abs=1e-5)
    assert val["images_error"] == 0


def test_every_part_that_is_looked_at_makes_the_others_less_certain(tmp_path):
    seeds = (0, 1, 2, 3)
    table = ablation.effects(made_up(tmp_path, seeds, {"flip": 20}, epochs=3))
    flip = table.query("ingredient == 'flip' and split == 'test'").iloc[0]
    assert flip["p_holm"] == pytest.approx(flip["p"] * len(best_recipe.WITHOUT))


def test_one_seed_has_no_interval(tmp_path):
    table = ablation.effects(made_up(tmp_path, (4,), {"flip": 22}))
    assert (table["n"] == 1).all() and table[["low", "high", "p"]].isna().all(axis=None)
    flip = table.query("ingredient == 'flip' and split == 'test'")
    assert flip["mean"].item() == pytest.approx(0.026)


def test_copies_of_a_photograph_are_drawn_together(tmp_path):
    alone = ablation.effects(made_up(tmp_path / "alone", (0, 1), {"flip": 20}))
    photograph = range(10_000, 10_020)
    copied = ablation.effects(made_up(tmp_path / "copied", (0, 1), {"flip": 20}, [photograph]))
    flip = "ingredient == 'flip' and split == 'test'"
    wide, narrow = (table.query(flip)["images_error"].item() for table in (copied, alone))
    assert wide > 3 * narrow


def test_runs_that_are_not_finished_are_not_needed(tmp_path):
    study = made_up(tmp_path, (0, 1), {"flip": 10})
    flipless = [run for run, name in ablation.named(study).items() if name == "flip"]
    study = dataclasses.replace(study, runs=study.runs[~study.runs["run"].isin(flipless[1:])])
    table = ablation.effects(study).query("split == 'test'").set_index("ingredient")
    assert table.loc[["flip", "erasing"], "n"].tolist() == [1, 2]
    assert np.isnan(table.loc["flip", "low"])


def test_a_study_of_something_else_is_refused(tmp_path):
    study = made_up(tmp_path, (0,), {})
    names = ablation.named(study)
    two = [run for run, name in names.items() if name in ("flip", "erasing")]
    with pytest.raises(FerError, match="no run of this study leaves out one part"):
        ablation.named(dataclasses.replace(study, runs=study.runs[study.runs["run"].isin(two)]))


def test_before_any_pair_is_finished_the_page_is_empty_and_can_be_read_again(tmp_path):
    study = made_up(tmp_path, (0, 1), {})
    names, seeds = ablation.named(study), study.runs.set_index("run")["seed"]
    begun = [run for run, name in names.items() if name == ablation.FULL]
    unpaired = {(ablation.FULL, 0), ("flip", 1)}
    apart = [run for run, name in names.items() if (name, seeds[run]) in unpaired]
    for finished in (begun, apart):
        runs = study.runs[study.runs["run"].isin(finished)]
        page = ablation.effects(dataclasses.replace(study, runs=runs))
        page.to_csv(tmp_path / "page.csv", index=False)
        assert not len(page) and list(pd.read_csv(tmp_path / "page.csv")) == ablation.COLUMNS
