"""Every number of the report's text, as it is printed, and as LaTeX macros.

The text writes \\fer{key} for a number; a key that is not defined here stops the build.
"""

import re

import pandas as pd
import yaml

from fer_utils import paths
from fer_utils.analysis import claim_list, label_evidence, reproduction
from fer_utils.analysis.claim_list import ALIKE
from fer_utils.analysis.claims import VERDICTS
from fer_utils.analysis.rivals import ALL
from fer_utils.data import audit
from fer_utils.data.tasks import get_task
from fer_utils.evaluation.statistics import MARGIN, t_half_width
from fer_utils.experiments.best_recipe import FROM_IMAGENET
from fer_utils.experiments.results import Results, overfit_epoch
from fer_utils.reporting import (
    best_network,
    label_numbers,
    loss_numbers,
    reading_numbers,
    report_b_numbers,
    transfer_numbers,
)
from fer_utils.reporting.latex import (
    escape,
    joined,
    percent,
    seed_list,
    signed,
)

# blanks, dots and colons may stay; beyond ASCII every byte is active to pdfLaTeX
UNNAMEABLE = re.compile(r"[\\{}%#~^$&]|[^ -~]")
Frames = dict[str, pd.DataFrame]


def numbers(results: Results, study: Results, frames: Frames) -> dict[str, str]:
    """Keys and printed values of the whole text.

    Parameters
    ----------
    study
        report_a of these results.
    frames
        contents.gather of the same results.

    Raises
    ------
    FerError
        If the audit is not of the data of the runs.
    """
    values = _about() | _protocol(study) | _training(study) | _leaks(frames["leaks"])
    values |= _scores(study, reproduction.of_cnn(frames["reproduction"]))
    values |= _claims(frames) | _suspects(frames["suspects"], frames["out_of_sample"])
    values |= loss_numbers.numbers(results, frames) | transfer_numbers.numbers(results, frames)
    values |= report_b_numbers.numbers(results, frames)
    values |= reading_numbers.numbers(results, frames)
    values |= label_numbers.numbers(label_evidence.read(results))
    if results.has_study("best"):
        values |= _best(results)
    facts = audit.read(results.folder / "audit", "summary", set(study.runs["digest"]))
    return values | {f"audit.{what}": f"{n:,}" for what, n in facts.itertuples(index=False)}


def _protocol(study: Results) -> dict[str, str]:
    """Settings, seeds, machine, image counts."""
    runs, first, name = study.runs, study.runs.iloc[0], study.folder.name
    texts = {
        key: joined(runs[key])
        for key in ("device", "precision", "threads", "torch", "commit", "optimiser")
    }
    for key in (
        "epochs",
        "batch_size",
        "learning_rate",
        "weight_decay",
        "gamma",
        "cap",
        "parameters",
    ):
        # a whole number is a float where another run of the results has none, such as no cap
        texts[key.replace("_", ".")] = f"{first[key]:,.10g}"
    for task, group in runs.groupby("task"):
        texts |= {
            f"{task}.{part}": f"{group[f'{part}_images'].iloc[0]:,}"
            for part in ("train", "val", "test")
        }
    return texts | {
        "dataset": name,
        # a bare digit: main.tex compares it by \ifnum, which takes no word
        "is.fer2013": str(int(name.startswith("fer2013"))),
        "is.sample": str(int(name == "sample")),
        "seeds": str(runs["seed"].nunique()),
        "seeds.list": seed_list(runs["seed"]),
        "runs": str(len(runs)),
        "minutes": f"{runs['total_seconds'].sum() / 60:.0f}",
    }


def _training(study: Results) -> dict[str, str]:
    """Where the curves part, and how far the best epoch lies above the last, in points."""
    texts: dict[str, str] = {}
    for (task, loss), runs in study.runs.groupby(["task", "loss"]):
        history = study.history[study.history["run"].isin(runs["run"])]
        parted = overfit_epoch(history)
        # words, since the sentence has to read on where the curves never part
        texts[f"{task}.{loss}.parting"] = "no epoch" if parted is None else f"epoch {parted}"
        by_run = history.groupby("run")["val_accuracy"]
        texts[f"{task}.{loss}.best.above.last"] = percent((by_run.max() - by_run.last()).mean())
    return texts


