"""What the report contains: frames, tables and figures, by the names that the text includes."""

import matplotlib.pyplot as plt
import pandas as pd

from fer_utils.analysis import (
    calibration_comparison,
    chance,
    claims,
    identities,
    label_errors,
    label_evidence,
    leakage,
    loss_comparison,
    rates,
    readings,
    report_b,
    reproduction,
    resnet_remarks,
    transfer,
)
from fer_utils.analysis.image_draws import ImageDraws
from fer_utils.analysis.reported import reported_a
from fer_utils.data import audit
from fer_utils.data.dataset import Faces
from fer_utils.data.tasks import TASK_NAMES, get_task
from fer_utils.evaluation import metrics
from fer_utils.experiments.results import Results, mean_confusion
from fer_utils.reporting import (
    architecture_plots,
    best_export,
    best_network,
    best_plots,
    best_tables,
    copy_plots,
    figures,
    label_plots,
    label_tables,
    loss_plots,
    loss_tables,
    network_tables,
    plots,
    reading_tables,
    report_b_tables,
    tables,
    transfer_plots,
    transfer_tables,
)
from fer_utils.training.losses import LOSS_NAMES

Frames = dict[str, pd.DataFrame]
# pages of the best network that are figures or numbers alone
NO_TABLE = ("robustness", "curves", "rival_origin", "other_pictures", *best_export.OF_LOGITS)


def gather(results: Results, study: Results) -> Frames:
    """All that tables, figures and numbers are made of; of further studies what has been run."""
    four = study.select(task="multiclass")
    draws = ImageDraws(results)
    evidence = {
        "reproduction": (every_number := reproduction.every_number(results)),
        "coverage": reproduction.coverage(every_number),
        "training_coverage": reproduction.training_coverage(every_number),
        "identities": identities.check(study),
        "claims": claims.judge(results, draws),
        "paired": loss_comparison.focal_minus_cross_entropy(study, draws),
        "gains": loss_comparison.gains_by_protocol(results, draws),
        "single_runs": loss_comparison.single_runs(study),
        "means": loss_comparison.mean_scores(study, draws),
        "spreads": loss_comparison.spreads(study),
        "leaks": leakage.without_leaks(study),
        "calibration": (calibrations := calibration_comparison.calibrations(study)),
        "calibration_differences": calibration_comparison.calibration_differences(
            calibrations, draws
        ),
        "stuck": loss_comparison.stuck(study),
        "suspects": label_errors.find(four, study.faces()),
        "out_of_sample": _by_label(label_errors.out_of_sample(four)),
        "reliability": _reliability(four),
        "tricky": _tricky(four),
    }
    if results.has_study("gamma"):
        gamma = results.study("gamma")
        evidence["gamma"] = gamma.scores().query("metric in ('accuracy', 'macro_f1')")[
            ["gamma", "seed", "metric", "value"]
        ]
        evidence["gamma_calibration"] = calibration_comparison.calibrations(gamma)
    for name in ("class_weights", "median"):  # studies named as the setting that they change
        if results.has_study(name):
            evidence[name] = loss_comparison.differences(
                results.study(name), name, False, True, by="loss", draws=draws
            )
    evidence |= _open_questions(results, draws) | transfer.frames(results)
    return evidence | resnet_remarks.frames(results, draws) | report_b.frames(results)


def _open_questions(results: Results, draws: ImageDraws) -> Frames:
    """What report A's text leaves open, as far as it was run."""
    frames: Frames = {}
    if results.has_study("readings"):
        frames["readings"] = readings.compare(results)
    if results.has_study("rates"):
        frames["rates"] = rates.accuracies(results)
        frames["rate_gains"] = rates.gains(results, draws)
    if results.has_study("chance"):
        frames["chance"] = chance.sources(results)
    return frames


def _by_label(pooled: pd.DataFrame) -> pd.DataFrame:
    """How many images some run had not in training, by their label's class: label, images."""
    # label and runs come before them, see out_of_sample
    classes = list(pooled.columns[2:])
    # a class that no run was tested on has a 0, and keeps its row
    images = pooled["label"].value_counts().reindex(range(len(classes)), fill_value=0)
    return pd.DataFrame({"label": classes, "images": images.to_numpy()})


