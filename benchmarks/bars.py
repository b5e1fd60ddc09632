"""The bars that the measurements in results/ must clear; status 1 where one is missed.

python benchmarks/bars.py             reads this device's CSVs; what has none is "not measured"
"""

import sys

import measure
import pandas as pd

from fer_utils import devices

FASTER = "times_faster_than_report_a"
# question, rows whose first column matches, column, bar: at least so much; negative: at most
CPU = [
    ("epoch", "ours, fp32", FASTER, 1.5),
    ("epoch", "ours, bf16", FASTER, 2.5),
]
CUDA = [
    ("epoch", "ours, bf16", FASTER, 50),
    ("epoch_resnet18", "ours, bf16", FASTER, 5),
    ("run", "ours, bf16", "seconds", -2),
    ("studies", "report_a|transfer", "minutes", -15),  # of all networks whose weights are there
]
ANY = [
    ("prepare", "ours, preparing", "times_faster", 2),
    ("prepare", "ours, opening", "times_faster", 100),
    ("growth", "", "relative", -1.15),
]
# of several rows: the better one, compiled or not; the worst of all sizes; the sum of studies
SEVERAL = {
    FASTER: "max",
    "times_faster": "max",
    "seconds": "min",
    "relative": "max",
    "minutes": "sum",
}


def reached(question: str, rows: str, column: str) -> float:
    """The value to compare; NaN where it is not measured."""
    path = measure.FOLDER / f"{question}_{measure.device_name()}.csv"
    if not path.exists():
        return float("nan")
    frame = pd.read_csv(path)
    values = frame.loc[frame.iloc[:, 0].astype(str).str.match(rows), column]
    return float(values.agg(SEVERAL[column])) if len(values) else float("nan")


def main() -> int:
    verdicts = []
    for question, rows, column, bar in (
        CUDA if devices.choose().device.type == "cuda" else CPU
    ) + ANY:
        value = reached(question, rows, column)
        passed = value >= bar if bar > 0 else value <= -bar
        verdicts.append("not measured" if value != value else "reached" if passed else "MISSED")
        wanted = f"{'at least' if bar > 0 else 'at most'} {abs(bar):g}"
        print(f"{question:15s} {rows:18s} {column:28s} {value:8.2f}  {wanted:14s} {verdicts[-1]}")
    return int("MISSED" in verdicts)


if __name__ == "__main__":
    sys.exit(main())
