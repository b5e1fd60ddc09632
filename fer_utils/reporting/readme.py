"""Brings the README's picture and the tables of PAGES up to date with the committed studies.

python -m fer_utils.reporting.readme
"""

import re
import sys

import pandas as pd

from fer_utils import paths
from fer_utils.analysis import evidence_files, label_evidence, reproduction
from fer_utils.analysis.reported import reported_a
from fer_utils.errors import FerError
from fer_utils.experiments.results import Results, open_results
from fer_utils.reporting import (
    best_network,
    best_tables,
    deploy_tables,
    figures,
    label_numbers,
    loss_plots,
    model_card,
    tables,
    transfer_tables,
)
from fer_utils.reporting.contents import Frames
from fer_utils.reporting.latex import percent

# the first page of the project, and the longer tables beside the results
PAGES = ("README.md", "results/fer2013/README.md", "docs/photographs.md", "docs/deploy.md")
BLOCK = re.compile(r"<!-- (\w+) -->\n(.*?)\n<!-- /\1 -->", re.DOTALL)


def main() -> None:
    """Rewrites the tables and the picture; what is missing is one line on stderr."""
    try:
        write()
    except FerError as error:
        sys.exit(f"fer_utils: {error}")


def write() -> None:
    """Brings PAGES and docs/paired_seeds.png up to date. Raises FerError."""
    results = open_results("fer2013", paths.REFERENCE)  # its tables are the committed study's
    study = results.study("report_a")
    # all of them first: where one cannot be made, the pages stay as they are
    tables = blocks(results)
    for page in (paths.CHECKOUT / name for name in PAGES):
        # a function: in a template a backslash from a table would be read as an escape
        text = BLOCK.sub(
            lambda b: f"<!-- {b[1]} -->\n{tables[b[1]]}\n<!-- /{b[1]} -->",
            page.read_text(encoding="utf-8"),
        )
        page.write_text(text, encoding="utf-8")
    reported = reported_a().query("model == 'cnn' and metric == 'accuracy'")
    # not by figures.save: GitHub shows no PDF within a README
    png = paths.CHECKOUT / "docs" / "paired_seeds.png"
    with figures.style():
        picture = loss_plots.paired_seeds(study.scores().query("metric == 'accuracy'"), reported)
        # without matplotlib's version, which would change the committed file with every update
        picture.savefig(png, dpi=130, metadata={"Software": None})


def blocks(results: Results) -> dict[str, str]:
    """Tables and sentences, Markdown, by the names of the comments around them, from evidence."""
    frames = evidence_files.current(results)
    pages = best_network.read(results.folder.name, results.folder.parent)
    # pages of `best`; those of the rival are there only where its benchmarks were run before it
    if missing := sorted({"rival", "rival_as_used", "ensembles"} - set(pages)):
        raise FerError(f"{results.folder / 'best'} lacks {' and '.join(missing)}: run best first")
    labels = label_evidence.read(results)
    return {
        "answers": answers(results, frames, pages["scores"], labels),
        "results": tables.readme(reproduction.of_cnn(frames["reproduction"])),
        "pretrained": transfer_tables.readme(frames),
        "best": best_tables.readme_short(pages["rival"]),
        "rival": best_tables.readme(pages["rival"]),
        "as_used": model_card.as_used(pages["rival_as_used"]),
        "ensembles": model_card.ensembles(pages["ensembles"]),
        "labels": label_numbers.ceiling(labels),
        **deploy_tables.blocks(results.folder / "deploy"),
    }


def answers(results: Results, frames: Frames, scores: pd.DataFrame, labels: Frames) -> str:
    """What the study found, a line for each question.

    Parameters
    ----------
    scores
        The page of that name of `best_network.read`.
    labels
        Of `label_evidence.read`.
    """
    paired = frames["paired"].query("metric == 'accuracy'").set_index("task")
    gains = {
        task: f"{r['mean'] * 100:+.1f} points ({r['low'] * 100:+.1f} to {r['high'] * 100:+.1f})"
        for task, r in paired.iterrows()
    }
    called = frames["single_runs"].query("p < 0.05")["gain"]
    wins = f"focal loss in {(called > 0).sum()}, cross-entropy in {(called < 0).sum()}"
    seven = scores.query("task == 'seven' and metric == 'accuracy'").iloc[0]
    best = results.study("best").select(task="seven")
    size = best.runs["parameters"].iloc[0] / 1e6
    minutes = best.history["seconds"].sum() / len(best.runs) / 60
    people = label_numbers.numbers(labels)
    audit = pd.read_csv(results.folder / "audit" / "summary.csv", index_col="what")["count"]
    copies = (
        f"{audit[f'{kind}: test images with a copy in training']:,}"
        for kind in ("identical", "near")
    )
    lines = {
        "Is focal loss better than cross-entropy?": "Not for this network. Its accuracy changes by "
        f"{gains['multiclass']} on four classes and by {gains['binary']} on two (95 % intervals "
        f"for other seeds and images, {paired['n'].min()} paired seeds). From one pair of runs, an "
        f'exact test finds a "significant" winner in {len(called)} of {len(frames["single_runs"])} '
        f"pairs: {wins}.",
        "How good can a small network be?": f"{percent(seven['mean'])} % of seven classes "
        f"({percent(seven['low'])} to {percent(seven['high'])}; {seven['images']:,} PrivateTest "
        f"images, {seven['seeds']} seeds), with {size:.1f} M parameters and {minutes:.0f} minutes "
        "of training on one CPU core.",
        "What are the labels worth?": f"One person's answer is the label in "
        f"{people['labels.all.single']} % of cases, that of most of ten people in "
        f"{people['labels.all.majority']} % (PrivateTest, FER+'s votes).",
        "Do test images leak?": "Of {:,}, {} have an identical copy in training and {} at least a "
        "near-copy; scores without them stand beside the others.".format(
            audit["test images"], *copies
        ),
    }
    return "\n".join(f"- **{question}** {answer}" for question, answer in lines.items())


if __name__ == "__main__":
    main()
