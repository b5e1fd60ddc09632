"""What the model card says of the file's answers: right or wrong, sure or not, without a face."""

from fer_utils.analysis import abstention as thresholds
from fer_utils.analysis import other_pictures as kinds
from fer_utils.analysis.rivals import ALL
from fer_utils.reporting import best_tables, card_tables
from fer_utils.reporting.card_evidence import Evidence
from fer_utils.reporting.latex import between, percent, word


def evaluation(evidence: Evidence) -> str:
    about, parts, scaled = evidence.about, evidence.frames["parts"], evidence.calibration
    fresh = parts[parts["part"] == "no copy"]
    told = "".join(
        f"Without a copy in training {percent(f.value)} % are right ({between(f.low, f.high)}): "
        "that is the score for photographs of which no copy was found there. "
        for f in fresh.itertuples()
    )
    return (
        f"Protocol: {about['protocol']}. All scores are of this very file on its "
        f"{about['test_images']:,} test images; validation chose the seed, so its "
        f"{percent(about['val'])} % ({about['val_images']:,} images) is no test. Copies of a "
        "photograph are drawn together for the intervals. Accuracy is the share of right answers; "
        "macro means are over the classes, whatever their size.\n\n"
        f"Accuracy {evidence.score('accuracy')}, macro F1 {evidence.score('macro_f1')}. A copy is "
        "one among the training images:\n\n"
        + card_tables.parts(parts, evidence.file.classes)
        + f"\n\n{told}The probabilities are off by {percent(scaled['ece'])} points on average "
        "(expected calibration error, fifteen bins); with the logits divided by "
        f"{scaled['temperature']:.2f}, fitted on validation, by {percent(scaled['ece_scaled'])}. "
        "`predict` does not divide them."
    )


def by_class(evidence: Evidence) -> str:
    recalls = evidence.scores.query("metric == 'recall'").set_index("class")["value"]
    shares = evidence.confusion.div(evidence.confusion.sum(axis=1), axis=0).stack()
    wrong = shares[[true != answer for true, answer in shares.index]]
    people = ""
    if evidence.people is not None:
        people = (
            " The last columns are people's recall: how often one of ten people, or the most "
            "frequent answer of the ten, is the label (FER+)."
        )
    return (
        f"With 95 % intervals.{people}\n\n"
        + card_tables.by_class(evidence.scores, evidence.people)
        + f"\n\nIt recognises *{recalls.idxmax()}* best and *{recalls.idxmin()}* worst. What is "
        "taken for what, in percent of the images of a label:\n\n"
        + card_tables.confusion(evidence.confusion)
        + "\n\nThe most frequent error is to answer *{1}* where the label is *{0}*, in {2} % of "
        "its images.".format(*wrong.idxmax(), percent(wrong.max()))
    )


def by_task(evidence: Evidence) -> str:
    frame = evidence.frames["exported"]
    accuracy = frame[frame["metric"] == "accuracy"].set_index("task")["value"]
    if len(accuracy) < 2:
        return ""
    few, many = accuracy.index[0], accuracy.index[-1]
    return (
        "The same file on the test images of fewer classes, all other answers forbidden: the "
        "largest of the logits that are left.\n\n"
        + card_tables.by_task(frame)
        + f"\n\nFrom {word(many)} to {word(few)} the accuracy goes from {percent(accuracy[many])} "
        f"to {percent(accuracy[few])} %: scores of unlike numbers of classes cannot be compared."
    )


def labels(evidence: Evidence) -> str:
    if evidence.people is None:
        return ""
    everyone = evidence.people.loc["all"]
    single, most = (
        f"{percent(everyone[n])} % ({between(everyone[f'{n}_low'], everyone[f'{n}_high'])})"
        for n in ("single", "majority")
    )
    return (
        f"Ten people looked at {everyone['images']:,} of the test images (FER+, Barsoum and others "
        f"2016): one person's answer is the label in {single} of the cases, the most frequent "
        f"answer of the ten on {most} of the images. Beside that the network's "
        f"{evidence.score('accuracy')} says how well it has learnt the way these labels were "
        "given, errors with them. A score above people's does not mean that it reads faces better."
    )


