"""The model card: what the exported network is, does and must not be used for.

Every number is from the results.
"""

import pandas as pd

from fer_utils.analysis.rivals import SEARCHES
from fer_utils.reporting.latex import between, percent, word

USE = """\
For study: a baseline to compare with, material for lessons on evaluation, a start for other data
of small grey faces. `predict` takes one upright face that fills the picture; `fer predict` looks
for all faces of a photograph first (docs/photographs.md says what to expect of them), and
`fer export` writes the network for other programs (docs/deploy.md):

```python
from fer_utils import load_best

load_best().predict("faces/")  # one row per image: the probability of each expression
```

The weights are under this repository's licence (MIT). The pictures are not in it: they were
collected from the web, and whoever gets them accepts the terms of the place that offers them.

**Not** for any judgement of people: no hiring, teaching, policing, border, health or credit
decision, no watching of employees, pupils or passers-by, no inference of what somebody feels or
intends. The EU AI Act (Art. 5(1)(f), in force since 2025-02-02) forbids systems that infer emotions
at work and in education, except for medical or safety reasons. A face is not a feeling (Barrett and
others 2019): the labels say which word annotators chose for a picture.
Expressions and their reading differ between cultures, ages and situations, and the data tell
neither who is shown nor where, so fairness between groups cannot even be measured here. The
pictures come from web searches for emotion words: many are posed, acted or cropped from films,
and faces in daily life look otherwise. Many labels are doubtful and images are repeated (see the
audit), so neither the training nor these scores are free of noise."""
ENSEMBLES = """\
Mean probability of several seeds, beside the mean accuracy of the networks one by one; not in the
exported file. Intervals are 95 % over images.

"""
RIVAL = """\
The Python package `fer` 25.10.3 on the same test images, all seven classes. Without margin is its
best case; the rest is what its own code answers. A picture in which it finds no face counts as
wrong. These pictures are cropped to a face already; on photographs with surroundings nothing was
measured. The network in `fer` was trained on the same training images as this one, and its epoch
was chosen on these test images (the report says how that is known).

"""


def write(
    about: dict, frames: dict[str, pd.DataFrame], confusion: pd.DataFrame, ceiling: str = ""
) -> str:
    """The model card in Markdown.

    Parameters
    ----------
    about
        The exported file's metadata, with its size in bytes, the run's train_images, epochs and
        trained (its device and precision), and its calibration.calibration.
    frames
        Those of best_network.compare, with parts and robustness.
    confusion
        The run's.
    ceiling
        How far people agree with the labels, in a sentence.
    """
    sections = {
        "Data and protocol": _protocol(about),
        "Scores": "\n\n".join(
            filter(None, [_scores(about, frames["scores"], frames["parts"]), ceiling])
        ),
        "Parts of the images": _parts(frames["parts"]),
        "What is taken for what": _confusion(confusion),
        "Probabilities": _calibration(about),
        "Worse pictures": _robustness(frames["robustness"]),
    }
    # a study with one run a task has no ensemble: no heading over an empty table
    if len(frames["ensembles"]):
        sections["Ensembles"] = ENSEMBLES + ensembles(frames["ensembles"])
    if "rival_as_used" in frames:
        sections["Beside the package `fer`"] = RIVAL + as_used(frames["rival_as_used"])
    sections["Size and speed"] = _size(about)
    sections["Use, and what it must not be used for"] = USE
    network = f"{about['model']}, {len(about['classes'])} expressions ({about['dataset']})"
    command = f"`python -m fer_utils best --dataset {about['dataset']}`"
    title = f"# Model card: {network}\n"
    note = f"Made by {command} from the results; not written by hand.\n"
    return "\n".join([title, note, *(f"## {name}\n\n{text}\n" for name, text in sections.items())])


def _protocol(about: dict) -> str:
    views = (
        "no test-time augmentation"
        if about["tta"] == "none"
        else f"test-time augmentation `{about['tta']}`"
    )
    return (
        f"Classes: {', '.join(about['classes'])}. Data: {about['source']} (digest "
        f"`{about['digest']}`). "
        f"Split: {about['protocol']}. {about['train_images']:,} training images, "
        f"{about['epochs']} epochs "
        f"({about['trained']}). "
        f"Run `{about['run']}`, seed {about['seed']}, chosen by validation accuracy "
        f"among the seeds of its task; {views}. Input: {about['size']}×{about['size']} pixels, "
        f"{'grey' if about['channels'] == 1 else 'colour'}, mean {about['mean']} and deviation "
        f"{about['std']} of "
        "intensities in 0..1."
    )


def _scores(about: dict, scores: pd.DataFrame, parts: pd.DataFrame) -> str:
    whole = parts.query("part == 'all'").iloc[0]
    exported = (
        f"The exported network: {percent(whole['value'])} % of {whole['images']:,} test images "
        f"({percent(whole['low'])} to {percent(whole['high'])}), {percent(about['val'])} % of "
        f"{about['val_images']:,} validation images. Networks of the same recipe, mean over "
        "seeds; those of two to "
        "four classes keep a part of the training images for validation and are tested on both "
        "test splits. "
        "Intervals are 95 %, of these means for other seeds and other test images, else for other "
        "test images; copies of a photograph are drawn together:\n\n"
    )
    rows = [
        [word(s.task), word(s.metric), percent(s.mean), between(s.low, s.high),
         percent(s.std), s.seeds, f"{s.images:,}"]
        # without recalls: those of the exported network follow under the parts of the images
        for s in scores[scores["metric"].isin(["accuracy", "macro_f1"])].itertuples()
    ]  # fmt: skip
    return exported + table(
        ["task", "score", "mean, %", "interval", "sd over seeds", "seeds", "images"], rows
    )


