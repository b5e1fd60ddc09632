"""The best network's pages, from finished runs of study `best`.

results/<dataset>/best/ holds the exported weights, model.safetensors, their logits, and a CSV for
each question; notebook 7 and the report read them. Beside it stands the model card.
"""

from pathlib import Path

import pandas as pd

from fer_utils import devices, io, paths
from fer_utils.analysis import (
    ablation,
    costs,
    ensembles,
    evidence_files,
    label_evidence,
    loss_comparison,
    restricted,
    rivals,
)
from fer_utils.analysis.image_draws import ImageDraws
from fer_utils.data import audit
from fer_utils.data.tasks import get_task
from fer_utils.errors import FerError
from fer_utils.evaluation import metrics
from fer_utils.evaluation.calibration import calibration
from fer_utils.experiments.finished_run import has_checkpoint
from fer_utils.experiments.results import Results, open_results, over_seeds
from fer_utils.reporting import best_export, card_plots, model_card
from fer_utils.reporting.best_export import ExportedFile
from fer_utils.reporting.card_evidence import Evidence

Frames = dict[str, pd.DataFrame]
PAGES = (
    *best_export.MEASURED,
    *("scores", "ensembles", "restricted", "rival", "rival_as_used", "rival_origin"),
    *("ablation", "networks", "curves"),
    *best_export.OF_LOGITS,
)
HEADLINE = ("accuracy", "macro_f1", "recall")


def make(
    dataset: str, task: str = "seven", device: str = "cpu", results: Path = paths.RESULTS
) -> Path:
    """Writes results/<dataset>/best/ and MODEL_CARD.md; returns the folder.

    The run of `task` that is best on validation is exported. Where its checkpoint is gone (git
    keeps none) but its export is there, that one stays, with what was measured of it.

    Parameters
    ----------
    device
        cpu, cuda, mps or auto, as for a run.

    Raises
    ------
    FerError
        Where runs, their checkpoints, the data or the audit are missing, or do not belong together.
    """
    everything = open_results(dataset, results)
    study = everything.study("best")
    # open_results falls back on the committed study, which a command of one's own must not change
    if everything.folder.parent != results:
        elsewhere = f"those in {everything.folder} are read, and not written to"
        raise FerError(f"{results} has no runs of {dataset}; {elsewhere}")
    # auto gets its name here: `_starts` compares it with the one that networks.csv was made on
    device = devices.choose(device, "fp32").device.type
    if not (everything.folder / "audit" / "near.csv").exists():
        raise FerError(
            f"the audit of {dataset} is missing: python -m fer_utils audit --dataset {dataset}"
        )
    copies = {
        kind: audit.read(everything.folder / "audit", kind, set(study.runs["digest"]))
        for kind in ("identical", "near", "blank")
    }
    folder = everything.folder / "best"
    run = everything.folder / "runs" / choose(study, task)
    if has_checkpoint(run) or not best_export.is_of(folder, run.name):
        best_export.export(run, folder, device)
    else:
        print(f"{run.name}: its checkpoint is not here; its export stays")
    file, measured = best_export.measure(everything, run, device, copies)
    frames = compare(everything, study) | measured | best_export.of_logits(everything, file)
    if everything.has_study("start"):
        frames |= _starts(everything, device)
    for name, frame in frames.items():
        # one by one, not the folder as a whole: the weights and rival.npz stand in it too
        with io.atomic_file(folder / f"{name}.csv") as part:
            part.write_text(evidence_files.as_csv(frame), encoding="utf-8")
    evidence_files.write_index(folder, evidence_files.bases(everything, frames))
    _write_card(everything, study, file, frames)
    return folder


def _write_card(everything: Results, study: Results, file: ExportedFile, frames: Frames) -> None:
    """MODEL_CARD.md, and its pictures in best/."""
    predictions, folder = file.predictions, everything.folder
    labels, logits = predictions["test_labels"], predictions["test_logits"]
    evidence = Evidence(
        file,
        study.runs.set_index("run").loc[file.predictor.about["run"]].to_dict(),
        # as it will be read: the card must not depend on digits that no file keeps
        {name: evidence_files.as_read(frame) for name, frame in frames.items()},
        pd.read_csv(folder / "audit" / "counts.csv", index_col="label", keep_default_na=False),
        metrics.confusion(labels, logits, file.classes),
        calibration(predictions),
        label_evidence.read(everything).get("agreement"),
    )
    for name, figure in model_card.pictures(evidence).items():
        card_plots.save(figure, folder / "best", name)
    with io.atomic_file(folder / "MODEL_CARD.md") as part:
        part.write_text(model_card.write(evidence), encoding="utf-8")


