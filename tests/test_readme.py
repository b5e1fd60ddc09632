"""The README says what the results say, and names what exists."""

import re
import subprocess

from fer_utils import evidence, paths, readme, reproduction, tables
from fer_utils.results import open_results

TEXT = (paths.CHECKOUT / "README.md").read_text(encoding="utf-8")


def test_the_table_is_the_committed_studys():
    study = open_results("fer2013", paths.CHECKOUT / "results").study("report_a")
    comparison = reproduction.compare(study).query("seeds > 0")
    assert readme.BLOCK.search(TEXT)[0].strip() == tables.readme(comparison), "run: make outputs"
    called = evidence.single_runs(study)["p"] < 0.05
    assert f"winner in {called.sum()} of {len(called)}" in " ".join(TEXT.split())


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert target.startswith("https://") or (paths.CHECKOUT / target).exists(), target


def test_make_targets_and_help():
    listed = subprocess.run(
        ["make", "-C", paths.CHECKOUT, "help"], capture_output=True, text=True, check=True
    ).stdout
    for target in set(re.findall(r"(?:`|^)make ([a-z]+)", TEXT, re.MULTILINE)):
        assert f"make {target} " in listed, target
