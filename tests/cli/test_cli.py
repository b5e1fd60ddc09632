"""The command line as a user meets it: real processes, errors of one line, nothing half-written."""

import dataclasses
import os
import re
import resource
import subprocess
import sys

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from fer_utils import paths
from fer_utils.analysis import report_b
from fer_utils.cli import app
from fer_utils.data import ferplus
from fer_utils.experiments import results
from fer_utils.experiments.results import open_results
from fer_utils.training.experiment import Experiment

# a measurement of coverage would write to the full disk as well
UNWATCHED = {name: os.environ[name] for name in os.environ if not name.startswith("COVERAGE")}


def fer(home, *arguments, env=os.environ, **options):
    environment = env | {"FER_HOME": str(home)}
    command = [sys.executable, "-m", "fer_utils", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, **options)


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    for cls in ("happy", "sad"):
        folder = tmp_path / "photos" / cls
        folder.mkdir(parents=True)
        for i in range(20):
            Image.fromarray(rng.integers(0, 255, (48, 48), dtype=np.uint8)).save(
                folder / f"{i}.png"
            )
    return tmp_path / "photos"


def test_prepare_run_audit(tmp_path, photos):
    done = fer(tmp_path, "prepare", photos, "--name", "mine")
    assert done.returncode == 0 and "40 images of 48 × 48" in done.stdout, done.stderr
    done = fer(tmp_path, "run", "dataset=mine", "task=binary", "epochs=1", "cap=none")
    assert done.returncode == 0 and "accuracy" in done.stdout, done.stderr
    done = fer(tmp_path, "audit", "--dataset", "mine")
    assert (
        done.returncode == 0
        and (tmp_path / "results" / "mine" / "audit" / "identical.csv").exists()
    ), done.stderr


def test_the_scores_of_a_run_are_read_from_its_own_folder_alone(tmp_path):
    """Another run that cannot be read, or ten thousand that can, do not matter."""
    other = tmp_path / "results" / "sample" / "runs" / "other"
    other.mkdir(parents=True)
    (other / "done.json").write_text("{}")
    done = fer(tmp_path, "run", "task=binary", "epochs=1", "cap=20")
    assert done.returncode == 0, done.stderr
    *scores, folder = done.stdout.splitlines()[-7:]
    assert [line.split()[0] for line in scores].count(
        "support"
    ) == 2 and "results/sample/runs/binary" in folder


def test_a_set_of_results_is_audited_exported_and_reported_beside_the_others(tmp_path, photos):
    fer(tmp_path, "prepare", photos, "--name", "mine", check=True)
    done = fer(tmp_path, "audit", "--dataset", "mine", "--results", "again")
    assert (
        done.returncode == 0
        and (tmp_path / "results-again" / "mine" / "audit" / "near.csv").exists()
    ), done.stderr
    for command in ("best", "report"):
        done = fer(tmp_path, command, "--dataset", "mine", "--results", "again")
        assert (
            f"no finished runs under {tmp_path / 'results-again' / 'mine' / 'runs'}" in done.stderr
        )


