"""Tables, figure, numbers and sentences on what the labels are worth."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from golden.build import COMMITTED
from reporting.drawn import texts
from reporting.test_tables import rows

from fer_utils.analysis import label_evidence
from fer_utils.data import ferplus
from fer_utils.experiments.results import open_results
from fer_utils.reporting import build, label_numbers, label_plots, label_tables


@pytest.fixture(scope="module")
def pages():
    return label_evidence.read(open_results("fer2013", COMMITTED.parent))


@pytest.fixture(scope="module")
def answers(pages):
    """Of the report's answerers, by task, who and part."""
    frame = pages["answers"]
    who = [label_numbers.who(row) for row in frame.to_dict("records")]
    shown = frame.assign(who=who).dropna(subset="who")
    # of networks trained on a task and restricted to it the latter
    shown = shown.drop_duplicates(["task", "who", "part"], keep="last")
    return shown.set_index(["task", "who", "part"]).sort_index()


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_classes_stand_in_rows_with_people_before_the_network(pages):
    header, angry, *_, whole = rows(label_tables.make(pages)["labels"])
    assert header == ["label", "images", "one person", "most frequent", "tied", "no class",
                      "small ResNet"]  # fmt: skip
    frame = pages["agreement"].query("split == 'PrivateTest'").set_index("class")
    assert angry[0] == "angry" and angry[2].startswith(f"{frame.loc['angry', 'single']:.1%}"[:-1])
    assert whole[3].startswith(f"{frame.loc['all', 'majority']:.1%}"[:-1])
    assert whole[6].startswith("70.") and whole[0] == "all"


def test_tasks_stand_in_columns_and_who_answers_in_rows(pages, answers):
    header, one, *others, images = rows(label_tables.make(pages)["labels_tasks"])
    assert header[2:] == ["two classes", "three classes", "four classes", "seven classes"]
    four = answers.loc[("multiclass", "one person", "all")]
    low, high = (f"{four[f'label_{end}'] * 100:.1f}" for end in ("low", "high"))
    assert one[:2] == ["people", "one person"]
    assert one[4] == rf"{four['label'] * 100:.1f}\,({low}--{high})"
    [cnn] = [row for row in others if row[:2] == ["CNN", "trained on the task, focal"]]
    assert cnn[3] == cnn[5] == ""
    assert images[2:] == ["3,007", "3,962", "4,985", "3,572"]


def test_without_pages_there_is_nothing(pages):
    nothing = label_tables.make({}), label_plots.make({}), label_numbers.numbers({})
    assert nothing == ({}, {}, {}) and label_numbers.ceiling({}) == ""


def test_a_report_is_made_again_when_votes_have_come(store, tmp_path):
    runs = pd.DataFrame({"run": []})
    results = SimpleNamespace(folder=tmp_path / "results", runs=runs, faces=lambda: store)
    before = build._made_from(results, tmp_path / "generated")
    assert build._made_from(results, tmp_path / "generated") == before
    (store.folder / ferplus.FILE).write_text("votes\n")
    assert build._made_from(results, tmp_path / "generated") != before


def test_the_figure_shows_people_beside_the_network_and_accuracy_by_votes(pages, answers):
    figure = label_plots.make(pages)["labels"]
    people, network, four, seven = figure.axes
    assert (people.get_title(), network.get_title()) == ("people", "small ResNet")
    sad = pages["confusion"].query("who == 'people' and true == 'sad'").iloc[0]
    of_seven = sad.loc["neutral":"fear"].sum()
    assert texts(people)[5 * 7 + 4] == f"{100 * sad['neutral'] / of_seven:.0f}"
    assert len(texts(network)) == 49
    assert [label.get_text() for label in four.get_legend().get_texts()] == [
        "small ResNet", "fer", "CNN, cross-entropy", "CNN, focal"
    ]  # fmt: skip
    assert len(seven.containers) == 2
    drawn = four.containers[0].lines[0].get_ydata()
    assert drawn[-1] == answers.loc[("multiclass", "best", "9 or 10 votes"), "label"]


