"""What each part of the recipe is worth: the full recipe against the recipe without it, paired by seed."""

from dataclasses import asdict, fields

import numpy as np
import pandas as pd

from fer_utils import io
from fer_utils.analysis.loss_comparison import mean_interval
from fer_utils.errors import FerError
from fer_utils.evaluation.metrics import is_correct
from fer_utils.evaluation.statistics import Paired, paired_seeds
from fer_utils.experiments.recipes import WITHOUT
from fer_utils.experiments.results import Results
from fer_utils.training.experiment import Experiment

FULL = "full recipe"
COLUMNS = [
    "ingredient",
    "split",
    "images",
    "full",
    "without",
    *(field.name for field in fields(Paired)),
]
COLUMNS += ["images_low", "images_high"]


def named(study: Results) -> pd.Series:
    """What each run of study `ablation` leaves out, by run: a name in WITHOUT, or FULL; others are not listed.

    The full recipe is the setting that most others of the study differ from by one entry of WITHOUT, so a study
    that was run with other epochs or another network is understood too. Raises FerError where there is none.
    """
    folders = [study.folder / "runs" / run for run in study.runs["run"]]
    settings = {
        f.name: Experiment(**io.read_json(f / "config.json")["experiment"]).replace(seed=0)
        for f in folders
    }
    made = set(settings.values())
    found = {
        full: {name: full.replace(**left_out) for name, left_out in WITHOUT.items()}
        for full in made
    }
    full = max(made, key=lambda one: len((made & set(found[one].values())) - {one}))
    names = {setting: name for name, setting in found[full].items() if setting != full}
    if len(made) > 1 and not made & set(
        names
    ):  # of one setting alone the rest may still be computing
        raise FerError(
            "no run of this study leaves out one part of another run's recipe (recipes.WITHOUT)"
        )
    names[full] = FULL
    return pd.Series({run: names[setting] for run, setting in settings.items() if setting in names})


def effects(study: Results, resamples: int = 2000) -> pd.DataFrame:
    """A row an ingredient and split (val or test), in the order of WITHOUT: what it adds to the recipe's accuracy.

    Columns: ingredient, split, images (an average seed's), full and without (means over the paired seeds, 0..1);
    statistics.Paired of full − without over the seeds (no interval for one); images_low and images_high, the
    95 % interval of the mean over other images, copies of a photograph drawn together. All in shares of 1. No row
    while no seed has both.
    """
    by_seed = study.runs[["run", "seed"]].assign(ingredient=study.runs["run"].map(named(study)))
    runs = by_seed.dropna(subset="ingredient").pivot_table(
        "run", "seed", "ingredient", aggfunc="first"
    )
    rows = []
    for name in [name for name in WITHOUT if name in runs]:
        pairs = [
            tuple(map(study.predictions, pair)) for pair in runs[[FULL, name]].dropna().to_numpy()
        ]
        for split in ("val", "test") if pairs else ():
            full, without = ([is_correct(pair[side], split) for pair in pairs] for side in (0, 1))
            over_seeds = paired_seeds(
                [hits.mean() for hits in without], [hits.mean() for hits in full]
            )
            gains = np.concatenate(full).astype(np.float32) - np.concatenate(without)
            images = np.concatenate([pair[0][f"{split}_rows"] for pair in pairs])
            low, high = mean_interval(study, images, gains, resamples)
            about = {"ingredient": name, "split": split, "images": len(gains) // len(pairs)}
            means = {"full": np.concatenate(full).mean(), "without": np.concatenate(without).mean()}
            rows.append(
                about | means | asdict(over_seeds) | {"images_low": low, "images_high": high}
            )
    return pd.DataFrame(rows, columns=COLUMNS)