def test_own_colour_photos_through_report_bs_study(tmp_path):
    """One folder per class, no test split, odd sizes; networks without weights are named."""
    rng = np.random.default_rng(0)
    for cls in ("angry", "happy", "sad"):
        folder = tmp_path / "photos" / cls
        folder.mkdir(parents=True)
        for i in range(15):
            Image.fromarray(rng.integers(0, 255, (50 + i, 40, 3), dtype=np.uint8)).save(
                folder / f"{i}.png"
            )
    done = fer(tmp_path, "prepare", tmp_path / "photos", "--name", "mine", "--size", "40")
    assert done.returncode == 0 and "45 images of 40 × 40 × 3" in done.stdout, done.stderr
    settings = [part for pair in ("epochs=2", "thaw=1:1 2:2") for part in ("--set", pair)]
    done = fer(tmp_path, "study", "report_b", "--dataset", "mine", "--seeds", "0", *settings)
    assert (
        done.returncode == 0 and "not run: weights missing: vggface, 1 of 7 runs" in done.stdout
    ), done.stderr
    frames = report_b.frames(open_results("mine", tmp_path / "results"))
    scratch = frames["report_b_epochs"].set_index("model").loc["resnet18_scratch"]
    assert scratch["seeds"] == 1 and 0 <= scratch["test"] <= 1
    assert frames["report_b_classes"].query("metric == 'support'")["value"].eq(3).all()


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["run", "dataset=nothing"], "no data set at"),
        (["run", "epohcs=3"], "unknown parameter 'epohcs' (did you mean 'epochs'?)"),
        (["run", "epochs=many"], "epochs must be a valid integer"),
        (["run", "thaw=1:1 11:2"], "thaw: epoch 11 never comes; the run has 10 epochs"),
        (["run", "median=perhaps"], "median must be a valid boolean"),
        (["run", "epochs"], "not of the form name=value"),
        (
            ["run", "--tracker", "tensorbord"],
            "unknown tracker 'tensorbord' (did you mean 'tensorboard'?)",
        ),
        (["study", "report_c"], "unknown study 'report_c'"),
        (["study", "report_a", "--seeds", "a"], "seed must be a valid integer"),
        (["study", "report_a", "--jobs", "0"], "jobs must be at least 1; got 0"),
        (
            ["study", "report_a", "--jobs", "2", "--on", "ray"],
            "--jobs is for --on here, and this study is run --on ray",
        ),
        (["study", "report_a", "--jobs", "2", "--on", "slurm"], "--jobs is for --on here"),
        (
            ["study", "report_a", "--address", "a:1"],
            "--address is for --on ray, and this study is run --on here",
        ),
        (["study", "report_a", "--gpus-per-run", "0.25"], "--gpus-per-run is for --on ray"),
        (
            ["study", "report_a", "--slurm", "partition=gpu", "--on", "ray"],
            "--slurm is for --on slurm",
        ),
        (["study", "report_a", "--on", "rya"], "unknown place 'rya' (did you mean 'ray'?)"),
        (
            ["study", "report_a", "--on", "ray", "--gpus-per-run", "-1"],
            "GPUs per run must be 0, a share such as",
        ),
        (
            ["study", "report_a", "--on", "ray", "--gpus-per-run", "1.5"],
            "or a whole number; got 1.5",
        ),
        (
            ["study", "report_a", "--on", "ray", "--gpus-per-run", "nan"],
            "or a whole number; got nan",
        ),
        (
            ["study", "report_a", "--on", "slurm", "--slurm", "partiton=gpu"],
            "'partiton' (did you mean 'partition'?)",
        ),
        (
            ["study", "report_a", "--on", "slurm", "--slurm", "timeout_min=-3"],
            "timeout_min must be a whole number",
        ),
        (
            ["study", "report_a", "--on", "slurm", "--slurm", "partition"],
            "'partition' is not of the form name=value",
        ),
        (["report", "--dataset", "nothing"], "no finished runs"),
        (["prepare", "nowhere.zip", "--name", "../elsewhere"], "cannot name a data set"),
        (["prepare", "nowhere.zip", "--name", "reported"], "cannot name a data set"),
        (["prepare", "nowhere.zip"], "nowhere.zip: no such file or folder"),
        (["prepare", "nowhere.zip", "--name", "weights"], "cannot name a data set"),
        (["best", "--dataset", "nothing"], "no finished runs under"),
        (
            ["predict", "a.png", "--model", "none.safetensors"],
            "none.safetensors: no exported network; make one",
        ),
        (
            ["weights", "--fetch", "resnet81"],
            "unknown model with pretrained weights 'resnet81' (did you mean",
        ),
        (["weights", "--file", "vggface"], "'vggface' is not of the form MODEL=PATH"),
        (["weights", "--file", "vggface=nowhere.pth"], "nowhere.pth: No such file or directory"),
        (["weights", "--file", "vggface=nowhere.zip"], "unknown kind of file '.zip'"),
        (
            ["weights", "--file", "face_resnet=nowhere.tgz"],
            "nowhere.tgz: No such file or directory",
        ),
    ],
)
def test_errors_are_one_line_and_a_status(tmp_path, arguments, complaint):
    done = fer(tmp_path, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("fer_utils: ") and complaint in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_weights_are_listed_with_what_to_do(tmp_path):
    done = fer(tmp_path, "weights")
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert "missing" in lines["vggface"] and lines["vggface"].endswith("--file vggface=PATH")
    assert "Apache-2.0" in lines["efficientnet_lite0"]
    assert list(tmp_path.iterdir()) == []


def full_after(size):
    """No file can be larger than `size` bytes: what a full disk looks like to a process."""
    return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))}


def test_no_room_on_the_disk_is_one_line_and_leaves_nothing(tmp_path, photos):
    done = fer(tmp_path, "prepare", photos, "--name", "mine", env=UNWATCHED, **full_after(20_000))
    last = done.stderr.splitlines()[-1]
    assert (
        done.returncode == 2
        and last.startswith("fer_utils: ")
        and "no room left on the disk" in last
    ), done.stderr
    assert list(tmp_path.glob("data/*")) == []