def _scores(study: Results, comparison: pd.DataFrame) -> dict[str, str]:
    """Reported and reproduced scores, their spread over seeds, and what stands out."""
    far = reproduction.far(comparison)
    texts = {
        "far": f"{reproduction.FAR:g}",
        "far.cells": str(len(far)),
        "far.outside": str((~far["within"]).sum()),
        "all.cells": str(len(comparison)),
    }
    # how far the mean accuracies lie below the reported ones
    level = -comparison.loc[comparison["metric"] == "accuracy", "points"]
    texts |= {"level.least": f"{level.min():.1f}", "level.most": f"{level.max():.1f}"}
    for key, cell in comparison.set_index(["task", "loss", "metric", "class"]).iterrows():
        # an average has no class, and its key no dot at the end
        name = ".".join(filter(None, key))
        texts |= {
            f"{name}.{part}": percent(cell[part]) for part in ("reported", "std", "low", "high")
        }
        texts |= {name: percent(cell["mean"]), f"{name}.range": percent(cell["high"] - cell["low"])}
    for task, cells in comparison.groupby("task"):
        # over both losses: the text asks which class is hard, whatever the loss
        means = cells[cells["class"] != ""].groupby(["metric", "class"])["mean"].mean()
        texts |= {f"{task}.easiest": means["f1"].idxmax(), f"{task}.hardest": means["f1"].idxmin()}
        texts[f"{task}.missed"] = means["recall"].idxmin()
    return texts


def _leaks(leaks: pd.DataFrame) -> dict[str, str]:
    """Accuracy on parts of the test split; what copies in training add to the whole, in points."""
    texts: dict[str, str] = {}
    for (task, loss), mean in leaks.groupby(["task", "loss"]).mean().iterrows():
        texts |= {
            f"{task}.{loss}.leaks.{part}": percent(mean[part])
            for part in ("identical", "spared", "near", "clean")
        }
        texts |= {f"{task}.{loss}.leaks.gain": percent(mean["all"] - mean["clean"])}
    # memory: how much better a network is on images whose copies it trained on than on those
    # whose copies it had in validation alone; easier: how much better on these than without copies
    in_training = leaks["identical_images"] - leaks["spared_images"]
    right = (
        leaks["identical"] * leaks["identical_images"] - leaks["spared"] * leaks["spared_images"]
    )
    parts = {"memory": right / in_training - leaks["spared"]}
    parts |= {"easier": leaks["spared"] - leaks["clean"]}
    for part, differences in parts.items():
        for (task, loss), of_seeds in differences.groupby([leaks["task"], leaks["loss"]]):
            mean, half = of_seeds.mean(), t_half_width(of_seeds.dropna())
            ends = {"": mean, ".low": mean - half, ".high": mean + half}
            key = f"{task}.{loss}.leaks.{part}"
            texts |= {f"{key}{end}": signed(value * 100) for end, value in ends.items()}
    return texts


def _about() -> dict[str, str]:
    """Authors, version and date of CITATION.cff, for the title page."""
    cited = yaml.safe_load((paths.CHECKOUT / "CITATION.cff").read_text(encoding="utf-8"))
    authors = [author.get("name") or author["family-names"] for author in cited["authors"]]
    date = f"{cited['date-released']:%-d %B %Y}"
    return {"authors": ", ".join(authors), "version": cited["version"], "date": date}


def _claims(frames: dict[str, pd.DataFrame]) -> dict[str, str]:
    """How many claims got which verdict, numbers the reports print, and identities that hold."""
    # not run, for whatever reason
    counts = frames["claims"]["verdict"].str.partition(":")[0].value_counts()
    texts = {
        f"claims.{name}": str(counts.get(name, 0))
        for name in (*VERDICTS, "inconclusive", "not run")
    }
    claims = frames["claims"].set_index(["network", "claim"])
    for key, claim in (("focal", claim_list.FOCAL_BETTER), ("balance", claim_list.FOCAL_BALANCES)):
        row = claims.loc[("CNN", claim.text)]
        ends = {"": row["mean"], ".low": row["low"], ".high": row["high"]}
        texts |= {f"claim.{key}{end}": signed(value * 100) for end, value in ends.items()}
        texts |= {
            f"claim.{key}.reported": signed(row["reported"] * 100),
            f"claim.{key}.detectable": percent(row["detectable"]),
            f"claim.{key}.verdict": row["verdict"],
        }
    checked = frames["identities"]
    tested = int((frames["claims"]["n"] > 1).sum())
    texts |= {"claims": str(len(frames["claims"])), "claims.run": str(tested)}
    texts |= {
        "identities": str(checked["figures"].sum()),
        "identities.fail": str((~checked["holds"]).sum()),
    }
    coverage, trained = frames["coverage"], frames["training_coverage"]
    return texts | {
        "figures.printed": str(coverage["figures"].sum()),
        "figures.reproduced": str(coverage["reproduced"].sum()),
        "training.printed": str(trained["figures"].sum()),
        "training.reproduced": str(trained["reproduced"].sum()),
        # of one run nothing lies within an interval or outside of it
        "training.repeated": str(trained.loc[trained["within"].notna(), "reproduced"].sum()),
        "training.within": str(trained["within"].sum()),
        "margin": f"{MARGIN * 100:g}",
    }


