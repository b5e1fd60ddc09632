"""The command line: the notebooks' verbs without a notebook, for a headless machine or a cluster node."""

import os
import re
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from fer_utils import paths
from fer_utils.errors import FerError, one_of

PLACES = ("here", "ray")  # where a study runs

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Facial-expression experiments: prepare a data set, run experiments and studies, build the report.",
)

Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps")]
Precision = Annotated[str, typer.Option(help="of training: auto, fp32 or bf16")]
Tracker = Annotated[str, typer.Option(help="none, tensorboard or wandb: curves while it computes")]
Results = Annotated[
    str, typer.Option(help="a set of results of its own, in results-NAME/: computes anew beside results/")
]
Dataset = Annotated[str, typer.Option(help="a prepared data set under data/; 'sample' is drawn when needed")]


@app.command()
def prepare(
    source: Annotated[
        Path | None, typer.Argument(help="zip, folder or CSV; none: fetch FER2013 from Kaggle")
    ] = None,
    name: Annotated[str, typer.Option(help="the data set's name")] = "fer2013",
    size: Annotated[int | None, typer.Option(help="side in pixels; none: as the images are")] = None,
    grey: Annotated[bool | None, typer.Option("--grey/--colour", help="none: as the images are")] = None,
):
    """Read a data set once into data/NAME.

    Examples:  python -m fer_utils prepare archive.zip  ·  python -m fer_utils prepare photos/ --name mine
    """
    from fer_utils.data import ingest

    if not re.fullmatch(r"[\w-]+", name) or name in ("reported", "sample", "weights"):
        raise FerError(
            f"{name!r} cannot name a data set; use letters, digits, - and _, but not reported, sample or weights"
        )
    faces = ingest.prepare(source or ingest.fetch(), paths.DATA / name, size, grey)
    print(f"{paths.DATA / name}: {len(faces):,} images of {' × '.join(map(str, faces.images.shape[1:]))}")
    print(faces.counts().to_string())


@app.command()
def run(
    settings: Annotated[list[str] | None, typer.Argument(help="name=value pairs; see the list below")] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    tracker: Tracker = "none",
    results: Results = "",
):
    """Run one experiment, for example: run dataset=fer2013 task=binary loss=focal seed=1"""
    from fer_utils import distributed
    from fer_utils.experiments import runner
    from fer_utils.experiments.results import open_results
    from fer_utils.training.experiment import Experiment, parse_settings

    with distributed.failing_together():
        chosen = Experiment(**parse_settings(settings or []))
        if distributed.is_main_process():
            print(chosen.id, flush=True)
        folder = runner.run(chosen, device, precision, paths.results_set(results), tracker=tracker)
    if not distributed.is_main_process():
        return
    scores = open_results(chosen.dataset, paths.results_set(results)).select(run=chosen.id).scores()
    print(scores[["metric", "class", "value"]].round(4).to_string(index=False))
    print(folder)


@app.command()
def study(
    name: Annotated[str, typer.Argument(help="report_a, median, …; an unknown name lists them")],
    dataset: Dataset = "sample",
    seeds: Annotated[str, typer.Option(help="comma-separated; none: the study's own")] = "",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="name=value for every experiment of the study")
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    jobs: Annotated[int, typer.Option(help="runs at a time on this machine, each in a process of its own")] = 1,
    on: Annotated[str, typer.Option(help="here, or ray: over a cluster, see docs/cluster.md")] = "here",
    address: Annotated[str | None, typer.Option(help="the cluster's host:port; none: this machine's")] = None,
    gpus_per_run: Annotated[
        float | None, typer.Option(help="for example 0.25; none: one, where there is any")
    ] = None,
    tracker: Tracker = "none",
    results: Results = "",
    replace: Annotated[bool, typer.Option("--replace", help="drop runs of other settings from the list")] = False,
):
    """Run every unfinished experiment of a study, for example: study report_a --dataset fer2013 --seeds 0,1,2"""
    from fer_utils.experiments import ray_cluster, studies
    from fer_utils.experiments.local_pool import run_side_by_side
    from fer_utils.training.experiment import parse_settings

    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise FerError("torchrun is for one run; a study is spread with: study NAME --on ray")
    extra = parse_settings(settings or [])
    if seeds:
        extra["seeds"] = [parse_settings([f"seed={seed}"])["seed"] for seed in seeds.split(",")]
    if one_of(on, PLACES, "place") == "ray":
        extra["spread"] = partial(ray_cluster.spread, address=address, gpus_per_run=gpus_per_run)
    elif jobs != 1:
        extra["spread"] = partial(run_side_by_side, jobs=jobs)
    studies.run_study(
        name, dataset, device, precision, paths.results_set(results), tracker, replace=replace, **extra
    )