def _reliability(four: Results) -> pd.DataFrame:
    """pooled_reliability of each loss on four classes: loss, and its columns."""
    curves = {
        loss: calibration_comparison.pooled_reliability(four.select(loss=loss))
        for loss in LOSS_NAMES
    }
    tables = [curve.assign(loss=loss) for loss, curve in curves.items()]
    return pd.concat(tables, ignore_index=True)


def _titled(curves: pd.DataFrame) -> Frames:
    return {name: curves[curves["loss"] == loss] for loss, name in LOSS_NAMES.items()}


def _most_classes(results: Results) -> Results | None:
    """The runs of study best on its task of most classes; None where there are none."""
    if not results.has_study("best"):
        return None
    best = results.study("best")
    return best.select(task=max(best.runs["task"], key=lambda task: len(get_task(task).classes)))


def _tricky(study: Results) -> pd.DataFrame:
    """The surest errors of the first run with cross-entropy: true, predicted, probability, row."""
    stored = study.predictions(study.select(loss="cross_entropy").runs["run"].iloc[0])
    labels, logits, classes = (stored[name] for name in ("test_labels", "test_logits", "classes"))
    errors = metrics.confident_errors(labels, logits, classes.tolist(), n=16)
    # rows of the data set: drawn later from evidence, where the order of the run is forgotten
    return errors.assign(row=stored["test_rows"][errors["position"]]).drop(columns="position")


def make_tables(results: Results, study: Results, frames: Frames) -> dict[str, str]:
    """Every table of the report as LaTeX, by file name."""
    comparison = reproduction.of_cnn(frames["reproduction"])
    texts = {
        "counts": tables.counts(_audited(results, "counts").set_index("label")),
        "audit": tables.facts(_audited(results, "summary")),
        "averages": tables.averages(comparison),
        "classes_binary": tables.classes(comparison, "binary"),
        "classes_multiclass": tables.classes(comparison, "multiclass"),
        "far": tables.far(reproduction.far(comparison)),
        "coverage": tables.coverage(frames["coverage"]),
        "training_coverage": tables.training_coverage(frames["training_coverage"]),
        "identities": tables.identities(frames["identities"]),
        "claims": tables.claims(frames["claims"], decided=True),
        "claims_open": tables.claims(frames["claims"], decided=False),
        "verdict_rule": tables.verdict_rule(),
        "networks": network_tables.networks(),
        "paired": loss_tables.paired(frames["paired"]),
        "chance": loss_tables.chance(frames["paired"], frames["means"]),
        "single_runs": loss_tables.single_runs(frames["single_runs"]),
        "leaks": tables.leaks(frames["leaks"]),
        "calibration": tables.calibration(frames["calibration"]),
        "calibration_differences": loss_tables.calibration_differences(
            frames["calibration_differences"]
        ),
        "suspects": tables.suspects(label_errors.pairs(frames["suspects"])),
    }
    if "gamma" in frames:
        texts["gamma"] = loss_tables.gammas(frames["gamma"], frames["gamma_calibration"])
    for name in {"class_weights", "median"} & set(frames):
        texts[name] = tables.accuracies(results.study(name), ["loss", name])
        # of one seed it would be a table of dashes
        if frames[name]["n"].min() > 1:
            texts[f"{name}_effect"] = loss_tables.effects(frames[name], "loss")
    if results.has_study("dedupe"):
        texts["dedupe"] = tables.accuracies(results.study("dedupe"), ["task", "loss"])
    if results.has_study("learning_rate"):
        texts["learning_rate"] = tables.accuracies(
            results.study("learning_rate"), ["task", "learning_rate"]
        )
    pages = _best_pages(results)
    if "rival" in pages:
        texts["best_rival_short"] = best_tables.rival_short(pages["rival"])
    texts |= {
        # so a page that is added to PAGES needs a function of its name, or a place in NO_TABLE
        f"best_{name}": getattr(best_tables, name)(page)
        for name, page in pages.items()
        if name not in NO_TABLE
    }
    if (best := _most_classes(results)) is not None:
        texts["best_classes"] = best_tables.classes(best)
        texts["best_stages"] = network_tables.stages(best.runs["model"].iloc[0])
        texts["best_settings"] = best_tables.settings(best)
    texts |= label_tables.make(label_evidence.read(results))
    texts |= reading_tables.make(frames) | transfer_tables.make(frames)
    return texts | report_b_tables.make(frames)


