"""The model card: what the exported network is, does and must not be used for.

In the order of Mitchell and others (2019), use and misuse first. Every number is of the exported
file, and comes from the evidence beside it.
"""

from matplotlib.figure import Figure

from fer_utils import __version__
from fer_utils.analysis import abstention
from fer_utils.analysis.costs import multiply_adds
from fer_utils.models.registry import find_model
from fer_utils.reporting import card_plots, card_results, card_tables, card_text
from fer_utils.reporting.card_evidence import Evidence
from fer_utils.reporting.card_header import header
from fer_utils.reporting.latex import word
from fer_utils.reporting.markdown import table

VIEWS = {
    "none": "the image alone",
    "flip": "the image and its mirror image: the mean of their probabilities",
}
TASK = "facial expression classification"


def write(evidence: Evidence) -> str:
    """The model card in Markdown, with its head in YAML."""
    about = evidence.about
    name = f"{about['model']}-{about['dataset']}-{about['task']}"
    sections = {
        "Intended use and misuse": card_text.use(),
        "Model details": _details(evidence),
        "Training": _training(evidence),
        "Factors": card_text.FACTORS,
        "Evaluation": card_results.evaluation(evidence),
        "Each expression": card_results.by_class(evidence),
        "Fewer expressions": card_results.by_task(evidence),
        "What the labels are worth": card_results.labels(evidence),
        "When to give no answer": card_results.abstention(evidence),
        "Pictures without a face": card_results.other_pictures(evidence),
        "Worse pictures": card_results.robustness(evidence),
        "Beside the package `fer`": card_results.rival(evidence),
        "The people in the data": card_text.people(about["dataset"]),
        "Recommendations": card_text.RECOMMENDATIONS,
        "References": card_text.references(),
    }
    body = "\n".join(f"## {title}\n\n{text}\n" for title, text in sections.items() if text)
    return header(about, evidence.scores, name, TASK, evidence.data) + _opening(evidence) + body


def pictures(evidence: Evidence) -> dict[str, Figure]:
    """The card's figures that follow from logits, by the names of their files in best/."""
    frames, people = evidence.frames, evidence.people
    majority = None if people is None else people["majority"]
    at = abstention.suggested(frames["abstention"])
    curves = frames["abstention_curve"], frames["abstention"]
    return {
        "expressions": card_plots.expressions(evidence.scores, evidence.confusion, majority),
        "abstention": card_plots.abstention(*curves, at),
    }


def _opening(evidence: Evidence) -> str:
    about, seen = evidence.about, "" if evidence.people is None else " Diamonds: the share whose "
    if seen:
        seen += "most frequent answer of ten people is the label (FER+)."
    images = f"{about['test_images']:,} test images of {evidence.data}"
    return (
        f"\n# Model card: {word(about['model'])}, {len(about['classes'])} expressions "
        f"({evidence.data})\n\nIt sorts pictures of one face into {len(about['classes'])} words "
        f"for expressions and is right on {evidence.score('accuracy')} of {images}; intervals "
        "here are 95 %, for other test images. It answers whatever it is shown, a face or not, and "
        "must not be used to judge people.\n\n"
        "![Share of the test images of each expression that the network names rightly, under a "
        "drawn face that shows the expression](best/expressions.png)\n\n"
        "*Bars: of the test images with this label, the share that the network names so; below, "
        f"its most frequent other answer.{seen} The faces are drawn and of nobody; the network saw "
        "photographs.*\n\n"
        f"Made by `python -m fer_utils best --dataset {about['dataset']}` from the results, in the "
        "form of Mitchell and others (2019); not written by hand.\n\n"
    )


def _details(evidence: Evidence) -> str:
    about, file = evidence.about, evidence.file
    size, grey = about["size"], about["channels"] == 1
    form = (
        f"uint8, {about['side']}×{about['side']} pixels, {'grey' if about['grey'] else 'RGB'}, "
        "0 to 255; `predict` takes files, folders, PIL images, arrays and tensors of any size, "
        "cuts out the largest centred square and resizes it"
    )
    inside = (
        f"{size}×{size}, {'grey' if grey else 'RGB'}; intensities of 0 to 1 minus "
        f"{_listed(about['mean'])}, divided by {_listed(about['std'])}; all in the network itself"
    )
    views = VIEWS.get(about["tta"], f"`{about['tta']}`: the mean of their probabilities")
    adds = multiply_adds(about["model"], len(about["classes"])) / 1e6
    classes = ", ".join(f"{i} {name}" for i, name in enumerate(about["classes"]))
    moved = f"a probability moves by {about['difference']:g} at most"
    start = "random" if find_model(about["model"]).weights is None else "public"
    rows = [
        ("file", f"`best/{file.path.name}`, {file.path.stat().st_size / 1e6:.1f} MB, safetensors"),
        ("sha256", f"`{file.sha256}`"),
        ("version", f"fer-utils {__version__}; measured on {file.measured}"),
        ("architecture", f"{word(about['model'])} from {start} weights, stage by stage below"),
        ("parameters", f"{about['parameters']:,}; {about['precision']} ({moved})"),
        ("multiply-adds", f"{adds:,.0f} million for one view of one image"),
        ("input", form),
        ("preprocessing", inside),
        ("output", f"one logit per class, in this order: {classes}"),
        ("views of an image", views),
        ("speed", f"{about['images_per_second']:,} images a second with all views "
         f"({about['device']}, threads: {about['threads']})"),
        ("licence", "MIT for code and weights; the pictures have terms of their own"),
        ("questions", "an issue in this repository; cite it by `CITATION.cff`"),
    ]  # fmt: skip
    network = evidence.file.predictor.network
    return (
        table(["property", "value"], rows)
        + "\n\n"
        + card_tables.stages(network, about["side"], about["grey"])
    )


def _listed(values: list[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _training(evidence: Evidence) -> str:
    about, run = evidence.about, evidence.run
    hours, most = run["total_seconds"] / 3600, evidence.counts["Training"]
    return (
        f"On {run['train_images']:,} images of {evidence.data} ({about['source']}, digest "
        f"`{about['digest']}`), in {hours:.1f} hours ({run['device']}, threads: {run['threads']}, "
        f"torch {run['torch']}, commit {run['commit']}). Run `{about['run']}`, chosen among "
        "the seeds of its task by its accuracy on validation.\n\n"
        + card_tables.settings(run, evidence.file.predictor.network)
        + "\n\nImages of each class:\n\n"
        + card_tables.counts(evidence.counts)
        + f"\n\n*{most.idxmax()}* has {most.max() / most.min():.0f} times as many training images "
        f"as *{most.idxmin()}*."
    )
