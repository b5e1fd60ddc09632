"""What FER2013's labels are worth: each beside ten people's votes on the same picture (FER+).

Of people alone; `people_and_networks` sets networks beside them. Only pictures that FER+ has votes
on count. "Its label" is FER2013's.
"""

import numpy as np
import pandas as pd

from fer_utils.analysis import image_parts
from fer_utils.data import ferplus
from fer_utils.data.dataset import SPLITS, Faces

NO_CLASS = ["contempt", "unknown", "not_a_face"]  # answers that are no class of FER2013
ALL = "all"


def per_image(faces: Faces, votes: pd.DataFrame) -> pd.DataFrame:
    """Each image with votes, indexed by its row of the data set.

    Parameters
    ----------
    votes
        from `ferplus.of(faces)`, one row per image.

    Returns
    -------
    DataFrame with the columns
        split, class: the image's
        total, own: how many people voted, and how many for its label
        answer: the most frequent one ("" if tied)
        outside: votes for contempt, unknown or no face
    """
    counts = votes[list(ferplus.ANSWERS)]
    labels = faces.index["label"]
    places = counts.columns.get_indexer(labels)
    table = pd.DataFrame(
        {
            "split": faces.index["split"],
            "class": labels,
            "total": counts.sum(axis=1),
            # a label that is no answer of FER+ has no votes
            "own": np.where(places >= 0, counts.to_numpy()[np.arange(len(labels)), places], 0),
            "answer": ferplus.majority(votes),
            "outside": counts[NO_CLASS].sum(axis=1),
        }
    )
    return table[table["total"] > 0].rename_axis("row")


def agreement(faces: Faces, votes: pd.DataFrame, groups: np.ndarray) -> pd.DataFrame:
    """How often people name a picture's label.

    Parameters
    ----------
    groups
        int, one per image of `faces`: copies of a photograph, as of `leakage.photographs`.

    Returns
    -------
    DataFrame with one row per split and class, and one per split for all classes ("all")
        split, class
        images: with votes
        single, single_low, single_high: share of single votes that are the label, and its 95 %
        interval for other images
        majority, majority_low, majority_high: share of images whose most frequent answer is the
        label; a tie is no answer
        tied: share of images without one most frequent answer
        no_class: share of votes for contempt, unknown or no face
    """
    table = per_image(faces, votes)
    pieces = []
    for split in (split for split in SPLITS if (table["split"] == split).any()):
        images = table[table["split"] == split]
        classes = images["class"].to_numpy()
        parts = {name: classes == name for name in sorted(set(classes))}
        parts[ALL] = np.ones(len(images), bool)
        piece = pd.DataFrame({"split": split, "class": list(parts)})
        piece["images"] = [members.sum() for members in parts.values()]
        single = (images["own"] / images["total"]).to_numpy()
        named = (images["answer"] == images["class"]).to_numpy(float)
        for name, share in (("single", single), ("majority", named)):
            scored = image_parts.means(share, parts, groups[images.index], fixed=True)
            piece[name] = scored["mean"]
            piece[[f"{name}_low", f"{name}_high"]] = scored[["low", "high"]]
        tied = (images["answer"] == "").to_numpy()
        outside = (images["outside"] / images["total"]).to_numpy()
        for name, share in (("tied", tied), ("no_class", outside)):
            piece[name] = [share[members].mean() for members in parts.values()]
        pieces.append(piece)
    return pd.concat(pieces, ignore_index=True)