def make_figures(results: Results, study: Results, frames: Frames) -> dict[str, plt.Figure]:
    """Every figure of the report by its id; those with faces where the data set is at hand."""
    by_loss = {
        name: study.select(task="multiclass", loss=loss) for loss, name in LOSS_NAMES.items()
    }
    reported = reported_a().query("model == 'cnn'")
    four = "task == 'multiclass' and metric == 'f1'"
    drawn = {
        "counts": figures.class_counts(_audited(results, "counts").set_index("label")),
        "shapes": architecture_plots.shapes(),
        "learning_curves": plots.learning_curves(
            {
                f"{TASK_NAMES[task]},\n{name}": study.select(task=task, loss=loss).history
                for task in TASK_NAMES
                if (study.runs["task"] == task).any()
                for loss, name in LOSS_NAMES.items()
            }
        ),
        "confusion": plots.confusion_matrices(
            {name: mean_confusion(runs) for name, runs in by_loss.items()}
        ),
        "reliability": plots.reliability_diagrams(_titled(frames["reliability"])),
        "paired_seeds": loss_plots.paired_seeds(
            study.scores().query("metric == 'accuracy'"), reported.query("metric == 'accuracy'")
        ),
        "classes": loss_plots.paired_seeds(
            study.scores().query(four), reported.query(four), by="class"
        ),
        "losses": loss_plots.losses(),
        "forest": loss_plots.forest(frames["gains"], reproduction.reported_gains()),
    }
    if "gamma" in frames:
        accuracy = frames["gamma"].query("metric == 'accuracy'")
        drawn["gamma"] = loss_plots.gammas(accuracy, frames["gamma_calibration"])
    pages = _best_pages(results)
    for name in {"robustness", "ablation", "curves"} & set(pages):
        drawn[f"best_{name}"] = getattr(best_plots, name)(pages[name])
    best = _most_classes(results)
    if best is not None:
        drawn["best_reliability"] = plots.reliability_diagrams(
            {"raw": calibration_comparison.pooled_reliability(best)}
        )
    drawn |= label_plots.make(label_evidence.read(results))
    # the text asks by \iffigure for each of these, and has no gap where they are missing
    if (faces := study.faces()) is not None:
        drawn["faces"] = figures.contact_sheet(faces)
        # copies with one label would show nothing that the table does not say
        near = _audited(results, "near").query("conflicting")
        if len(near):
            drawn["copies"] = copy_plots.copies(faces, near)
            if (wrong := copy_plots.wrong(faces, near)) is not None:
                drawn["wrong"] = wrong
        if len(frames["suspects"]):
            drawn["suspects"] = _suspects(faces, frames["suspects"])
        drawn["tricky"] = _tricky_gallery(faces, frames["tricky"])
        if best is not None:
            drawn["best_tricky"] = _tricky_gallery(faces, _tricky(best))
    return drawn | transfer_plots.make(results, frames)


def _audited(results: Results, kind: str) -> pd.DataFrame:
    """A table of the audit. Raises FerError where it is not of the data of the runs."""
    return audit.read(results.folder / "audit", kind, set(results.runs["digest"]))


def _best_pages(results: Results) -> Frames:
    """What `best` has left in results/<dataset>/best/, without pages that are empty."""
    pages = best_network.read(results.folder.name, results.folder.parent)
    return {name: page for name, page in pages.items() if len(page)}


def _tricky_gallery(faces: Faces, errors: pd.DataFrame) -> plt.Figure:
    told = [f"{e.true}; answer\n{e.predicted} ({e.probability:.0%})" for e in errors.itertuples()]
    return figures.gallery(faces.images[errors["row"]], told)


def _suspects(faces: Faces, suspects: pd.DataFrame, each: int = 2) -> plt.Figure:
    """The most doubtful labels, at most `each` of a pair of emotions."""
    # a few of each, or the most frequent pair would fill the figure
    shown = suspects.groupby(["label", "suggested"]).head(each).head(16)
    captions = [
        f"{row.label}; rather\n{row.suggested} ({row.p_suggested:.0%})"
        for row in shown.itertuples()
    ]
    return figures.gallery(faces.images[shown["row"]], captions)
