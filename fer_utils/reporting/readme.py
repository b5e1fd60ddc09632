"""Brings the README's picture and tables up to date with the committed studies.

python -m fer_utils.reporting.readme
"""

import re
import sys

from fer_utils import paths
from fer_utils.analysis import evidence_files, label_evidence, reproduction
from fer_utils.analysis.reported import reported_a
from fer_utils.errors import FerError
from fer_utils.experiments.results import Results, open_results
from fer_utils.reporting import (
    best_network,
    best_tables,
    figures,
    label_numbers,
    loss_plots,
    model_card,
    tables,
    transfer_tables,
)

BLOCK = re.compile(r"<!-- (\w+) -->\n(.*?)\n<!-- /\1 -->", re.DOTALL)


def main() -> None:
    """Rewrites the tables of README.md and its picture; what is missing is one line on stderr."""
    try:
        write()
    except FerError as error:
        sys.exit(f"fer_utils: {error}")


def write() -> None:
    """Brings README.md and docs/paired_seeds.png up to date. Raises FerError."""
    results = open_results("fer2013", paths.REFERENCE)  # its tables are the committed study's
    study = results.study("report_a")
    readme = paths.CHECKOUT / "README.md"
    # all of them first: where one cannot be made, README.md stays as it is
    tables = blocks(results)
    # a function: in a template a backslash from a table would be read as an escape
    text = BLOCK.sub(
        lambda b: f"<!-- {b[1]} -->\n{tables[b[1]]}\n<!-- /{b[1]} -->",
        readme.read_text(encoding="utf-8"),
    )
    readme.write_text(text, encoding="utf-8")
    reported = reported_a().query("model == 'cnn' and metric == 'accuracy'")
    # not by figures.save: GitHub shows no PDF within a README
    png = paths.CHECKOUT / "docs" / "paired_seeds.png"
    with figures.style():
        picture = loss_plots.paired_seeds(study.scores().query("metric == 'accuracy'"), reported)
        # without matplotlib's version, which would change the committed file with every update
        picture.savefig(png, dpi=130, metadata={"Software": None})


def blocks(results: Results) -> dict[str, str]:
    """The README's tables, Markdown, by the names of the comments around them, from evidence."""
    frames = evidence_files.current(results)
    pages = best_network.read(results.folder.name, results.folder.parent)
    # pages of `best`; those of the rival are there only where its benchmarks were run before it
    if missing := sorted({"rival", "rival_as_used", "ensembles"} - set(pages)):
        raise FerError(f"{results.folder / 'best'} lacks {' and '.join(missing)}: run best first")
    return {
        "results": tables.readme(reproduction.of_cnn(frames["reproduction"])),
        "pretrained": transfer_tables.readme(frames),
        "best": best_tables.readme(pages["rival"]),
        "as_used": model_card.as_used(pages["rival_as_used"]),
        "ensembles": model_card.ensembles(pages["ensembles"]),
        "labels": label_numbers.ceiling(label_evidence.read(results)),
    }


if __name__ == "__main__":
    main()