def confusion(faces: Faces, votes: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
    """Share of votes for each answer (columns) on these images, by their label (rows, `true`).

    Parameters
    ----------
    rows
        of the data set; `images` counts those with votes.
    """
    given = votes.loc[rows, list(ferplus.ANSWERS)]
    given = given[given.sum(axis=1) > 0]
    by_label = given.groupby(faces.index.loc[given.index, "label"].to_numpy())
    counts = by_label.sum()
    shares = counts.div(counts.sum(axis=1), axis=0)
    shares.insert(0, "images", by_label.size())
    return shares.rename_axis("true").reset_index()


def copies(
    faces: Faces, votes: pd.DataFrame, identical: pd.DataFrame, near: pd.DataFrame
) -> pd.DataFrame:
    """What people say of photographs that FER2013 holds more than once.

    FER+ has the same votes for byte-identical pictures, but new ones for near-copies: these tell
    how often ten people, asked again, give the same most frequent answer.

    Parameters
    ----------
    identical, near
        As the audit has them.

    Returns
    -------
    DataFrame with one row per kind of copy
        kind: "identical" or "near"
        pairs: photographs with two pictures that have votes; the first two count, of near-copies
        the first two that are not identical
        same_votes: share of pairs with the same votes
        answered: pairs with a most frequent answer on both
        answer_repeats, label_repeats: share of `answered` pairs whose answers, or labels, are equal
        conflicting: photographs with more than one label, and votes
        one_of_them, another, tied: how often the most frequent answer, of all votes on the
        photograph, is one of its labels, another one, or tied
        images, named: pictures of these photographs, and the share whose label is the most frequent
        answer on it
    """
    table = per_image(faces, votes)
    counts = votes[list(ferplus.ANSWERS)]
    content = identical.set_index("row")["group"].reindex(range(len(faces)))
    content = content.fillna(pd.Series(-1 - content.index))  # a picture without a copy is its own
    rows = []
    for kind, audited in (("identical", identical), ("near", near)):
        listed = audited[audited["row"].isin(table.index)]
        repeated = listed["row"].map(content).duplicated()
        unlike = listed if kind == "identical" else listed[~repeated]
        pairs = unlike[unlike.groupby("group").cumcount() < 2].groupby("group")["row"].apply(list)
        pairs = np.array([pair for pair in pairs if len(pair) == 2], int).reshape(-1, 2)
        first, second = (table.loc[pairs[:, side]].reset_index() for side in (0, 1))
        answered = (first["answer"] != "") & (second["answer"] != "")
        one, other = (counts.loc[pairs[:, side]].reset_index(drop=True) for side in (0, 1))
        conflicting = listed[listed["conflicting"]]
        verdicts = [
            _verdict(counts.loc[members["row"]], set(members["label"]))
            for _, members in conflicting.groupby("group")
        ]
        pictures = table.loc[conflicting["row"]]
        rows.append(
            {
                "kind": kind,
                "pairs": len(pairs),
                "same_votes": (one == other).all(axis=1).mean(),
                "answered": answered.sum(),
                "answer_repeats": (first["answer"] == second["answer"])[answered].mean(),
                "label_repeats": (first["class"] == second["class"])[answered].mean(),
                "conflicting": len(verdicts),
                **{name: verdicts.count(name) for name in ("one_of_them", "another", "tied")},
                "images": len(pictures),
                "named": (pictures["answer"] == pictures["class"]).mean(),
            }
        )
    return pd.DataFrame(rows)


def _verdict(votes: pd.DataFrame, labels: set[str]) -> str:
    """What the votes on all copies of a photograph say of its labels."""
    answer = ferplus.majority(votes.sum().to_frame().T).item()
    return "tied" if not answer else "one_of_them" if answer in labels else "another"


def non_faces(faces: Faces, votes: pd.DataFrame, blanks: pd.DataFrame) -> pd.DataFrame:
    """What is no face: to FER+, and to the audit.

    FER+ gives no name to 173 pictures that it marks as no face with ten votes of ten, though about
    100 of them show one, on its side, covered or small. Under Kaggle's names these have no votes
    here, like the five whose name stands for two pictures.

    Parameters
    ----------
    blanks
        The audit's "blank".

    Returns
    -------
    DataFrame with one row per split, and one for all of them ("all")
        split, images
        without_votes, no_face: images without votes, and with "no face" as most frequent answer
        blank, blank_no_face: images that the audit calls blank, and those of them that are among
        the two before
    """
    table = per_image(faces, votes).reindex(range(len(faces)))
    frame = pd.DataFrame(
        {
            "split": faces.index["split"],
            "images": 1,
            "without_votes": table["total"].isna(),
            "no_face": table["answer"] == "not_a_face",
            "blank": faces.index.index.isin(blanks["row"]),
        }
    )
    frame["blank_no_face"] = frame["blank"] & (frame["without_votes"] | frame["no_face"])
    frame = pd.concat([frame, frame.assign(split=ALL)])
    order = [split for split in (*SPLITS, ALL) if (frame["split"] == split).any()]
    return frame.groupby("split").sum().loc[order].astype(int).reset_index()
