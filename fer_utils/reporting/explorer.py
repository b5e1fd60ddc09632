"""Things to move in notebooks: test faces by what is known of them, and a quiz.

Each has a picture of its own, which needs no widget; `move` sets controls beside it.
"""

import inspect
import io
from collections.abc import Callable
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd
from IPython.display import display
from matplotlib.figure import Figure
from PIL import Image

from fer_utils.analysis.leakage import copied
from fer_utils.data import ferplus
from fer_utils.evaluation.metrics import probabilities
from fer_utils.experiments.results import Results
from fer_utils.reporting import committed, figures, lesson_plots
from fer_utils.reporting.alt_text import show

ANY = "any"
COPIES = (ANY, "copy in training", "no copy")
STILL = "A widget: it moves where the notebook runs. The picture above is where it starts."


class Explorer:
    """The test images of one run, with all that is known of each.

    Attributes
    ----------
    classes : names, in the order of the logits.
    faces : the data set; None where it has not been prepared on this machine.
    has_votes : whether it was prepared with FER+'s votes.
    table : one row per test image: row (of the data set), label, predicted, confidence (0..1),
        copied (whether it has a copy in training); and with votes: people (the most frequent
        answer of ten people, empty for a tie), agree (how many of them gave the label, 0..10).

    Raises FerError where the audit is missing.
    """

    def __init__(self, results: Results, run: str):
        arrays = results.predictions(run)
        p, names = probabilities(arrays["test_logits"]), arrays["classes"]
        rows = arrays["test_rows"].astype(int)
        columns: dict[str, Any] = {"row": rows, "label": names[arrays["test_labels"]]}
        columns |= {"predicted": names[p.argmax(1)], "confidence": p.max(1)}
        self.table = pd.DataFrame(columns).assign(copied=copied(results, rows))
        self.classes = tuple(names.tolist())
        self.faces = results.faces()
        self.has_votes = False
        if self.faces is not None and ferplus.stored(self.faces):
            self.has_votes = True
            self.votes = ferplus.of(self.faces).iloc[rows].reset_index(drop=True)
            columns = self.votes.columns.get_indexer(self.table["label"])
            agree = self.votes.to_numpy()[np.arange(len(rows)), columns]
            self.table = self.table.assign(people=ferplus.majority(self.votes), agree=agree)

    def find(
        self,
        label: str = ANY,
        predicted: str = ANY,
        confidence: tuple[float, float] = (0.0, 1.0),
        copies: str = ANY,
        agree: tuple[int, int] = (0, 10),
    ) -> pd.DataFrame:
        """The rows of `table` that fit, surest answers first.

        Parameters
        ----------
        label, predicted
            A class or ANY.
        confidence
            From and to, 0..1.
        copies
            One of COPIES.
        agree
            From and to: how many of ten people gave the label. Without votes it is ignored.
        """
        table = self.table
        keep = table["confidence"].between(*confidence)
        for column, value in (("label", label), ("predicted", predicted)):
            keep &= (table[column] == value) | (value == ANY)
        keep &= (table["copied"] == (copies == COPIES[1])) | (copies == ANY)
        if self.has_votes:
            keep &= table["agree"].between(*agree)
        return table[keep].sort_values("confidence", ascending=False, kind="stable")

    def figure(self, shown: int = 8, **filters: Any) -> Figure:
        """The first images that `find` gives, with what is known of them."""
        chosen = self.find(**filters)
        print(f"{len(chosen):,} of {len(self.table):,} test images fit.")
        return self.gallery(chosen.head(shown))

    def gallery(self, chosen: pd.DataFrame) -> Figure:
        """Images of some rows of `table`; drawn faces where the photographs are not here."""
        if not len(chosen):
            blank = np.full((1, 48, 48), 255, np.uint8)
            return figures.gallery(blank, ["none fits"])
        images = committed.pictures(self.faces, chosen["row"].to_numpy(), chosen["label"].tolist())
        return figures.gallery(images, [_caption(each) for each in chosen.itertuples()])

    def against_people(self, at_least: int = 9, of_class: int = 2) -> Figure:
        """Images on which so many of ten people agree on another answer than the label.

        The first `of_class` of each label. Without votes there are none.
        """
        if not self.has_votes:
            print("Nobody's votes are stored with this data set: see data/README.md.")
            return self.gallery(self.table.head(0))
        most = self.votes.max(axis=1)
        unlike = self.table[(most >= at_least) & (self.table["people"] != self.table["label"])]
        chosen = unlike.sort_values("row").groupby("label").head(of_class).head(8)
        images = committed.pictures(self.faces, chosen["row"].to_numpy(), chosen["label"].tolist())
        captions = [
            f"{c.label}; {most[c.Index]} of 10\nsay {c.people}" for c in chosen.itertuples()
        ]
        return figures.gallery(images, captions)

    def controls(self) -> dict[str, Any]:
        """The controls of `figure`, for `move`; that of the votes only where there are some."""
        names = [ANY, *self.classes]
        controls: dict[str, Any] = {"label": names, "predicted": names, "copies": list(COPIES)}
        wide = {"confidence": ipywidgets.FloatRangeSlider(value=(0, 1), min=0, max=1, step=0.05)}
        if self.has_votes:
            wide["agree"] = ipywidgets.IntRangeSlider(value=(0, 10), min=0, max=10)
        for control in wide.values():
            control.continuous_update = False  # else every step of the way would be drawn
        return controls | wide


