"""Our networks beside one that others publish, on the same test images.

Its answers stand in best/rival.npz, which benchmarks/rival.py makes, and those of its package as
people call it in best/rival_as_used.npz, by benchmarks/rival_as_used.py.
"""

import math
from pathlib import Path

import numpy as np
import pandas as pd

from fer_utils.analysis import image_parts
from fer_utils.analysis.leakage import copied, photographs
from fer_utils.analysis.loss_comparison import mean_interval
from fer_utils.analysis.restricted import Predictions, contenders, on_rows, restricted
from fer_utils.errors import FerError
from fer_utils.evaluation.metrics import is_correct
from fer_utils.experiments.results import Results

ALL, FRESH = "all", "no copy"  # parts of the test images
WAYS = {  # of calling the package: arrays of rival_as_used.npz
    "margin": "whole picture, its margin",
    "search": "its own search",
    "search_enlarged": "its own search, enlarged 4×",
}
SEARCHES = (WAYS["search"], WAYS["search_enlarged"])
BEST_CASE = "whole picture, no margin"
USED = ("way", "images", "found", "right_of_found", "accuracy", "low", "high")
# published by its author, github.com/oarriaga/face_classification: src/train_emotion_classifier.py
# and, for epoch 102 counted from 0, trained_models/emotion_models/fer2013_emotion_training.log
BATCH, LOGGED_ACCURACY = 32, 0.65505713174


def read(path: Path) -> Predictions:
    """The rival's answers on all test images of the data set.

    Returns
    -------
    Predictions
        classes, test_logits (of an image and its mirror image), test_labels, test_rows; and
        installed_logits, of one view of an image, as the rival's package computes them.
    """
    with np.load(path) as arrays:
        return dict(arrays)


def beside(study: Results, rival: Predictions, resamples: int = 2000) -> pd.DataFrame:
    """Accuracy of a study's networks and of a rival that knows all their classes.

    The rival answers with one of the task's classes, on the very images that ours were tested on.

    Parameters
    ----------
    rival
        As `read` returns it.
    resamples
        Draws of images for the intervals.

    Returns
    -------
    DataFrame
        One row per task, kind of network and part of its test images; accuracies are 0..1.

        - task, network: as of `restricted.contenders`;
        - part: ALL, or FRESH, the images without a copy in training: a large network may know the
          others by heart;
        - images, seeds: how many test images the part has, and how many networks are ours;
        - installed: the rival on one view of an image, as its package computes it;
        - rival, ours: on the image and its mirror image; ours is the mean over the seeds;
        - gain, gain_low, gain_high: ours − rival, with its 95 % interval for other seeds of ours
          and other images, copies of a photograph drawn together (NaN for a single seed).

    Raises
    ------
    FerError
        If the rival's answers are on other images than those of the runs.
    """
    one_view = rival | {"test_logits": rival["installed_logits"]}
    rows = []
    for (task, network), members in contenders(study).items():
        first = next(iter(members.values()))  # all seeds have the same test images
        classes, images = tuple(map(str, first["classes"])), first["test_rows"]
        mirrored, installed = (
            on_rows(restricted(answers, classes), images) for answers in (rival, one_view)
        )
        # rows alone would not do: another order of the same data set has the same row numbers
        if not all(np.array_equal(mirrored[n], first[n]) for n in ("test_rows", "test_labels")):
            raise FerError(
                "the rival answered on another data set than these runs: "
                "python benchmarks/rival.py anew"
            )
        right, right_installed = is_correct(mirrored, "test"), is_correct(installed, "test")
        hits = np.stack([is_correct(member, "test") for member in members.values()])
        fresh = ~copied(study, images)
        parts = {ALL: np.ones_like(fresh), FRESH: fresh}
        groups = photographs(study, images)
        gains = image_parts.means(hits.astype(int) - right, parts, groups, resamples=resamples)
        for gain in gains.itertuples():
            kept = parts[gain.part]
            row = {
                "task": task,
                "network": network,
                "part": gain.part,
                "images": gain.images,
                "seeds": len(members),
                "installed": right_installed[kept].mean(),
                "rival": right[kept].mean(),
                "ours": hits[:, kept].mean(),
            }
            rows.append(row | {"gain": gain.mean, "gain_low": gain.low, "gain_high": gain.high})
    return pd.DataFrame(rows)


def as_used(study: Results, rival: Predictions, used: Predictions) -> pd.DataFrame:
    """How often the rival's package names all seven classes rightly, in each way of calling it.

    On the test images of the networks of seven classes.

    Parameters
    ----------
    rival
        As `read` returns it: BEST_CASE is its network on one view of the whole picture.
    used
        What rival_as_used.npz holds: in each of WAYS the package's scores, uint8 hundredths,
        images×classes, all 0 where it found no face; classes, test_labels, test_rows.

    Returns
    -------
    DataFrame
        One row per way.

        - way: BEST_CASE, or of WAYS;
        - images, found: how many there are, and in how many a face was found;
        - right_of_found: share of these that is named rightly, NaN where none was found;
        - accuracy, low, high: share of all that is, with its 95 % interval over images.

    Raises
    ------
    FerError
        If the two files are not of the same images.
    """
    if not all(np.array_equal(rival[n], used[n]) for n in ("test_rows", "test_labels")):
        raise FerError(
            "rival.npz and rival_as_used.npz are of other images: make both anew in benchmarks/"
        )
    of_seven = study.runs.loc[study.runs["task"] == "seven", "run"]
    if of_seven.empty:
        return pd.DataFrame(columns=USED)
    tested = np.isin(rival["test_rows"], study.predictions(of_seven.iloc[0])["test_rows"])
    rows, labels = rival["test_rows"][tested], rival["test_labels"][tested]
    scores = {BEST_CASE: rival["installed_logits"]} | {way: used[key] for key, way in WAYS.items()}
    table = []
    for way, of_way in scores.items():
        answers = of_way[tested]
        found = answers.any(axis=1)
        right = found & (answers.argmax(axis=1) == labels)
        low, high = mean_interval(study, rows, right)
        of_found = right[found].mean() if found.any() else np.nan
        table.append((way, len(rows), int(found.sum()), of_found, right.mean(), low, high))
    return pd.DataFrame(table, columns=USED)


def origin(used: Predictions) -> pd.DataFrame:
    """What the checkpoint in the rival's package tells of its training: fact, value (texts).

    Returns
    -------
    DataFrame
        - test_right, training_right of test_images, training_images: how many it names rightly,
          whole pictures; quantised_agrees: test images on which the quantised file, which the
          package runs, gives the same answer;
        - keras, optimiser, learning_rate, steps: as they are stored in it;
        - batches, epochs: how many batches of BATCH an epoch over the training images has, and how
          many epochs the steps are;
        - logged_right: test images that its author's log calls right, LOGGED_ACCURACY of them;
        - sha256: of the file.
    """
    facts = {str(fact): str(value) for fact, value in used["origin"]}
    facts["logged_right"] = f"{int(facts['test_images']) * LOGGED_ACCURACY:.0f}"
    batches = math.ceil(int(facts["training_images"]) / BATCH)
    facts |= {"batches": str(batches), "epochs": f"{int(facts['steps']) / batches:g}"}
    return pd.DataFrame(facts.items(), columns=["fact", "value"])
