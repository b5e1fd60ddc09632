"""What each part of the recipe is worth: with all parts against without one, paired by seed."""

from collections.abc import Mapping
from dataclasses import asdict, fields

import numpy as np
import pandas as pd

from fer_utils import io
from fer_utils.analysis.loss_comparison import mean_interval
from fer_utils.errors import FerError
from fer_utils.evaluation.metrics import is_correct
from fer_utils.evaluation.statistics import Paired, paired_seeds
from fer_utils.experiments.best_recipe import WITHOUT
from fer_utils.experiments.results import Results
from fer_utils.training.experiment import Experiment

FULL = "full recipe"
COLUMNS = [
    *("ingredient", "split", "images", "full", "without"),
    *(field.name for field in fields(Paired)),
    *("images_low", "images_high"),
]


def named(study: Results) -> pd.Series:
    """What each run of study `ablation` leaves out.

    The full recipe is the setting that most others of the study differ from by one entry of
    `best_recipe.WITHOUT`, so a study of other epochs or of another network is understood too.

    Returns
    -------
    Series
        A name in `best_recipe.WITHOUT`, or FULL, by run; runs that are neither are not listed.

    Raises
    ------
    FerError
        If no run differs from another by one part of the recipe.
    """
    settings = {run: _setting(study, run) for run in study.runs["run"]}
    there = set(settings.values())
    variants = {one: _without_one_part(one) for one in there}
    full = max(there, key=lambda one: len(there & variants[one].keys() - {one}))
    names = {variant: name for variant, name in variants[full].items() if variant != full}
    # a single setting may be the full recipe whose variants are still computing
    if len(there) > 1 and not there & names.keys():
        raise FerError(
            "no run of this study leaves out one part of another run's recipe (best_recipe.WITHOUT)"
        )
    names[full] = FULL
    return pd.Series({run: names[one] for run, one in settings.items() if one in names})


def _setting(study: Results, run: str) -> Experiment:
    """The experiment of a run, whatever its seed."""
    config = io.read_json(study.folder / "runs" / run / "config.json")
    return Experiment(**config["experiment"]).replace(seed=0)


def _without_one_part(full: Experiment) -> Mapping[Experiment, str]:
    """Names in WITHOUT by the experiment that is `full` without this part."""
    return {full.replace(**left_out): name for name, left_out in WITHOUT.items()}


def effects(study: Results, resamples: int = 2000) -> pd.DataFrame:
    """What each part adds to the recipe's accuracy, one row per part and split.

    Parameters
    ----------
    resamples
        Draws of images for the intervals over images.

    Returns
    -------
    DataFrame
        In the order of `best_recipe.WITHOUT`, in shares of 1; no row while no seed has both runs.

        - ingredient, split: the part left out; "val" or "test";
        - images: of an average seed;
        - full, without: accuracy, mean over the paired seeds;
        - n, mean, low, high, p_signflip, p_wilcoxon, wins: `statistics.Paired` of full − without
          over the seeds (no interval for one);
        - images_low, images_high: 95 % interval of the mean over other images, copies of a
          photograph drawn together.
    """
    by_seed = study.runs[["run", "seed"]].assign(ingredient=study.runs["run"].map(named(study)))
    # a study may hold runs of other experiments, which `named` does not list
    by_seed = by_seed.dropna(subset="ingredient")
    # ids of runs are texts, and the default, a mean, has none
    runs = by_seed.pivot_table("run", "seed", "ingredient", aggfunc="first")
    rows = []
    for name in [name for name in WITHOUT if name in runs]:
        pairs = [
            (study.predictions(full), study.predictions(without))
            for full, without in runs[[FULL, name]].dropna().to_numpy()
        ]
        for split in ("val", "test") if pairs else ():  # both runs of no seed may be finished yet
            full = [is_correct(of_full, split) for of_full, _ in pairs]
            without = [is_correct(of_without, split) for _, of_without in pairs]
            paired = paired_seeds([hits.mean() for hits in without], [hits.mean() for hits in full])
            # seeds may validate on different images: each image counts once per seed that has it
            gains = np.concatenate(full).astype(np.float32) - np.concatenate(without)
            images = np.concatenate([of_full[f"{split}_rows"] for of_full, _ in pairs])
            low, high = mean_interval(study, images, gains, resamples)
            row = {"ingredient": name, "split": split, "images": len(gains) // len(pairs)}
            row |= {"full": np.concatenate(full).mean(), "without": np.concatenate(without).mean()}
            rows.append(row | asdict(paired) | {"images_low": low, "images_high": high})
    return pd.DataFrame(rows, columns=COLUMNS)