def _parts(parts: pd.DataFrame) -> str:
    rows = [
        [
            p.part,
            p.role,
            f"{p.images:,}",
            percent(p.value),
            f"{percent(p.low)} to {percent(p.high)}",
        ]
        for p in parts.itertuples()
    ]
    return (
        "Right answers in percent (of a class: its recall). A copy is one in the training "
        "images.\n\n" + table(["part", "split", "images", "right, %", "interval"], rows)
    )


def _confusion(counts: pd.DataFrame) -> str:
    # NaN for a class without test images, which is printed as a dash
    shares = counts.div(counts.sum(axis=1), axis=0)
    rows = [
        [true, *(percent(share) for share in row)]
        for true, row in zip(counts.index, shares.to_numpy(), strict=True)
    ]
    return "Answers in percent of the test images of a class; the true class in rows.\n\n" + table(
        ["", *counts.columns], rows
    )


def _calibration(about: dict) -> str:
    return (
        f"Expected calibration error (15 bins) on the test images: {percent(about['ece'])} "
        "points; with the logits "
        f"divided by {about['temperature']:.2f}, fitted on the validation images: "
        f"{percent(about['ece_scaled'])}. "
        f"`predict` divides them. {_sure(about['sure'], about)}"
    )


def _sure(sure: dict, about: dict) -> str:
    """What the column `sure` of `predict` means, in two sentences."""
    chosen = (
        f"It calls an answer sure whose probability is then above {sure['above']:.3f}: so chosen "
        f"that {percent(sure['right'])} % of the sure answers on the {about['val_images']:,} "
        f"validation images are right ({percent(sure['val'])} % of all)."
    )
    if sure["test_right"] is None:
        return f"{chosen} None of the {about['test_images']:,} test images is above it."
    return (
        f"{chosen} Of the {about['test_images']:,} test images {percent(sure['test'])} % are above "
        f"it, and {percent(sure['test_right'])} % of these are right."
    )


def _robustness(frame: pd.DataFrame) -> str:
    # strength 0 is left out: it is the accuracy on all test images, which stands under Scores
    accuracy = frame[(frame["class"] == "") & (frame["strength"] > 0)]
    rows = []
    # in the frame's order, by which tables and figures of the report go too
    for (kind, unit), group in accuracy.groupby(["kind", "unit"], sort=False):
        cells = [
            f"{c.amount:g}: {percent(c.value)} ({c.change * 100:+.1f})" for c in group.itertuples()
        ]
        # three cells, as many as every corruption has strengths
        rows.append([f"{kind} ({unit})", *cells])
    note = "How strong: accuracy in percent (change in points); sd: standard deviation.\n\n"
    return note + table(["", "weak", "medium", "strong"], rows)


def ensembles(frame: pd.DataFrame) -> str:
    """`ensembles.compare` as Markdown, one row per task, network and ensemble.

    Accuracy in percent, and the gain in points with its 95 % interval over images.
    """
    rows = []
    for e in frame.itertuples():
        gain = f"{e.gain * 100:+.1f} ({e.gain_low * 100:+.1f} to {e.gain_high * 100:+.1f})"
        about = [word(e.task), e.network, e.ensemble, e.members, f"{e.images:,}"]
        rows.append([*about, percent(e.alone), percent(e.together), gain])
    header = [
        "task",
        "networks",
        "ensemble",
        "members",
        "test images",
        "alone, %",
        "together, %",
        "gain, points",
    ]
    return table(header, rows)


def as_used(frame: pd.DataFrame) -> str:
    """`rivals.as_used` as Markdown, one row per way of calling the package."""
    header = [
        "`fer` is given",
        "test images",
        "faces found",
        "of these right, %",
        "of all right, %",
    ]
    return table([*header, "interval"], as_used_cells(frame))


def as_used_cells(frame: pd.DataFrame) -> list[list[str]]:
    """The cells of `rivals.as_used`: way, images, found, right in percent, and its interval."""
    rows = []
    for r in frame.itertuples():
        found = f"{r.found:,}" if r.way in SEARCHES else "given"
        shares = percent(r.right_of_found), percent(r.accuracy)
        interval = f"{percent(r.low)} to {percent(r.high)}"
        rows.append([r.way, f"{r.images:,}", found, *shares, interval])
    return rows


def _size(about: dict) -> str:
    return (
        f"{about['parameters']:,} parameters, {about['bytes'] / 1e6:.1f} MB "
        f"({about['precision']}; a probability "
        f"differs by at most {about['difference']:g} from the trained network's on the "
        "validation images). "
        f"{about['images_per_second']:,} images a second, test-time augmentation included "
        f"({about['device']}; "
        f"threads: {about['threads']})."
    )


def table(header: list[str], rows: list[list]) -> str:
    """A Markdown table; a bar in a cell is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    cells = [[str(cell).replace("|", r"\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)
