"""People beside networks on the same test images: who names FER2013's label, who what people see.

People had ten answers to choose from (FER+). Here they choose among the task's classes, like the
networks: other votes are left out. Where none is left, or the most frequent answers are tied, one
of the possible answers is guessed.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fer_utils.analysis import human_labels, image_parts
from fer_utils.analysis.answerers import Answerer, common_rows
from fer_utils.analysis.leakage import copied
from fer_utils.data import ferplus
from fer_utils.data.dataset import TEST_SPLITS, Faces
from fer_utils.data.tasks import get_task
from fer_utils.experiments.results import Results

PEOPLE = "people"
ONE, MOST, HABIT = "one person", "most frequent answer", "votes and habit"
ALL, FRESH, AGREE, DISAGREE = "all", "no copy", "people agree", "people disagree"
FRESH_DISAGREE = "people disagree, no copy"
# by how many of ten people gave the label
BINS = {"0 to 2 votes": (0, 2), "3 to 5 votes": (3, 5), "6 to 8 votes": (6, 8)}
BINS |= {"9 or 10 votes": (9, 10)}


def answers(
    results: Results,
    everyone: dict[str, list[Answerer]],
    faces: Faces,
    votes: pd.DataFrame,
    groups: np.ndarray,
) -> pd.DataFrame:
    """Who names the label how often, one row per task, answerer and part of the test images.

    Parameters
    ----------
    everyone
        Networks, as of `answerers.by_task`.
    groups
        int, one per image of `faces`: copies of a photograph, as of `leakage.photographs`.

    Returns
    -------
    DataFrame
        On the test images with votes that all of a task's networks were tested on; shares of 1.

        - task;
        - network, kind, loss, epochs, run, seeds: as of `Answerer`. Of people, `kind` is ONE
          person; the MOST frequent answer; or HABIT: what a logistic regression on all ten votes
          makes of them, which learnt from the training images how FER2013 labels such pictures;
        - part: ALL; FRESH, without a copy in training; a class; AGREE and DISAGREE: people's most
          frequent answer is the label, or another class; FRESH_DISAGREE; and BINS;
        - images;
        - label, label_low, label_high: share of answers that are the label, with the interval of
          `image_parts.means`;
        - gain, gain_low, gain_high: this share minus that of MOST on the same images;
        - people, people_low, people_high: share of answers that are people's most frequent one, of
          images that have one; for one person that of the other nine;
        - balanced: as label, mean over the classes in this part.
    """
    images = human_labels.per_image(faces, votes)
    tables = []
    for task, networks in everyone.items():
        classes = get_task(task).classes
        rows = common_rows(networks, images.index)
        label = pd.Index(classes).get_indexer(images.loc[rows, "class"])
        # −1 where people have no most frequent answer
        seen = pd.Index(classes).get_indexer(ferplus.majority(votes.loc[rows], classes))
        own = images.loc[rows, "own"].to_numpy()
        parts = {ALL: np.ones(len(rows), bool), FRESH: ~copied(results, rows)}
        parts |= {name: label == position for position, name in enumerate(classes)}
        parts |= {AGREE: seen == label, DISAGREE: (seen >= 0) & (seen != label)}
        parts[FRESH_DISAGREE] = parts[DISAGREE] & parts[FRESH]
        parts |= {name: (own >= low) & (own <= high) for name, (low, high) in BINS.items()}
        people = _people(votes.loc[rows, list(classes)].to_numpy(), label, seen)
        most = people[MOST].to_label
        habit = _scored(_habit(faces, votes, classes, rows), label, seen, fixed=True)
        scored = [(_of_people(kind), one) for kind, one in (people | {HABIT: habit}).items()]
        scored += [(n.about(), _scored(n.answers(rows), label, seen, n.fixed)) for n in networks]
        for about, one in scored:
            compared = {"label": one.to_label, "gain": one.to_label - most, "people": one.to_people}
            frame = pd.DataFrame({"task": task} | about, index=range(len(parts)))
            for name, scores in compared.items():
                means = image_parts.means(scores, parts, groups[rows], one.fixed)
                if name == "label":
                    frame[["part", "images"]] = means[["part", "images"]]
                frame[[name, f"{name}_low", f"{name}_high"]] = means[["mean", "low", "high"]]
            frame["balanced"] = [
                _balanced(one.to_label, label, members) for members in parts.values()
            ]
            tables.append(frame)
    return pd.concat(tables, ignore_index=True)


def _of_people(kind: str) -> dict[str, object]:
    """As `Answerer.about`."""
    return {"network": PEOPLE, "kind": kind, "loss": "", "epochs": 0, "run": "", "seeds": 0}


@dataclass(frozen=True)
class _Scored:
    """Someone's answers: are they the label, are they what people see? 0..1, S×I or I.

    NaN: people have no most frequent answer, so that nobody can give it.
    """

    to_label: np.ndarray
    to_people: np.ndarray
    fixed: bool = True


def _scored(given: np.ndarray, label: np.ndarray, seen: np.ndarray, fixed: bool) -> _Scored:
    """Answers, labels and what people see: positions among the classes, −1 for nothing."""
    return _Scored(given == label, np.where(seen >= 0, given == seen, np.nan), fixed)


def _balanced(to_label: np.ndarray, label: np.ndarray, members: np.ndarray) -> float:
    by_class = pd.Series(np.atleast_2d(to_label).mean(axis=0)[members]).groupby(label[members])
    return by_class.mean().mean()


def _people(counts: np.ndarray, label: np.ndarray, seen: np.ndarray) -> dict[str, _Scored]:
    """ONE person and the MOST frequent answer, from votes for the classes: I×classes."""
    image = np.arange(len(counts))
    given = np.where(counts.any(axis=1, keepdims=True), counts, 1)  # no vote: any class is guessed
    # on the images on which all others are compared with people
    alike = np.where(seen >= 0, _like_the_others(counts), np.nan)
    top = given == given.max(axis=1, keepdims=True)
    nothing = np.full(len(counts), np.nan)  # it is what the others are compared with
    return {
        ONE: _Scored(given[image, label] / given.sum(axis=1), alike),
        MOST: _Scored(top[image, label] / top.sum(axis=1), nothing),
    }


def _like_the_others(counts: np.ndarray) -> np.ndarray:
    """Of each image's votes (I×classes), the share that is the other votes' most frequent answer.

    Votes whose others have no single most frequent answer do not count; NaN where none does.
    """
    alike, compared = np.zeros(len(counts)), np.zeros(len(counts))
    for answer in range(counts.shape[1]):
        others = counts.copy()
        others[:, answer] = np.maximum(counts[:, answer] - 1, 0)
        most = others.max(axis=1)
        single = ((others == most[:, None]).sum(axis=1) == 1) & (most > 0)
        compared += counts[:, answer] * single
        alike += counts[:, answer] * (single & (others.argmax(axis=1) == answer))
    return np.divide(alike, compared, where=compared > 0, out=np.full(len(counts), np.nan))


def _habit(
    faces: Faces, votes: pd.DataFrame, classes: tuple[str, ...], rows: np.ndarray
) -> np.ndarray:
    """The label that pictures with such votes have most often in training: int, one per row."""
    from sklearn.linear_model import LogisticRegression  # half a second that few need

    shares = votes.div(votes.sum(axis=1), axis=0)
    training = ~faces.index["split"].isin(TEST_SPLITS) & faces.index["label"].isin(classes)
    training &= shares.notna().all(axis=1)
    learnt = LogisticRegression(max_iter=1000)
    learnt.fit(shares[training].to_numpy(), faces.index.loc[training, "label"])
    return pd.Index(classes).get_indexer(learnt.predict(shares.loc[rows].to_numpy()))


def confusion(network: Answerer, faces: Faces, rows: np.ndarray) -> pd.DataFrame:
    """Share of a network's answers (columns) on these images, by their label, mean over its seeds.

    Returns
    -------
    DataFrame
        As `human_labels.confusion`: true, images, and one column per class.
    """
    classes = [str(name) for name in network.members[0]["classes"]]
    labels = faces.index["label"].to_numpy()[rows]
    given = network.answers(rows)
    shares = np.stack([(given == position).mean(axis=0) for position in range(len(classes))], 1)
    by_label = pd.DataFrame(shares, columns=classes).groupby(labels)
    table = by_label.mean()
    table.insert(0, "images", by_label.size())
    return table.rename_axis("true").reset_index()