def _suspects(found: pd.DataFrame, judged: pd.DataFrame) -> dict[str, str]:
    """How many labels are doubtful, of how many images that some run had not in training."""
    images = judged["images"].sum()
    among = found["label"].isin(ALIKE) & found["suggested"].isin(ALIKE)
    return {
        "suspects": f"{len(found):,}",
        "suspects.images": f"{images:,}",
        "suspects.share": percent(len(found) / images),
        "suspects.alike": percent(among.mean()),
    }


def _best(results: Results) -> dict[str, str]:
    """Settings of the recipe, of its ablation, and of the networks of study start."""
    runs = results.study("best").runs
    first = runs.iloc[0]
    texts = {
        f"best.{key}": joined(runs[key]) for key in ("epochs", "optimiser", "device", "precision")
    }
    texts |= {
        "best.parameters": f"{first['parameters'] / 1e6:.1f}",
        "best.validation": f"{first['validation'] * 100:.0f}",
    }
    ablated = results.study("ablation" if results.has_study("ablation") else "best").runs.iloc[0]
    texts |= {
        "ablation.images": f"{ablated['train_images']:,}",
        "ablation.epochs": str(ablated["epochs"]),
    }
    texts |= {"ablation.precision": ablated["precision"]}
    texts |= {
        "ablation.val.images": f"{ablated['val_images']:,}",
        "start.size": str(FROM_IMAGENET["image_size"]),
    }
    pages = best_network.read(results.folder.name, results.folder.parent)
    if "scores" in pages:
        most = max(pages["scores"]["task"], key=lambda task: len(get_task(task).classes))
        texts["best.classes"] = str(len(get_task(most).classes))
        for row in pages["scores"].query("metric == 'accuracy'").itertuples():
            about = {"accuracy": percent(row.mean), "seeds": str(row.seeds)}
            texts |= {f"best.{row.task}.{name}": text for name, text in about.items()}
    if "networks" in pages:
        texts |= {f"start.{key}": joined(pages["networks"][key]) for key in ("device", "threads")}
    if "rival" in pages:
        for row in pages["rival"].query("task == 'seven'").itertuples():
            key = "rival.seven." + ("gain" if row.part == ALL else "fresh")
            texts[key] = signed(row.gain * 100)
    return texts | (_rival(pages["rival_origin"]) if "rival_origin" in pages else {})


def _rival(origin: pd.DataFrame) -> dict[str, str]:
    """What the rival's checkpoint tells of its training, `rivals.origin`."""
    facts = origin.set_index("fact")["value"]
    whole = ("test_images", "test_right", "logged_right", "training_images", "steps", "batches")
    texts = {f"rival.{fact.replace('_', '.')}": f"{int(facts[fact]):,}" for fact in whole}
    right = int(facts["training_right"]) / int(facts["training_images"])
    alike = int(facts["quantised_agrees"]) / int(facts["test_images"])
    texts |= {"rival.training.share": percent(right), "rival.quantised.share": percent(alike)}
    return texts | {f"rival.{fact}": facts[fact] for fact in ("epochs", "keras")}


def as_latex(values: dict[str, str]) -> str:
    """numbers.tex: a definition of fer@<key> for every value.

    In a key, "-" stands for the characters of a class's name that \\csname would not take.
    """
    lines = [
        rf"\expandafter\def\csname fer@{UNNAMEABLE.sub('-', key)}\endcsname{{{escape(text)}}}"
        for key, text in values.items()
    ]
    return "\n".join(lines) + "\n"
