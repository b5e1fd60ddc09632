"""A GPU machine may have little installed: training needs nothing of notebooks and figures."""

import os
import subprocess
import sys

from fer_utils.paths import CHECKOUT

UNNEEDED = (
    "papermill", "nbformat", "nbclient", "jupyterlab", "IPython", "ipykernel", "matplotlib",
    "seaborn", "cleanlab", "kagglehub", "safetensors", "timm", "h5py", "yaml", "ray",
    "wandb", "tensorboard", "submitit",
)  # fmt: skip


def test_a_study_without_them(tmp_path):
    program = f"""
import sys

from fer_utils.paths import CHECKOUT
sys.modules.update(dict.fromkeys({UNNEEDED!r}))
from fer_utils.cli import main
main()
"""
    command = [sys.executable, "-c", program, "study", "report_a", "--seeds", "0"]
    command += ["--set", "epochs=1", "--set", "cap=20"]
    environment = os.environ | {"FER_HOME": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("results/sample/runs/*/done.json"))) == 4


def test_preparing_and_the_benchmarks_studies_need_no_typer_either():
    program = f"""
import sys

from fer_utils.paths import CHECKOUT
sys.modules.update(dict.fromkeys(("typer", *{UNNEEDED!r})))
sys.path.insert(0, "benchmarks")
import fer_utils.data.ingest, fer_utils.experiments.studies
import studies as ours, bars, growth, many, prepare
assert ours.NAMES == ("report_a", "dedupe", "transfer", "report_b", "best")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=CHECKOUT
    )
    assert done.returncode == 0, done.stderr
