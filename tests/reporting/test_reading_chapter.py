"""The chapter on what report A's text leaves open: its tables, its numbers, and its text."""

import re

import pandas as pd
import pytest

from fer_utils import paths
from fer_utils.analysis.evidence_files import as_read
from fer_utils.experiments.results import Results
from fer_utils.reporting import reading_numbers, reading_tables

FIT = ["reading", "seeds", "at_chance", "figures", "within", "points", "log_likelihood"]
FIT += ["gain", "low", "high"]
READINGS = pd.DataFrame(
    [
        ("class_weights=False", 5, 0, 54, 47, -1.8, 98.0, 42.7, 24.2, 57.1),
        ("weight_order=sad+fear+happy+angry", 3, 0, 34, 30, -1.3, 16.0, 16.1, 3.0, 50.0),
        ("weight_order=sad+happy+angry+fear", 3, 0, 34, 29, -1.2, 15.0, 9.0, -2.0, 11.0),
        ("learning_rate=0.001", 4, 1, 54, 46, -2.5, 40.0, 0.5, -19.9, 16.3),
        ("ours", 19, 1, 54, 44, -2.7, 40.1, 0.0, 0.0, 0.0),
        ("weight_order=sad+happy", 3, 0, 20, 15, -3.7, 1.0, -2.4, -6.3, -0.3),
        ("model=cnn_one_pool", 5, 0, 54, 44, 0.1, 1.0, -45.1, -55.9, -34.5),
    ],
    columns=FIT,
)
RATE = ["task", "loss", "learning_rate", "seeds", "val", "val_std", "test", "test_std", "chosen"]
RATES = pd.DataFrame(
    [
        (task, loss, rate, 3, val, 0.01, test, 0.02, rate == best)
        for task in ("binary", "multiclass")
        for loss, best in (("cross_entropy", 5e-4), ("focal", 1e-3))
        for rate, val, test in ((5e-4, 0.6, 0.5), (1e-3, 0.61, 0.4))
    ],
    columns=RATE,
)
GAINS = pd.DataFrame(
    [("binary", 5e-4, 1e-3, 3, -0.01, -0.02, 0.03), ("multiclass", 5e-4, 1e-3, 3, 0.04, 0.0, 0.08)],
    columns=["task", "cross_entropy", "focal", "n", "mean", "low", "high"],
)
CHANCE = pd.DataFrame(
    [
        ("split", 25, 0.024, 0.018, 0.035, 0.15, 0.0, 0.75),
        ("init", 25, 0.020, 0.015, 0.029, 0.0, 0.0, 0.39),
        ("order", 25, 0.021, 0.015, 0.029, 0.01, 0.0, 0.61),
        ("all", 20, 0.022, 0.016, 0.031, None, None, None),
    ],
    columns=["source", "runs", "std", "low", "high", "same", "same_low", "same_high"],
)
FRAMES = {"readings": READINGS, "rates": RATES, "rate_gains": GAINS, "chance": CHANCE}


@pytest.fixture
def results(monkeypatch):
    """Studies of one run each, of which only the precision is asked."""
    one = Results(paths.RESULTS, pd.DataFrame({"precision": ["bf16"]}), None, None)
    monkeypatch.setattr(Results, "has_study", lambda self, name: True)
    monkeypatch.setattr(Results, "study", lambda self, name: one)
    return one


def rows(table: str) -> list[list[str]]:
    lines = [line for line in table.splitlines() if line.endswith(r" \\")]
    return [line.removesuffix(r" \\").split(" & ") for line in lines]


def test_readings_are_named_in_words_and_ours_is_compared_with_nothing():
    _, *table = rows(reading_tables.make(FRAMES)["readings"])
    assert table == [
        ["no class weights", "5", "$-1.8$", "47 of 54", "$+42.7$", "$+24.2$ to $+57.1$"],
        ["learning rate 0.001", "4", "$-2.5$", "46 of 54", "$+0.5$", "$-19.9$ to $+16.3$"],
        ["ours", "19", "$-2.7$", "44 of 54", "", ""],
        ["CNN, one pooling", "5", "$+0.1$", "44 of 54", "$-45.1$", "$-55.9$ to $-34.5$"],
    ]


def test_orders_of_the_weights_have_a_table_of_their_own():
    _, *table = rows(reading_tables.make(FRAMES)["weight_orders"])
    assert [row[0] for row in table] == [
        "sad, fear, happy, angry",
        "sad, happy, angry, fear",
        "sad, happy",
    ]


def test_rates_stand_beside_each_other_and_the_chosen_one_is_tested():
    header, *table = rows(reading_tables.make(FRAMES)["rates"])
    assert header == ["task", "loss", "0.0005", "0.001", "chosen", "test"]
    assert table[0] == ["two classes", "cross-entropy", "60.0", "61.0", "0.0005", "50.0 $\\pm$ 2.0"]
    assert table[1] == ["two classes", "focal", "60.0", "61.0", "0.001", "40.0 $\\pm$ 2.0"]


def test_sources_of_chance_have_their_spread_and_all_at_once_no_share():
    _, *table = rows(reading_tables.make(FRAMES)["sources"])
    assert table[0] == ["cap and split", "25", "2.4", "1.8 to 3.5", "15.0", "0.0 to 75.0"]
    assert table[3] == ["all at once", "20", "2.2", "1.6 to 3.1", "", ""]


def test_what_has_not_run_has_no_table_and_no_numbers(results, monkeypatch):
    assert reading_tables.make({}) == {}
    ours_alone = {"readings": READINGS[READINGS["reading"] == "ours"]}
    empty = {"rates": RATES.head(0), "rate_gains": GAINS.head(0), "chance": CHANCE.tail(1)}
    assert reading_tables.make(ours_alone | empty) == {}
    monkeypatch.setattr(Results, "has_study", lambda self, name: False)
    assert reading_numbers.numbers(results, {}) == {}
    assert reading_numbers.numbers(results, ours_alone | empty) == {}


def test_the_numbers_are_those_of_the_evidence(results):
    read = {name: as_read(frame) for name, frame in FRAMES.items()}
    values = reading_numbers.numbers(results, read)
    assert values["readings"] == "3" and values["readings.seeds"] == "4 to 5"
    assert values["readings.better"] == "no class weights"
    assert values["readings.worse"] == "CNN, one pooling"
    assert values["readings.best.gain.low"] == "$+24.2$"
    assert values["orders"] == "2" and values["orders.better"] == "1"
    assert values["orders.best"] == "sad, fear, happy, angry"
    assert values["rates.binary.gain"] == "$-1.0$"
    assert values["rates.multiclass.gain.high"] == "$+8.0$"
    assert values["chance.split"] == "2.4" and values["chance.all.high"] == "3.1"
    assert values["chance.same.source"] == "cap and split"


@pytest.mark.parametrize(
    "low, verdict",
    [
        (0.018, "no source stands out: their intervals overlap"),
        (0.030, "cap and split move it more than initial weights do"),
    ],
)
def test_a_source_stands_out_where_the_intervals_do_not_overlap(results, low, verdict):
    changed = CHANCE.assign(low=CHANCE["low"].where(CHANCE["source"] != "split", low))
    values = reading_numbers.numbers(results, {"chance": changed})
    assert values["chance.verdict"] == verdict


def test_every_number_that_the_chapter_uses_is_defined(results):
    text = (paths.REPORT / "sections" / "readings.tex").read_text(encoding="utf-8")
    used = set(re.findall(r"\\fer\{([^}#]+)\}", text))
    assert used <= set(reading_numbers.numbers(results, FRAMES))
