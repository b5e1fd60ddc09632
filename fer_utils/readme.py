"""Brings the README's picture and results table up to date with the committed study: python -m fer_utils.readme."""

import re

from fer_utils import charts, paths, reproduction, tables
from fer_utils.results import open_results, reported_a

BLOCK = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- /results -->)", re.DOTALL)


def main() -> None:
    study = open_results("fer2013").study("report_a")
    readme = paths.CHECKOUT / "README.md"
    table = tables.readme(reproduction.compare(study).query("seeds > 0"))
    readme.write_text(BLOCK.sub(f"{table}\n", readme.read_text(encoding="utf-8")), encoding="utf-8")
    reported = reported_a().query("model == 'cnn' and metric == 'accuracy'")
    picture = charts.paired_seeds(study.scores().query("metric == 'accuracy'"), reported)
    picture.savefig(paths.CHECKOUT / "docs" / "paired_seeds.png", dpi=130, metadata={"Software": None})


if __name__ == "__main__":
    main()
