"""Numbers of the chapter on what the labels are worth, as they are printed."""

from collections.abc import Mapping

import pandas as pd

from fer_utils.analysis.answerers import TOGETHER
from fer_utils.analysis.label_evidence import Frames
from fer_utils.analysis.people_and_networks import ALL, PEOPLE
from fer_utils.data.tasks import EMOTIONS
from fer_utils.reporting.label_tables import SPLIT
from fer_utils.reporting.latex import percent, signed


def numbers(pages: Frames) -> dict[str, str]:
    """Keys and printed values, as far as there are pages of label_evidence."""
    makers = {
        "agreement": _agreement,
        "answers": _answers,
        "confusion": _confusion,
        "copies": _copies,
        "doubtful": _doubtful,
        "non_faces": _non_faces,
    }
    texts: dict[str, str] = {}
    for page, make in makers.items():
        texts |= make(pages[page]) if page in pages else {}
    return {f"labels.{key}": text for key, text in texts.items()}


def ceiling(pages: Frames) -> str:
    """How far people agree with the labels, in a sentence for README and model card.

    Empty where there are no pages, or no network of seven classes.
    """
    texts = numbers(pages)
    if "labels.seven.best.all" not in texts:
        return ""
    single, majority = (
        "{} % ({} to {})".format(
            *(texts[f"labels.all.{name}{end}"] for end in ("", "_low", "_high"))
        )
        for name in ("single", "majority")
    )
    network, one = (texts[f"labels.seven.{who}.all.people"] for who in ("best", "one person"))
    return (
        f"Ten people looked at each of {texts['labels.images']} {SPLIT} pictures (FER+, Barsoum "
        f"and others 2016): a single answer is FER2013's label in {single} of the cases, the most "
        f"frequent of the ten on {majority} of the pictures. A network that scores higher "
        f"({texts['labels.seven.best.all']} % in seven classes) has learnt how FER2013 labels: "
        f"what most people see it names on {network} %, a single person on {one} %."
    )


def _shares(row: Mapping, key: str, *columns: str) -> dict[str, str]:
    return {f"{key}.{column}": percent(row[column]) for column in columns}


def _agreement(frame: pd.DataFrame) -> dict[str, str]:
    """How often people name a class's label: <class>.single, …"""
    names = [f"{name}{end}" for name in ("single", "majority") for end in ("", "_low", "_high")]
    texts: dict[str, str] = {}
    of_split = frame[frame["split"] == SPLIT].set_index("class")
    for row in of_split.reset_index().to_dict("records"):
        texts |= _shares(row, row["class"], *names, "tied", "no_class")
    return texts | {"images": f"{of_split.loc['all', 'images']:,}"}


def _answers(frame: pd.DataFrame) -> dict[str, str]:
    """<task>.<who>.<part>: of the label; with .people, .balanced and .gain, and of how many images.

    Of four and of seven classes, and not of their classes one by one.

    who: one person, …; cnn.<loss>, fer; best, which is asked about all seven classes where it can
    be, and best.together.
    """
    texts: dict[str, str] = {}
    told = frame[frame["task"].isin(("multiclass", "seven")) & ~frame["part"].isin(EMOTIONS)]
    for row in told.to_dict("records"):
        if (answerer := who(row)) is None:
            continue
        key = f"{row['task']}.{answerer}.{row['part']}"
        texts |= {key: percent(row["label"])} | _shares(row, key, "balanced", "people")
        if row["part"] == ALL:
            gains = ("gain", "gain_low", "gain_high")
            texts |= {f"{key}.{name}": signed(row[name] * 100) for name in gains}
        texts[f"{row['task']}.{row['part']}.images"] = f"{row['images']:,}"
    return texts


def who(row: Mapping) -> str | None:
    """Whose answers these are, in a key; None for networks that the text has no use for."""
    if row["network"] == PEOPLE:
        return row["kind"]
    if row["network"] == "cnn":
        return f"cnn.{row['loss']}"
    # of several kinds the last one stays: networks restricted to a task come after those of it
    named = {"small_resnet": "best", "fer": "fer"}.get(row["network"])
    return f"{named}.together" if named and row["kind"].endswith(TOGETHER) else named


def _confusion(frame: pd.DataFrame) -> dict[str, str]:
    """Answers of neutral, of all votes or of all answers of the network, by label."""
    rows = frame.to_dict("records")
    return {
        f"{'people' if r['who'] == PEOPLE else 'best'}.{r['true']}.neutral": percent(r["neutral"])
        for r in rows
    }


def _copies(frame: pd.DataFrame) -> dict[str, str]:
    texts: dict[str, str] = {}
    for row in frame.to_dict("records"):
        kind = row["kind"]
        counts = ("pairs", "answered", "conflicting", "one_of_them", "another", "tied", "images")
        texts |= {f"{kind}.{name}": f"{row[name]:,}" for name in counts}
        texts |= _shares(row, kind, "same_votes", "answer_repeats", "label_repeats", "named")
    return texts


def _doubtful(frame: pd.DataFrame) -> dict[str, str]:
    """<study>.<group>.refuted, …; gains in points."""
    texts: dict[str, str] = {}
    for row in frame.to_dict("records"):
        key = f"{row['study']}.{row['group']}"
        texts |= _shares(row, key, "refuted", "expected", "unnamed", "confirmed")
        gains = ("gain", "gain_low", "gain_high")
        texts |= {f"{key}.{name}": signed(row[name] * 100) for name in gains}
        texts |= {f"{key}.images": f"{row['images']:,}", f"{key}.no_votes": str(row["no_votes"])}
    return texts


def _non_faces(frame: pd.DataFrame) -> dict[str, str]:
    whole = frame.set_index("split").loc["all"]
    return {f"non_faces.{name}": f"{count:,}" for name, count in whole.items()}
