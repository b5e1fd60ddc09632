"""Brings the README's picture and tables up to date with the committed studies.

python -m fer_utils.reporting.readme
"""

import re

from fer_utils import paths
from fer_utils.analysis import reproduction, transfer
from fer_utils.analysis.reported import reported_a
from fer_utils.experiments.results import Results, open_results
from fer_utils.reporting import (
    best_network,
    best_tables,
    model_card,
    plots,
    tables,
    transfer_tables,
)

BLOCK = re.compile(r"<!-- (\w+) -->\n(.*?)\n<!-- /\1 -->", re.DOTALL)


def main() -> None:
    results = open_results("fer2013")
    study = results.study("report_a")
    readme = paths.CHECKOUT / "README.md"
    made = blocks(results)
    text = BLOCK.sub(
        lambda b: f"<!-- {b[1]} -->\n{made[b[1]]}\n<!-- /{b[1]} -->", readme.read_text(encoding="utf-8")
    )
    readme.write_text(text, encoding="utf-8")
    reported = reported_a().query("model == 'cnn' and metric == 'accuracy'")
    picture = plots.paired_seeds(study.scores().query("metric == 'accuracy'"), reported)
    picture.savefig(paths.CHECKOUT / "docs" / "paired_seeds.png", dpi=130, metadata={"Software": None})


def blocks(results: Results) -> dict[str, str]:
    """The README's tables, Markdown, by the names of the comments around them."""
    pages = best_network.read(results.folder.name)
    return {
        "results": tables.readme(reproduction.compare(results.study("report_a")).query("seeds > 0")),
        "pretrained": transfer_tables.readme(transfer.frames(results)),
        "best": best_tables.readme(pages["rival"]),
        "ensembles": model_card.ensembles(pages["ensembles"]),
    }


if __name__ == "__main__":
    main()
