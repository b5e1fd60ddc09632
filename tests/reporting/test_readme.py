"""The README says what the results say, and names what exists."""

import re
import subprocess

import pandas as pd

from fer_utils import paths
from fer_utils.analysis import loss_comparison
from fer_utils.experiments.results import open_results
from fer_utils.reporting import readme

PAGES = {name: (paths.CHECKOUT / name).read_text(encoding="utf-8") for name in readme.PAGES}
TEXT = PAGES["README.md"]


def test_the_tables_are_the_committed_studies():
    results = open_results("fer2013", paths.CHECKOUT / "results")
    found = [block for text in PAGES.values() for block in readme.BLOCK.findall(text)]
    assert sorted(found) == sorted(readme.blocks(results).items()), "run: make outputs"
    singles = loss_comparison.single_runs(results.study("report_a"))
    called = singles[singles["p"] < 0.05]
    text = " ".join(TEXT.split())
    assert f"winner in {len(called)} of {len(singles)} pairs" in text
    focal, cross_entropy = (called["gain"] > 0).sum(), (called["gain"] < 0).sum()
    assert f"focal loss in {focal}, cross-entropy in {cross_entropy}" in text


def test_the_audits_numbers_are_the_committed_ones():
    audit = pd.read_csv(
        paths.CHECKOUT / "results" / "fer2013" / "audit" / "summary.csv", index_col="what"
    )["count"]
    data = (paths.CHECKOUT / "data" / "README.md").read_text(encoding="utf-8")
    for kind in ("identical", "near"):
        count = f"{audit[f'{kind}: test images with a copy in training']:,}"
        assert count in TEXT and count in data
    assert f"{audit['near: groups with conflicting labels']} photographs" in data


def test_links_lead_somewhere():
    for name, text in PAGES.items():
        folder = (paths.CHECKOUT / name).parent
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert target.startswith("https://") or (folder / target).exists(), target


def test_the_first_page_is_short():
    assert len(TEXT.splitlines()) <= 150


def test_make_targets_and_help():
    listed = subprocess.run(
        ["make", "-C", paths.CHECKOUT, "help"], capture_output=True, text=True, check=True
    ).stdout
    for target in set(re.findall(r"(?:`|^)make ([a-z]+)", TEXT, re.MULTILINE)):
        assert f"make {target} " in listed, target
