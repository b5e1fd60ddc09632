"""LaTeX tables of what report A's text leaves open: its readings, learning rates, chance."""

import pandas as pd

from fer_utils.analysis.chance import ALL
from fer_utils.data.tasks import get_task
from fer_utils.reporting.latex import INTERVAL, Tex, booktabs, percent, plus_minus, signed, word

Frames = dict[str, pd.DataFrame]

ORDER = "weight_order="  # how a reading begins that gives the class weights in another order
SHOWN = 5  # orders of four weights in their table
FOUR = len(get_task("multiclass").classes)
# readings that are no plain "setting value"; networks have names of their own
NAMES = {
    "class_weights=False": "no class weights",
    "select=best": "best epoch on validation",
    "stratified=False": "split not stratified",
    "cap_drawn=False": "first images of each class",
}
SOURCES = {
    "split": "cap and split",
    "init": "initial weights",
    "order": "order and dropout",
    ALL: "all at once",
}


def make(frames: Frames) -> dict[str, str]:
    """The report's tables by file name, of what has been run."""
    texts = {}
    if "readings" in frames:
        whole, orders = readings(frames), weight_orders(frames)
        if len(whole) > 1:
            texts["readings"] = fits(whole, "reading")
        if len(orders):
            texts["weight_orders"] = fits(_shown(orders), "weights, from the first, to")
    if len(frames.get("rates", [])):
        texts["rates"] = rates(frames["rates"])
    if len(frames.get("chance", [])) > 1:
        texts["sources"] = sources(frames["chance"])
    return texts


def readings(frames: Frames) -> pd.DataFrame:
    """The rows of `readings.compare` that are no order of the weights."""
    frame = frames["readings"]
    return frame[~frame["reading"].str.startswith(ORDER)]


def weight_orders(frames: Frames) -> pd.DataFrame:
    """The others, with the number of classes in the column `classes`."""
    frame = frames["readings"]
    frame = frame[frame["reading"].str.startswith(ORDER)]
    return frame.assign(classes=frame["reading"].str.count(r"\+") + 1)


def _shown(orders: pd.DataFrame) -> pd.DataFrame:
    """The best orders of four classes, and the other one of two."""
    four = orders["classes"] == FOUR
    return pd.concat([orders[four].head(SHOWN), orders[~four]])


def named(reading: str) -> str:
    """A reading in words: "learning_rate=0.001" as "learning rate 0.001"."""
    setting, _, value = reading.partition("=")
    if setting == "model":
        return word(value)
    if reading.startswith(ORDER):
        return value.replace("+", ", ")
    return NAMES.get(reading, f"{setting.replace('_', ' ')} {value}".strip())


def fits(frame: pd.DataFrame, what: str) -> str:
    """`readings.compare`: seeds, points, figures within, log-likelihood against ours."""
    rows = []
    for r in frame.itertuples():
        gain = [signed(r.gain), Tex(f"{signed(r.low)} to {signed(r.high)}")]
        about = [named(r.reading), r.seeds, signed(r.points), f"{r.within} of {r.figures}"]
        # ours is what the others are compared with
        rows.append([*about, *(gain if r.reading.count("=") else ["", ""])])
    return booktabs([what, "seeds", "points", "within", "gain", INTERVAL], rows)


def rates(frame: pd.DataFrame) -> str:
    """`rates.accuracies`: rows task × loss; validation at each rate, test at the chosen one."""
    columns = sorted(frame["learning_rate"].unique())
    rows = []
    for (task, loss), cells in frame.groupby(["task", "loss"], sort=False):
        val = cells.set_index("learning_rate")["val"].reindex(columns)
        chosen = cells[cells["chosen"]].iloc[0]
        tested = [f"{chosen['learning_rate']:g}", plus_minus(chosen["test"], chosen["test_std"])]
        rows.append([word(task), word(loss), *map(percent, val), *tested])
    header = ["task", "loss", *(f"{rate:g}" for rate in columns), "chosen", "test"]
    return booktabs(header, rows, left=2)


def sources(frame: pd.DataFrame) -> str:
    """`chance.sources`: spread of the accuracy in points, and its share that is always the same."""
    rows = []
    for r in frame.itertuples():
        spread = [percent(r.std), f"{percent(r.low)} to {percent(r.high)}"]
        share = [percent(r.same), f"{percent(r.same_low)} to {percent(r.same_high)}"]
        rows.append(
            [SOURCES[r.source], r.runs, *spread, *(share if r.same == r.same else ["", ""])]
        )
    header = ["what changes", "runs", "spread", INTERVAL, Tex("the same, \\%"), INTERVAL]
    return booktabs(header, rows)
