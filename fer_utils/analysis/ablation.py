"""What each part of the recipe is worth: with all parts against without one, paired by seed."""

from collections.abc import Mapping
from dataclasses import asdict, fields

import numpy as np
import pandas as pd

from fer_utils import io
from fer_utils.analysis.image_draws import DRAWS, ImageDraws
from fer_utils.errors import FerError
from fer_utils.evaluation.metrics import is_correct
from fer_utils.evaluation.statistics import Paired, holm, paired_seeds
from fer_utils.experiments.best_recipe import WITHOUT
from fer_utils.experiments.results import Results
from fer_utils.training.experiment import Experiment

FULL = "full recipe"
COLUMNS = [
    *("ingredient", "split", "images", "full", "without"),
    *(field.name for field in fields(Paired)),
    "p_holm",
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


def effects(study: Results, draws: int = DRAWS) -> pd.DataFrame:
    """What each part adds to the recipe's accuracy, one row per part and split.

    Parameters
    ----------
    draws
        Bootstrap draws of the test images.

    Returns
    -------
    DataFrame
        In the order of `best_recipe.WITHOUT`, in shares of 1; no row while no seed has both runs.

        - ingredient, split: the part left out; "val" or "test";
        - images: of an average seed;
        - full, without: accuracy, mean over the paired seeds;
        - the fields of `statistics.Paired`, of full − without: on test for other seeds and other
          images at once, copies of a photograph drawn together. Seeds validate on different images,
          so that what these do is part of what the seeds do. NaN for a single seed;
        - p_holm: p, corrected by Holm for the parts looked at on this split.
    """
    by_seed = study.runs[["run", "seed"]].assign(ingredient=study.runs["run"].map(named(study)))
    # a study may hold runs of other experiments, which `named` does not list
    by_seed = by_seed.dropna(subset="ingredient")
    # ids of runs are texts, and the default, a mean, has none
    runs = by_seed.pivot_table("run", "seed", "ingredient", aggfunc="first")
    images, rows = ImageDraws(study, draws), []
    for name in [name for name in WITHOUT if name in runs]:
        pairs = [
            (study.predictions(full), study.predictions(without))
            for full, without in runs[[FULL, name]].dropna().to_numpy()
        ]
        for split in ("val", "test") if pairs else ():  # both runs of no seed may be finished yet
            full, without = (
                np.stack([is_correct(predictions, split) for predictions in side])  # seeds×images
                for side in zip(*pairs, strict=True)
            )
            resampled = None
            if split == "test":  # all seeds are tested on the same images
                tested, gains = pairs[0][0]["test_rows"], full.astype(int) - without
                resampled = np.column_stack([images.means(tested, gain) for gain in gains])
            paired = paired_seeds(without.mean(axis=1), full.mean(axis=1), resampled=resampled)
            row = {"ingredient": name, "split": split, "images": full.shape[1]}
            rows.append(row | {"full": full.mean(), "without": without.mean()} | asdict(paired))
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["p_holm"] = table.groupby("split")["p"].transform(holm)
    return table