def _starts(everything: Results, device: str) -> Frames:
    """Pages on study start: measured before, of the same runs on such a device, or measured now."""
    folder, pages = everything.folder / "best", ("networks", "curves")
    before, now = evidence_files.recorded(folder), evidence_files.bases(everything, pages)
    if all((folder / f"{page}.csv").exists() and before.get(page) == now[page] for page in pages):
        frames = {page: evidence_files.read_csv(folder / f"{page}.csv") for page in pages}
        # a speed is one of a machine: pages from another device say nothing of this one
        if frames["networks"]["device"].str.startswith(device).all():
            print(f"{folder / 'networks.csv'} stays as it was measured; delete it to measure anew")
            return frames
    study = everything.study("start")
    networks = costs.networks(study, device)
    return {"networks": networks, "curves": costs.curves(study, networks)}


def choose(study: Results, task: str) -> str:
    """The id of the task's run of the highest validation accuracy; of equals, the first seed."""
    scores = study.scores("val").query("metric == 'accuracy'").sort_values("seed")
    # in the order of seeds, since idxmax takes the first of equals
    values = scores[scores["task"] == task].set_index("run")["value"]
    if values.empty:
        finished = ", ".join(sorted(set(scores["task"])))
        raise FerError(f"study best has no finished run of task {task!r}; it has: {finished}")
    return values.idxmax()


def compare(results: Results, study: Results) -> Frames:
    """What needs no checkpoint: scores, ensembles, restricted.

    Ablation too where that study has been run, and pages on the rival where its answers are there:
    those of benchmarks/rival.py, and beside them those of benchmarks/rival_as_used.py.
    """
    frames = {
        "scores": scores(study),
        "ensembles": ensembles.compare(study),
        "restricted": restricted.beside(study),
    }
    if results.has_study("ablation"):
        frames["ablation"] = ablation.effects(results.study("ablation"))
    alone, as_used = (results.folder / "best" / f"rival{name}.npz" for name in ("", "_as_used"))
    if alone.exists():
        frames["rival"] = rivals.beside(study, rival := rivals.read(alone))
        if as_used.exists():
            used = rivals.read(as_used)
            frames["rival_as_used"] = rivals.as_used(study, rival, used)
            frames["rival_origin"] = rivals.origin(used)
    return frames


def scores(study: Results) -> pd.DataFrame:
    """Test scores of each task, shares of 1; tasks of few classes come first.

    Returns
    -------
    DataFrame
        - task, metric, class: class is empty for what is no class's score;
        - mean, std, least, most, seeds: over runs;
        - low, high: the 95 % interval of the mean, for other seeds and other test images;
        - images: how many there are.
    """
    headline = study.scores("test")
    headline = headline[headline["metric"].isin(HEADLINE)]
    by = ["task", "metric", "class"]
    seeds = over_seeds(headline, by).rename(columns={"low": "least", "high": "most"})
    images = headline.groupby("task")["test_images"].first().rename("images").reset_index()
    means = loss_comparison.mean_scores(study, ImageDraws(study), by=["task"])
    table = seeds.merge(means[[*by, "low", "high"]], on=by).merge(images, on="task")
    classes = {task: len(get_task(task).classes) for task in table["task"]}
    return table.sort_values(
        "task", key=lambda tasks: tasks.map(classes), kind="stable", ignore_index=True
    )


def read(dataset: str, results: Path = paths.RESULTS) -> Frames:
    """The PAGES in results/<dataset>/best by name; none where they have not been made yet."""
    folder = results / dataset / "best"
    # for the default folder alone: with a set named by --results, its own pages or none
    if results == paths.RESULTS and not folder.exists():
        folder = paths.REFERENCE / dataset / "best"
    there = [name for name in PAGES if (folder / f"{name}.csv").exists()]
    return {name: evidence_files.read_csv(folder / f"{name}.csv") for name in there}