def abstention(evidence: Evidence) -> str:
    frame = evidence.frames["abstention"]
    at = thresholds.suggested(frame)
    of_test = frame[(frame["threshold"] == at) & (frame["split"] == "test")].set_index("class")
    whole, classes = of_test.loc[""], of_test.drop("")["answered"]
    return (
        "The probability of an answer tells how sure the network is. An answer below a threshold "
        "is dropped; each threshold is the lowest with two digits that reaches its aim, a share of "
        "right answers, on validation.\n\n"
        "![Accuracy of the answers that stay against the share of images that are answered, and "
        "the share of each class that is answered](best/abstention.png)\n\n"
        + card_tables.abstention(frame)
        + f"\n\nSuggested: **{at:.2f}**. It leaves {percent(whole['answered'])} % of the test "
        f"images with an answer, {percent(whole['accuracy'])} % of them right; but of "
        f"*{classes.idxmax()}* {percent(classes.max(), 0)} % and of *{classes.idxmin()}* "
        f"{percent(classes.min(), 0)} %, so that the answers that stay have other shares of the "
        "expressions than the images do."
    )


def other_pictures(evidence: Evidence) -> str:
    frame = evidence.frames["other_pictures"]
    threshold = thresholds.suggested(evidence.frames["abstention"])
    surest = frame.loc[frame["confidence"].idxmax()]
    text = (
        "There is no answer *no face*. A picture without one gets an expression, and its "
        f"probability can be high: the surest is *{surest['picture']}*, of which "
        f"{percent(surest['kept'], 0)} % stay above the suggested threshold of {threshold:.2f}, as "
        f"*{surest['answer']}*. A threshold is no face detector.\n\n"
        "![Made-up pictures and a drawn face, with the network's answer and its probability]"
        "(best/other_pictures.png)\n\n" + card_tables.other_pictures(frame)
    )
    by_kind = frame.set_index("picture")
    drawn = by_kind.loc[kinds.FACE]
    text += (
        f"\n\nOf the {drawn['images']:,} drawn faces, which the network was not trained on, "
        f"{percent(drawn['right'])} % are named as they were meant."
    )
    if kinds.BLANK in by_kind.index:
        blank = by_kind.loc[kinds.BLANK]
        text += (
            f" Of the {blank['images']:,} blank pictures in the data set {percent(blank['right'])} "
            "% are named as they are labelled: labels of nothing are learnt, too."
        )
    if kinds.UNNAMED in by_kind.index:
        text += (
            " FER+ has no votes on pictures that it marks as no face; more than half of them show "
            "one, turned, covered or small, and most were among the training images."
        )
    return text


def robustness(evidence: Evidence) -> str:
    frame = evidence.frames["robustness"]
    accuracy = frame[frame["class"] == ""]
    worst = accuracy.loc[accuracy["value"].idxmin()]
    return (
        "How strong: accuracy in percent (change in points); sd: standard deviation.\n\n"
        + card_tables.robustness(frame)
        + f"\n\nWorst of these is {worst['kind']} of {worst['amount']:g} ({worst['unit']}): "
        f"{percent(worst['value'])} %."
    )


def rival(evidence: Evidence) -> str:
    if "exported_rival" not in evidence.frames:
        return ""
    frame = evidence.frames["exported_rival"]
    ahead = frame[(frame["part"] == ALL) & (frame["low"] > 0)]["task"].map(word)
    text = (
        "Its network and this one on the same whole pictures, both as the mean of an image and its "
        "mirror image, with intervals of the difference:\n\n"
        + card_tables.rival(frame)
        + f"\n\nThis file is ahead beyond chance on: {', '.join(ahead[::-1]) or 'nothing'}."
    )
    if "rival_as_used" in evidence.frames:
        text += (
            " As its own code answers, all seven classes; a picture in which it finds no face "
            "counts as wrong. On photographs with surroundings nothing was measured. It was "
            "trained on the same training images, and its epoch was chosen on these test images "
            "(the report says how that is known).\n\n"
            + best_tables.as_used_markdown(evidence.frames["rival_as_used"])
        )
    return text
