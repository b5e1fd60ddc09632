"""The best network's pages, from finished runs of study `best`.

results/<dataset>/best/ holds the exported weights, model.safetensors, and a CSV for each question;
notebook 7 and the report read them. Beside it stands the model card.
"""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from fer_utils import devices, io, paths
from fer_utils.analysis import (
    ablation,
    costs,
    ensembles,
    evidence_files,
    label_evidence,
    leakage,
    loss_comparison,
    restricted,
    rivals,
    robustness,
)
from fer_utils.analysis.image_draws import ImageDraws
from fer_utils.analysis.restricted import PARTS
from fer_utils.data import audit
from fer_utils.data.tasks import get_task
from fer_utils.errors import FerError
from fer_utils.evaluation.calibration import calibration
from fer_utils.experiments.finished_run import has_checkpoint, load_finished_run
from fer_utils.experiments.results import Results, open_results, over_seeds
from fer_utils.inference import torch_predictor
from fer_utils.inference.export import bring_up_to_date
from fer_utils.inference.export import export as export_network
from fer_utils.reporting import label_numbers, model_card

Frames = dict[str, pd.DataFrame]
MEASURED = ("parts", "robustness")  # of the exported file itself
PAGES = (
    *(*MEASURED, "scores", "ensembles", "restricted", "rival", "rival_as_used", "rival_origin"),
    *("ablation", "networks", "curves"),
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
    folder = everything.folder / "best"
    export = folder / "model.safetensors"
    run = everything.folder / "runs" / choose(study, task)
    before = {name: page for name, page in read(dataset, results).items() if name in MEASURED}
    complete = len(before) == len(MEASURED) and export.exists()
    # pages of one network must not stay beside the weights of another
    known = complete and torch_predictor.read_about(export)["run"] == run.name
    if known and not has_checkpoint(run):
        stays = "its export stays, with parts.csv and robustness.csv"
        print(f"{run.name}: its checkpoint is not here; {stays}")
        bring_up_to_date(export, run)
        measured = before
    else:
        measured = _export(everything, run, export, device)
    frames = compare(everything, study) | measured
    if everything.has_study("start"):
        frames |= _starts(everything, device)
    for name, frame in frames.items():
        # one by one, not the folder as a whole: the weights and rival.npz stand in it too
        with io.atomic_file(folder / f"{name}.csv") as part:
            part.write_text(evidence_files.as_csv(frame), encoding="utf-8")
    evidence_files.write_index(folder, evidence_files.bases(everything, frames))
    about = torch_predictor.read_about(export) | {"bytes": export.stat().st_size}
    chosen = study.runs.set_index("run").loc[run.name]
    about |= {"trained": f"{chosen['device']}, {chosen['precision']}"}
    about |= chosen[["train_images", "epochs"]].to_dict() | calibration(study.predictions(run.name))
    ceiling = label_numbers.ceiling(label_evidence.read(everything))
    card = model_card.write(about, frames, study.confusion(run.name), ceiling)
    with io.atomic_file(everything.folder / "MODEL_CARD.md") as part:
        part.write_text(card, encoding="utf-8")
    return folder


def _export(everything: Results, run: Path, export: Path, device: str) -> Frames:
    """Writes a run's network to `export` and measures that file.

    On parts of the images, and on worse ones.
    """
    trained = load_finished_run(run, device)
    faces = trained.faces()
    copies = {
        kind: audit.read(everything.folder / "audit", kind, {faces.digest})
        for kind in ("identical", "near")
    }
    # first of all: if what follows breaks off, a new network must not have an old one's numbers
    for name in MEASURED:  # of the network that was here before
        (export.parent / f"{name}.csv").unlink(missing_ok=True)
    # from here on the file's network, not the run's: halved weights may answer otherwise
    network = export_network(run, export, faces, device).network
    trained = replace(trained, network=network.to(trained.device))
    answers = {
        f"{part}_logits": trained.logits(faces.images[trained.predictions[f"{part}_rows"]])
        for part in PARTS
    }
    trained = replace(trained, predictions=trained.predictions | answers)
    groups = leakage.photographs(everything, faces.index.index.to_numpy())
    return {
        "parts": robustness.parts(trained, faces, copies, groups),
        "robustness": robustness.under_corruption(
            trained, faces, groups[trained.predictions["test_rows"]]
        ),
    }


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