@app.command()
def weights(
    fetch: Annotated[str, typer.Option(help="a model whose weights to download, or all")] = "",
    file: Annotated[str, typer.Option(help="MODEL=PATH: a file of weights of your own to check and keep")] = "",
):
    """List the pretrained weights: where from, size, present or missing, licence, what to do.

    Examples:  weights --fetch all  ·  weights --file vggface=vgg_face_dag.pth
    """
    from fer_utils.models.pretrained import store as room

    if file:
        model, equals, path = file.partition("=")
        if not equals:
            raise FerError(f"{file!r} is not of the form MODEL=PATH")
        room.add(model, Path(path))
    refusals = room.fetch(fetch) if fetch else []
    print(room.table().to_string(index=False))
    if refusals:
        raise FerError(" · ".join(refusals))


@app.command()
def audit(
    dataset: Dataset = "sample",
    similarity: Annotated[float, typer.Option(help="correlation above which two images are near-copies")] = 0.95,
):
    """List copies, leaks, conflicting labels and blank images in results/DATASET/audit/*.csv."""
    from fer_utils.data import audit as room
    from fer_utils.data.synthetic import open_dataset

    folder = paths.RESULTS / dataset / "audit"
    print(room.write(open_dataset(dataset), folder, similarity).to_string())
    print(folder)


@app.command()
def best(
    dataset: Dataset = "sample",
    task: Annotated[str, typer.Option(help="whose best network is exported")] = "seven",
    device: Device = "cpu",
):
    """Export the best network of study `best` and write results/DATASET/best/*.csv and MODEL_CARD.md.

    Needs the finished study, its checkpoints, the data set and its audit, for example: best --dataset fer2013
    """
    from fer_utils.reporting import build as room

    print(room.make(dataset, task, device))


@app.command()
def predict(
    images: Annotated[list[Path], typer.Argument(help="images and folders of images, each showing one face")],
    csv: Annotated[Path | None, typer.Option(help="write the table there")] = None,
    model: Annotated[Path | None, typer.Option(help="an exported network; none: the committed one")] = None,
):
    """Print the probability of each expression, a row an image, for example: predict photos/ --csv faces.csv"""
    from fer_utils import io
    from fer_utils.inference import predictor

    frame = predictor.load_best(model).predict(list(images))
    if csv is None:
        print(frame.round(3).to_string(index=False))
        return
    with io.atomic_file(csv) as part:
        frame.to_csv(part, index=False, float_format="%.6f")
    print(f"{csv}: {(frame['error'] == '').sum():,} of {len(frame):,} images")


@app.command()
def report(dataset: Dataset = "sample"):
    """Build report/report.pdf from the results of a data set and from nothing else."""
    from fer_utils.reporting import build as room

    print(room.build(dataset))


def main() -> None:
    """Runs the command line; an error is one line on stderr and exit status 2."""
    try:
        app()
    except FerError as error:
        sys.exit(_fail(str(error)))
    except OSError as error:
        sys.exit(_fail(f"{error.filename or 'cannot read or write'}: {error.strerror or error}"))


def _fail(message: str) -> int:
    print(f"fer_utils: {message}", file=sys.stderr)
    return 2