def test_no_room_for_a_checkpoint(tmp_path, photos):
    fer(tmp_path, "prepare", photos, "--name", "mine", check=True)
    arguments = ("run", "dataset=mine", "task=binary", "epochs=1")
    done = fer(tmp_path, *arguments, env=UNWATCHED, **full_after(1_000_000))
    assert done.returncode == 2 and "no room left on the disk" in done.stderr.splitlines()[-1], (
        done.stderr
    )
    left = {path.name for path in tmp_path.glob("results/mine/runs/*/*")}
    assert left == {"config.json"}


def test_torchrun_is_for_one_run(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    done = fer(tmp_path, "study", "report_a")
    assert done.returncode == 2 and done.stderr.startswith(
        "fer_utils: torchrun is for one run; a study is spread"
    )


def test_help_has_examples(tmp_path):
    done = fer(tmp_path, "study", "--help")
    assert done.returncode == 0 and "study report_a --dataset fer2013" in " ".join(
        done.stdout.split()
    )


def test_the_help_of_run_lists_every_setting_with_its_default_and_a_word(tmp_path):
    done = fer(tmp_path, "run", "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.index("--tracker") < done.stdout.index("Settings and their defaults:")
    for field in dataclasses.fields(Experiment):
        value = {None: "none"}.get(field.default, str(field.default).lower())
        assert re.search(rf"^  {field.name}={re.escape(value)} +\S", done.stdout, re.MULTILINE)


def test_the_first_help_needs_neither_pytorch_nor_pandas(tmp_path):
    program = "import sys; import fer_utils.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0 and not {"torch", "pandas", "pydantic"} & {*done.stdout.split()}


def test_rescore_names_the_runs_whose_metrics_changed(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        results, "rescore", lambda *call: asked.append(call) or ["run-a", "run-b"], raising=False
    )
    shown = CliRunner().invoke(app, ["rescore", "--dataset", "mine", "--results", "again"])
    assert shown.output == "run-a\nrun-b\nmetrics.csv changed in 2 runs\n"
    assert asked == [("mine", paths.results_set("again"))]


def test_every_option_says_what_it_takes():
    """A choice names all it may be, and a number its unit or its range."""
    said = {
        f"{command} {option.opts[0]}": option.help
        for command, parameters in typer.main.get_command(app).commands.items()
        for option in parameters.params
    }
    assert all(said.values()) and len(said) > 25
    assert all(
        "cpu, cuda or mps" in text for name, text in said.items() if name.endswith("--device")
    )
    assert "0 to 1" in said["audit --similarity"] and "1 or more" in said["study --jobs"]


def test_runs_side_by_side_are_those_of_one_after_another(tmp_path):
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
    settings = {"epochs": "1", "cap": "20", "task": "binary"}
    fer(
        tmp_path,
        "run",
        *(f"{name}={value}" for name, value in settings.items()),
        env=one_thread,
        check=True,
    )
    (path,) = tmp_path.glob("results/sample/runs/*/predictions.npz")
    with np.load(path) as alone:
        expected = alone["test_logits"]
    (path.parent / "done.json").unlink()
    tiny = ["report_a", "--seeds", "0", "--set", "epochs=1", "--set", "cap=20", "--jobs"]
    done = fer(tmp_path, "study", *tiny, "2", env=one_thread)
    assert done.returncode == 0 and "[4/4]" in done.stdout and "train loss" not in done.stdout, (
        done.stderr
    )
    with np.load(path) as beside:
        assert np.array_equal(beside["test_logits"], expected)
    refused = fer(tmp_path, "study", *tiny, "0")
    assert refused.returncode == 2 and "jobs must be at least 1; got 0" in refused.stderr


def test_votes_of_people_are_kept_beside_the_images(tmp_path):
    pictures = tmp_path / "pictures"
    for name in ("train/angry/Training_8475486.jpg", "test/angry/PrivateTest_10131363.jpg"):
        path = pictures / name
        path.parent.mkdir(parents=True)
        Image.new("L", (48, 48), len(path.name)).save(path)
    answers = list(ferplus.ANSWERS.values())
    votes = tmp_path / "fer2013new.csv"
    header = ["Usage", "Image name", *answers]
    row = ["Training", "fer0024005.png", *("10" if a == "anger" else "0" for a in answers)]
    votes.write_text("\n".join([",".join(header), ",".join(row)]) + "\n")
    done = fer(tmp_path, "prepare", pictures, "--name", "mine", "--votes", votes)
    assert "FER+ has votes on 1 of them" in done.stdout, done.stderr
