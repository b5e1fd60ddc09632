"""The studies of both reports, each resumed where it stopped, with the time that it took.

python benchmarks/studies.py [studies]   → results/studies_<device>.csv

Five seeds of every network whose weights are at hand. A study that fails is named and the next one
begins. Runs that were finished before take no minutes; `run_seconds` adds up what each run took,
those included.
"""

import os
import sys
import time
from functools import partial

import measure
import pandas as pd
import torch

from fer_utils import io, paths
from fer_utils.errors import FerError
from fer_utils.experiments import recipes, studies
from fer_utils.experiments.local_pool import run_side_by_side
from fer_utils.experiments.runner import folder_of

DATASET = "fer2013"
SEEDS = (0, 1, 2, 3, 4)
NAMES = ("report_a", "dedupe", "transfer", "report_b", "best")
JOBS = max(1, min(4, os.cpu_count() // 4)) if torch.cuda.is_available() else 1


def carried_out(name: str) -> dict:
    """One study as a row."""
    whole = recipes.make_study(name, DATASET, seeds=SEEDS)
    before = sum((folder_of(one) / "done.json").exists() for one in whole)
    started, failure = time.perf_counter(), ""
    try:
        studies.run_study(name, DATASET, seeds=SEEDS, spread=partial(run_side_by_side, jobs=JOBS))
    except (FerError, OSError) as error:
        failure = str(error)
        print(f"fer_utils: study {name}: {error}", file=sys.stderr)
    took = time.perf_counter() - started
    finished = [
        folder_of(one) / "done.json" for one in whole if (folder_of(one) / "done.json").exists()
    ]
    return {
        "study": name,
        "runs": len(finished),
        "new_runs": len(finished) - before,
        "not_run": len(whole) - len(finished),
        "jobs": JOBS,
        "minutes": round(took / 60, 2),
        "run_seconds": round(sum(io.read_json(path)["seconds"] for path in finished), 1),
        "failure": failure,
    }


def main() -> None:
    print(f"{DATASET}: {paths.DATA / DATASET}; {JOBS} runs at a time", flush=True)
    measure.save(pd.DataFrame([carried_out(name) for name in sys.argv[1:] or NAMES]), "studies")


if __name__ == "__main__":
    main()