def test_the_sentences_on_the_labels_hold(pages, answers):
    """report/sections/labels.tex puts these findings into words."""
    people = pages["agreement"].query("split == 'PrivateTest'").set_index("class")
    seen, unseen = ["happy", "neutral", "surprise"], ["angry", "disgust", "fear", "sad"]
    assert (people.loc[seen, ["single", "majority"]] > 0.5).all(axis=None)
    assert (people.loc[unseen, ["single", "majority"]] < 0.5).all(axis=None)
    label = answers["label"]
    for name in (*unseen, "surprise"):
        assert label["seven", "best", name] > label["seven", "most frequent answer", name]
    for name in ("happy", "neutral"):
        assert label["seven", "best", name] < label["seven", "most frequent answer", name]
    for task in ("binary", "multiclass"):
        for loss in ("cross_entropy", "focal"):
            cnn = answers.loc[(task, f"cnn.{loss}", "all")]
            assert cnn["gain_high"] < 0 and cnn["label_high"] < label[task, "one person", "all"]
    gains = answers.xs(("best", "all"), level=("who", "part"))
    assert (gains["gain"].abs() < 0.015)[["binary", "three"]].all()
    assert (gains["gain_low"] > 0)[["multiclass", "seven"]].all()
    best, one = (answers.loc[("seven", who, "all")] for who in ("best", "one person"))
    assert best["people_high"] < one["people_low"], "it is not better at seeing what people see"
    unlike = [answers.loc[("seven", who, "people disagree, no copy"), "label"] for who in
              ("votes and habit", "best")]  # fmt: skip
    assert unlike[0] < 0.25 < unlike[1]
    bins = [f"{votes} votes" for votes in ("0 to 2", "3 to 5", "6 to 8", "9 or 10")]
    networks = [key for key in label.index if key[1] in ("best", "fer", "cnn.focal")]
    for task, who in {key[:2] for key in networks if key[0] in label_plots.PANELS}:
        for column in ("label", "balanced"):
            assert answers.loc[(task, who), column][bins].is_monotonic_increasing


def test_the_sentences_on_doubtful_labels_and_copies_hold(pages):
    doubtful = pages["doubtful"].set_index(["study", "group"])
    listed, first = (
        doubtful.loc[("report_a", "all listed")],
        doubtful.loc[("report_a", "first 200")],
    )
    errors = doubtful.loc[("report_a", "all errors")]
    assert listed["gain_low"] > 0 and listed["gain"] < 0.05 and first["gain_low"] > 0.1
    assert first["refuted_low"] < errors["refuted"], "no more than any error at all"
    better = doubtful.loc[("best", "first 200")]
    assert better["refuted_low"] > doubtful.loc[("best", "all errors"), "refuted_high"]
    assert better["refuted_low"] > first["refuted_high"] and better["confirmed"] > 0.4
    copies = pages["copies"].set_index("kind")
    assert copies.loc["identical", "same_votes"] > 0.99 and copies.loc["near", "same_votes"] < 0.1
    assert abs(copies.loc["near", "label_repeats"] - copies.loc["near", "answer_repeats"]) < 0.03
    faces = pages["non_faces"].set_index("split").loc["all"]
    assert faces["blank"] == faces["blank_no_face"]


def test_numbers_and_the_ceiling_are_the_pages(pages, answers):
    values = label_numbers.numbers(pages)
    assert values["labels.images"] == "3,572" and values["labels.all.single"] == "55.8"
    best = answers.loc[("seven", "best", "all")]
    assert values["labels.seven.best.all"] == f"{best['label'] * 100:.1f}"
    assert values["labels.seven.best.all.people"] == f"{best['people'] * 100:.1f}"
    restricted = answers.loc[("multiclass", "best", "all")]
    assert "restricted" in restricted["kind"]
    assert values["labels.multiclass.best.all"] == f"{restricted['label'] * 100:.1f}"
    sentence = label_numbers.ceiling(pages)
    assert "3,572 PrivateTest pictures" in sentence and "55.8 % (54.6 to 57.1)" in sentence


def test_who_gives_the_label_draws_people_and_networks_with_intervals(answers, pages):
    (axis,) = label_plots.who_gives_the_label(pages["answers"], "multiclass").axes
    names = [label.get_text() for label in axis.get_yticklabels()]
    widths = dict(zip(names, (bar.get_width() for bar in axis.patches), strict=True))
    whole = pages["answers"].query("task == 'multiclass' and part == 'all'")
    (cnn,) = whole.query("network == 'cnn' and loss == 'focal'")["label"]
    (person,) = whole.query("kind == 'one person'")["label"]
    assert widths["CNN, trained on the task, focal"] == cnn
    assert widths["people, one person"] == person
    assert not any("together" in name or "MobileNet" in name for name in names)
    segments = axis.containers[1].lines[2][0].get_segments()
    low_high = whole.query("kind == 'one person'")[["label_low", "label_high"]].to_numpy()[0]
    place = names.index("people, one person")
    assert segments[place][:, 0] == pytest.approx(low_high)


def test_doubts_are_counts_by_label_and_suggestion():
    pairs = pd.DataFrame([[0, 1200], [3, 0]], index=["happy", "sad"], columns=["happy", "sad"])
    (axis,) = label_plots.doubts(pairs).axes
    assert texts(axis) == ["0", "1,200", "3", "0"]
    assert (axis.get_ylabel(), axis.get_xlabel()) == ("label", "suggested")
