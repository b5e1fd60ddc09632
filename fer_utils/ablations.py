"""What each part of the recipe is worth: the full recipe against the recipe without it, paired by seed."""

from dataclasses import asdict

import pandas as pd

from fer_utils import files
from fer_utils.errors import FerError
from fer_utils.experiment import Experiment
from fer_utils.results import Results
from fer_utils.significance import holm, paired_seeds
from fer_utils.studies import WITHOUT

FULL = "full recipe"


def named(study: Results) -> pd.Series:
    """What each run of study `ablation` leaves out, by run: a name in WITHOUT, or FULL; others are not listed.

    The full recipe is the setting that most others of the study differ from by one entry of WITHOUT, so a study
    that was run with other epochs or another network is understood too. Raises FerError where there is none.
    """
    folders = [study.folder / "runs" / run for run in study.runs["run"]]
    settings = {
        f.name: Experiment(**files.read_json(f / "config.json")["experiment"]).replace(seed=0) for f in folders
    }
    made = set(settings.values())
    found = {full: {name: full.replace(**left_out) for name, left_out in WITHOUT.items()} for full in made}
    full = max(made, key=lambda one: len((made & set(found[one].values())) - {one}))
    names = {setting: name for name, setting in found[full].items() if setting != full}
    if not made & set(names):
        raise FerError("no run of this study leaves out one part of another run's recipe (studies.WITHOUT)")
    names[full] = FULL
    return pd.Series({run: names[setting] for run, setting in settings.items() if setting in names})


def effects(study: Results, metric: str = "accuracy") -> pd.DataFrame:
    """A row an ingredient and split (val or test), in the order of WITHOUT: what the ingredient adds to the recipe.

    Columns: ingredient, split, metric, full and without (means over the paired seeds, 0..1), significance.Paired of
    full − without (0..1; no interval for one seed), and p_holm, corrected over the ingredients of a split.
    """
    scores = study.metrics[(study.metrics["metric"] == metric) & (study.metrics["class"] == "")]
    scores = scores.assign(ingredient=scores["run"].map(named(study))).dropna(subset="ingredient")
    scores = scores.merge(study.runs[["run", "seed"]], on="run")
    tables = []
    for split, group in scores.groupby("split", sort=False):
        by_seed = group.pivot_table(index="seed", columns="ingredient", values="value")
        rows = []
        for name in [name for name in WITHOUT if name in by_seed]:
            pairs = by_seed[[FULL, name]].dropna()
            means = {"full": pairs[FULL].mean(), "without": pairs[name].mean()}
            about = {"ingredient": name, "split": split, "metric": metric}
            rows.append(about | means | asdict(paired_seeds(pairs[name], pairs[FULL])))
        table = pd.DataFrame(rows)
        tables.append(table.assign(p_holm=holm(table["p_signflip"])))
    return pd.concat(tables, ignore_index=True)
