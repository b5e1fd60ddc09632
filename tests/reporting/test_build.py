"""The report: numbers as macros, tables for LaTeX, and sentences that the results bear out."""

import os
import re

import pandas as pd
import pytest

from fer_utils import paths
from fer_utils.analysis import claim_list, reproduction
from fer_utils.errors import FerError
from fer_utils.evaluation.statistics import paired_seeds
from fer_utils.reporting import (
    build,
    latex,
    numbers,
    tables,
)

# chapters that appear with their studies; test_transfer_chapters and test_reading_chapter have
# their numbers
LATER = ("transfer", "report_b", "appendix_transfer", "readings")
SECTIONS = "".join(
    path.read_text(encoding="utf-8")
    for path in (paths.REPORT / "sections").glob("*.tex")
    if path.stem not in LATER
)


@pytest.fixture
def reference(built):
    return built.results, built.study, built.frames


def test_every_number_that_the_text_uses_is_defined(reference):
    defined = numbers.numbers(*reference)
    text = (
        SECTIONS
        + (paths.REPORT / "main.tex").read_text(encoding="utf-8").split("\\begin{document}")[1]
    )
    used = set(re.findall(r"\\(?:fer|plural)\{([^}#]+)\}", text))
    assert used and used <= set(defined), used - set(defined)


def test_numbers_are_the_results(reference):
    _, study, frames = reference
    values = numbers.numbers(*reference)
    accuracy = study.scores().query(
        "metric == 'accuracy' and task == 'multiclass' and loss == 'focal'"
    )["value"]
    assert values["multiclass.focal.accuracy"] == f"{accuracy.mean() * 100:.1f}"
    assert values["multiclass.focal.accuracy.std"] == f"{accuracy.std() * 100:.1f}"
    assert values["multiclass.focal.accuracy.reported"] == "63.4"
    assert values["multiclass.reported.gain"] == "$+2.7$"
    assert values["audit.identical: test images with a copy in training"] == "568"
    assert len(frames["reproduction"].query("seeds == 20")) == 54


def test_memory_and_easier_photographs_are_told_apart():
    """Of 10 images with a copy 4 had it in validation; each seed is right on 9 and on 3 of them."""
    seed = {"task": "binary", "loss": "focal", "all": 0.6, "near": 0.7, "clean": 0.5}
    seed |= {"identical": 0.9, "identical_images": 10, "spared": 0.75, "spared_images": 4}
    texts = numbers._leaks(pd.DataFrame([seed | {"seed": n} for n in range(3)]))
    # right on all 6 whose copy was trained on, on 3 of 4 others, on half of those without
    assert texts["binary.focal.leaks.memory"] == "$+25.0$" == texts["binary.focal.leaks.easier"]
    assert texts["binary.focal.leaks.memory.low"] == "$+25.0$"


def test_the_sentences_of_the_discussion_hold(reference):
    """discussion_fer2013.tex and the notebooks put these findings into words."""
    results, _, frames = reference
    comparison = frames["reproduction"].query("model == 'cnn'")
    cells = comparison.set_index(["task", "loss", "metric", "class"])
    accuracy = comparison[comparison["metric"] == "accuracy"].set_index(["task", "loss"])
    below = [("binary", "focal"), ("multiclass", "focal")]
    assert (accuracy.loc[below, "high"] < accuracy.loc[below, "reported"]).all()
    scores = results.study("report_a").scores().query("metric == 'accuracy' and task == 'binary'")
    reported = accuracy.loc[("binary", "cross_entropy"), "reported"]
    assert (scores.query("loss == 'cross_entropy'")["value"] >= reported).sum() == 1
    calibration = frames["calibration"].groupby(["task", "loss"]).mean(numeric_only=True)
    for task in ("binary", "multiclass"):
        focal, ce = calibration.loc[(task, "focal")], calibration.loc[(task, "cross_entropy")]
        assert focal["temperature"] < 1 < ce["temperature"]
        for loss in (focal, ce):
            assert loss["ece_scaled"] < 0.55 * loss["ece"]  # "about half of it or more"
    errors = frames["calibration_differences"].set_index(["figure", "task"])
    assert (errors["high"] > 0).all(), "nowhere is focal loss the better calibrated one"
    four = errors.xs("multiclass", level="task")
    assert list(four.index[four["low"] > 0]) == ["ece_scaled", "nll_scaled"]
    angry = cells.loc[("multiclass", "cross_entropy", "recall", "angry")]
    sad = cells.loc[("multiclass", "cross_entropy", "recall", "sad")]
    assert angry["mean"] > angry["reported"] and sad["mean"] < sad["reported"]
    weights = (
        results.study("class_weights")
        .scores()
        .query("metric == 'recall' and loss == 'cross_entropy'")
    )
    recall = weights.groupby(["class_weights", "class"])["value"].mean()
    assert (
        recall[False, "angry"] < recall[True, "angry"]
        and recall[False, "sad"] > recall[True, "sad"]
    )


def test_latex_escapes_and_signs():
    assert (
        numbers.as_latex({"a.b": "50 % of c_d"})
        == "\\expandafter\\def\\csname fer@a.b\\endcsname{50 \\% of c\\_d}\n"
    )
    assert latex.signed(-1.25) == "$-1.2$" and latex.signed(2) == "$+2.0$"
    assert (latex.percent(0.634), latex.percent(float("nan")), latex.p_value(0.0004)) == (
        "63.4",
        "",
        "$<$0.001",
    )
    assert latex.word(True) == "yes" and latex.word("focal") == "focal" and latex.word(0.5) == "0.5"


