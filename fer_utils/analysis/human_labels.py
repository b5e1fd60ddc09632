"""What FER2013's labels are worth: each beside ten people's votes on the same picture (FER+).

Only pictures that FER+ has votes on count (35,709 of 35,887). "Its label" is FER2013's.
"""

import numpy as np
import pandas as pd

from fer_utils.data import ferplus
from fer_utils.data.dataset import TEST_SPLITS, Faces
from fer_utils.experiments.results import Results

NO_CLASS = ["contempt", "unknown", "not_a_face"]  # answers that are no class of FER2013
BINS = {"0 to 2": (0, 2), "3 to 5": (3, 5), "6 to 8": (6, 8), "9 or 10": (9, 10)}


def agreement(faces: Faces, votes: pd.DataFrame) -> pd.DataFrame:
    """How often people name a picture's label: the ceiling for whoever is scored by these labels.

    Parameters
    ----------
    votes
        from `ferplus.of(faces)`, one row per image.

    Returns
    -------
    DataFrame with one row per split and class, and one per split for all classes ("all")
        split, class
        images: with votes
        single: share of single votes that are the label
        majority: share of pictures whose most frequent answer is the label
        tied: share of pictures without one most frequent answer
        no_class: share of votes for contempt, unknown or no face
    """
    table = _per_image(faces, votes)
    table["named"] = table["answer"] == table["class"]
    table["tied"] = table["answer"] == ""
    # appended as one more class, so that the sums below are written once
    everything = table.assign(**{"class": "all"})
    groups = pd.concat([table, everything]).groupby(["split", "class"])
    sums = groups[["own", "outside", "total"]].sum()
    frame = pd.DataFrame(
        {
            "images": groups.size(),
            "single": sums["own"] / sums["total"],
            "majority": groups["named"].mean(),
            "tied": groups["tied"].mean(),
            "no_class": sums["outside"] / sums["total"],
        }
    )
    return frame.reset_index()


def confusion(faces: Faces, votes: pd.DataFrame) -> pd.DataFrame:
    """Share of votes for each answer (columns) on the test images of each label (rows, `true`)."""
    test = faces.index["split"].isin(TEST_SPLITS).to_numpy()
    counts = votes[test].groupby(faces.index["label"].to_numpy()[test]).sum()
    return counts.div(counts.sum(axis=1), axis=0).rename_axis("true").reset_index()


def by_votes(study: Results, faces: Faces, votes: pd.DataFrame) -> pd.DataFrame:
    """Test accuracy of networks by how many of ten people gave the picture its label.

    Returns
    -------
    DataFrame with one row per number of votes, mean over the runs
        task, model, loss, runs
        votes: "0 to 2", "3 to 5", "6 to 8", "9 or 10"
        images: test images in that row
        accuracy: 0..1
    """
    named = _per_image(faces, votes).set_index("row")["own"]
    pieces = []
    for run in study.runs.to_dict("records"):
        stored = study.predictions(run["run"])
        right = stored["test_logits"].argmax(axis=1) == stored["test_labels"]
        count = named.reindex(stored["test_rows"]).to_numpy()
        for name, (low, high) in BINS.items():
            inside = (count >= low) & (count <= high)
            pieces.append(
                {key: run[key] for key in ("task", "model", "loss")}
                | {
                    "votes": name,
                    "images": inside.sum(),
                    "accuracy": right[inside].mean() if inside.any() else np.nan,
                }
            )
    frame = pd.DataFrame(pieces)
    groups = frame.groupby(["task", "model", "loss", "votes"], sort=False)
    table = groups.agg(
        runs=("accuracy", "size"), images=("images", "first"), accuracy=("accuracy", "mean")
    ).reset_index()
    return table[["task", "model", "loss", "runs", "votes", "images", "accuracy"]]


def doubtful_labels(suspects: pd.DataFrame, faces: Faces, votes: pd.DataFrame) -> pd.DataFrame:
    """Is the list of doubtful labels right? Its first pictures and all of it, by what people say.

    Parameters
    ----------
    suspects
        from `label_errors.find`, the most doubtful first; each class of its task is a label in it.

    Returns
    -------
    DataFrame with the rows "first 50", "first 200", "all suspects" and "all images" (of the same
    classes, for comparison)
        pictures: with votes
        label_refuted: share where one other answer has more votes than all others
        label_unnamed: share where no more than one of ten people gave the label
        suggested_confirmed: share where the most frequent answer is the suggested one
        (missing for all images)
        not_a_face: share where this is the most frequent answer
    """
    table = _per_image(faces, votes).set_index("row")
    listed = suspects.set_index("row")["suggested"]
    of_classes = table[table["class"].isin(suspects["label"].unique())]
    groups = {f"first {count}": listed.index[:count] for count in (50, 200)}
    groups |= {"all suspects": listed.index, "all images": of_classes.index}
    rows = []
    for name, members in groups.items():
        # FER+ has no votes on some pictures: they count neither for nor against the list
        part = table.reindex(members).dropna(subset=["own"])
        answer = part["answer"]
        suggested = listed.reindex(part.index)
        rows.append(
            {
                "group": name,
                "pictures": len(part),
                "label_refuted": ((answer != "") & (answer != part["class"])).mean(),
                "label_unnamed": (part["own"] <= 1).mean(),
                "suggested_confirmed": (
                    np.nan if name == "all images" else (answer == suggested).mean()
                ),
                "not_a_face": (answer == "not_a_face").mean(),
            }
        )
    return pd.DataFrame(rows)


def _per_image(faces: Faces, votes: pd.DataFrame) -> pd.DataFrame:
    """row, split, class, total, own (votes for its label), answer, outside: images with votes."""
    counts = votes[list(ferplus.ANSWERS)]
    labels = faces.index["label"]
    places = counts.columns.get_indexer(labels)
    table = pd.DataFrame(
        {
            "row": np.arange(len(labels)),
            "split": faces.index["split"],
            "class": labels,
            "total": counts.sum(axis=1),
            # a label that is no answer of FER+ has no votes
            "own": np.where(places >= 0, counts.to_numpy()[np.arange(len(labels)), places], 0),
            "answer": ferplus.majority(votes),
            "outside": counts[NO_CLASS].sum(axis=1),
        }
    )
    return table[table["total"] > 0]