def _caption(each) -> str:
    caption = f"{each.label} → {each.predicted}\n{each.confidence:.0%} sure"
    caption += ", copy" if each.copied else ""
    return caption + (f"\n{each.agree}/10 say {each.label}" if hasattr(each, "agree") else "")


class Quiz:
    """Some test faces to be labelled by the reader, who is then set beside people and the network.

    Attributes
    ----------
    table : rows of an explorer's table, in the order in which they are asked.
    answers : the reader's, so far.
    """

    def __init__(self, explorer: Explorer, n: int = 20, seed: int = 0):
        self.explorer = explorer
        self.answers: list[str] = []
        table = explorer.table
        if explorer.has_votes:
            table = table[explorer.votes.sum(axis=1).gt(0)]  # of some pictures FER+ has none
        self.table = table.sample(n, random_state=seed)

    def answer(self, label: str) -> None:
        """The reader's answer to the next face. Nothing happens after the last one."""
        if len(self.answers) < len(self.table):
            self.answers.append(label)

    def scores(self) -> pd.DataFrame:
        """How often each gives FER2013's label to these faces; `share`, 0..1, by who answers.

        You, over the faces that you have answered; the network; and, with votes, one of ten people
        (their mean), and most of them (a tie gives no label).
        """
        labels, shares = self.table["label"], {}
        if self.answers:
            shares["you"] = (labels.iloc[: len(self.answers)] == self.answers).mean()
        shares["the network"] = (self.table["predicted"] == labels).mean()
        if self.explorer.has_votes:
            all_votes = self.explorer.votes.loc[labels.index].sum(axis=1)
            shares["one of ten people"] = (self.table["agree"] / all_votes).mean()
            shares["most of ten people"] = (self.table["people"] == labels).mean()
        return pd.DataFrame({"share": shares})

    def figure(self) -> Figure:
        """A bar for each of `scores`."""
        return lesson_plots.bars(self.scores(), f"FER2013's label given, {len(self.table)} faces")

    def widget(self) -> ipywidgets.Widget:
        """A face, a button for each class, and after the last face the bars."""
        if self.explorer.faces is None:
            return ipywidgets.Label("The photographs are not on this machine: see data/README.md.")
        images = self.explorer.faces.images[self.table["row"].to_numpy()]
        face, status = ipywidgets.Image(format="png", width=240), ipywidgets.Label()
        end = ipywidgets.Output()

        def ask() -> None:
            asked = len(self.answers)
            status.value = f"{asked} of {len(images)} answered"
            if asked < len(images):
                face.value = _png(images[asked])

        def clicked(button: ipywidgets.Button) -> None:
            finished = len(self.answers) == len(images)
            self.answer(button.description)
            ask()
            if not finished and len(self.answers) == len(images):
                with end:
                    show(self.figure(), "How often you, the network and people give the label.")

        buttons = [ipywidgets.Button(description=name) for name in self.explorer.classes]
        for button in buttons:
            button.on_click(clicked)
        ask()
        return ipywidgets.VBox([face, ipywidgets.HBox(buttons), status, end])


def move(draw: Callable[..., Figure], alt: str, **controls: Any) -> None:
    """Shows a figure with controls for the arguments of the function that draws it.

    Parameters
    ----------
    draw
        Takes the values of the controls by name; its defaults are where they start.
    alt
        What the figure shows: see `alt_text.show`.
    controls
        As for `ipywidgets.interactive`: a list of choices, (low, high, step), or a widget.
    """
    starts = inspect.signature(draw).parameters
    for name in controls.keys() & starts.keys():
        widget_of = ipywidgets.interactive.widget_from_abbrev
        controls[name] = widget_of(controls[name], starts[name].default)
    display_widget(ipywidgets.interactive(lambda **values: show(draw(**values), alt), **controls))


def display_widget(widget: ipywidgets.Widget) -> None:
    """Shows a widget; a page that cannot move it shows a sentence in its place."""
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    bundle = {"text/plain": STILL, "application/vnd.jupyter.widget-view+json": view}
    display(bundle, raw=True)


def _png(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).resize((240, 240), Image.Resampling.BICUBIC).save(stream, "PNG")
    return stream.getvalue()