def test_a_table_has_the_columns_it_says():
    table = tables.counts(
        pd.DataFrame({"Training": [1000, 2], "Test": [3, 4]}, index=["happy", "sad"])
    )
    assert r"\begin{tabular}{lrrr}" in table and r"happy & 1,000 & 3 & 1,003 \\" in table
    assert table.count(r"\\") == 3


def test_far_figures_of_the_readers_questions(reference):
    comparison = reference[2]["reproduction"].query("seeds > 0")
    far = reproduction.far(comparison)
    assert (far["points"].abs() > reproduction.FAR).all() and len(far) < len(comparison)
    assert tables.far(far).count(r" \\") == len(far) + 1


def test_parts_of_the_test_split_make_up_all(reference):
    frame = reference[2]["leaks"]
    parts = ("identical", "near", "clean")
    n = frame["task"].map({"binary": 3021, "multiclass": 5003})
    assert (sum(frame[f"{part}_images"] for part in parts) == n).all()
    together = sum(frame[part] * frame[f"{part}_images"] for part in parts)
    pd.testing.assert_series_equal(together / n, frame["all"], check_names=False)


def test_the_sentences_of_abstract_and_results_hold(reference):
    frames = reference[2]
    paired = frames["paired"].query("metric == 'accuracy'").set_index("task")
    gains = reproduction.reported_gains()["accuracy"]
    assert (paired["p_holm"] > 0.05).all() and paired.loc["binary", "p_signflip"] < 0.01
    assert paired.loc["binary", "low"] < 0 < paired.loc["binary", "high"], "the two tests differ"
    # of a difference of two losses on the same images nearly all is the seeds'
    assert (paired["images_error"] < paired["seeds_error"] / 5).all()
    assert (frames["calibration_differences"]["mean"] > 0).all(), "focal loss is never better"
    assert paired.loc["multiclass", "high"] < gains["multiclass"], (
        "the reported gain lies outside the interval"
    )
    for _, pairs in frames["single_runs"].query("p < 0.05").groupby("task"):
        assert len(pairs) > 5 and (pairs["gain"] > 0).any() and (pairs["gain"] < 0).any()
    verdicts = frames["claims"].query("network == 'CNN'").set_index("claim")["verdict"]
    assert verdicts[claim_list.BETTER] == "claimed size refuted"
    assert verdicts[claim_list.FOCAL_BALANCES.text] == "claimed size refuted"
    assert verdicts[claim_list.FOCAL_ALIKE.text] == "inconclusive"
    assert frames["identities"]["holds"].all()
    assert frames["stuck"][["task", "loss", "seed"]].to_numpy().tolist() == [
        ["binary", "focal", 6],
        ["binary", "focal", 13],
    ]


def test_the_sentences_about_other_protocols_hold(reference):
    frames = reference[2]
    unweighted = (
        frames["gains"].query("protocol == 'no class weights' and metric == 'accuracy'").iloc[0]
    )
    assert unweighted["n"] == 5 and unweighted["wins"] == 0 and unweighted["p_signflip"] == 2 / 2**5
    temperature = frames["gamma_calibration"].groupby("gamma")["temperature"].mean()
    assert temperature.is_monotonic_decreasing and temperature.iloc[0] > 1 > temperature.iloc[-1]
    wide = (
        frames["gamma"]
        .query("metric == 'accuracy'")
        .pivot_table(index="seed", columns="gamma", values="value")
    )
    against_0 = [paired_seeds(wide[0.0], wide[gamma]) for gamma in wide.columns[1:]]
    assert all(pair.low < 0 < pair.high for pair in against_0), (
        "three seeds cannot tell the exponents apart"
    )


def test_the_sentences_about_copies_hold(reference):
    mean = (
        reference[2]["leaks"].groupby(["task", "loss"]).mean().loc[("multiclass", "cross_entropy")]
    )
    assert mean["identical"] > mean["spared"] > mean["clean"]
    memory, easier = mean["identical"] - mean["spared"], mean["spared"] - mean["clean"]
    assert easier > memory, "most of the gap is not memory"


@pytest.fixture
def latexmk(tmp_path, monkeypatch):
    """A latexmk that prints an error of LaTeX's and ends with the status it is given."""

    def install(status: int) -> None:
        script = "#!/bin/sh\nmkdir -p build\necho pdf > build/main.pdf\necho '! Undefined.'\n"
        script += f"exit {status}\n"
        (tmp_path / "latexmk").write_text(script)
        (tmp_path / "latexmk").chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return install


def test_the_pdf_is_latexs(latexmk, tmp_path):
    latexmk(0)
    assert build.compile_pdf(tmp_path).read_text() == "pdf\n"
    assert build.compile_pdf(tmp_path) == tmp_path / "report.pdf"


def test_a_failure_of_latex_is_an_error_and_leaves_the_old_pdf(latexmk, tmp_path):
    latexmk(1)
    (tmp_path / "report.pdf").write_text("old")
    with pytest.raises(FerError, match=r"LaTeX failed: ! Undefined\. \(all of it in .*main\.log\)"):
        build.compile_pdf(tmp_path)
    assert (tmp_path / "report.pdf").read_text() == "old"
