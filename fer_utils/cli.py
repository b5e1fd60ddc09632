"""The command line: the notebooks' verbs without a notebook, for a headless machine or a cluster node."""

import os
import re
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fer_utils import paths
from fer_utils.errors import FerError, one_of

if TYPE_CHECKING:
    from fer_utils.experiments.studies import Spread
    from fer_utils.training.tracking import Draw

PLACES = ("here", "ray", "slurm")  # where a study runs

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Facial-expression experiments: prepare a data set, run experiments and studies, build the report.",
)

Device = Annotated[str, typer.Option(help="auto (the fastest there is), cpu, cuda or mps")]
Precision = Annotated[
    str, typer.Option(help="of training: auto (bf16 where the processor has it), fp32 or bf16")
]
Tracker = Annotated[str, typer.Option(help="curves while it computes: none, tensorboard or wandb")]
Results = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="a set of results of its own, results-NAME/ instead of results/"
    ),
]
Dataset = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="a prepared data set under data/; sample is drawn when needed"
    ),
]


@app.command()
def prepare(
    source: Annotated[
        Path | None, typer.Argument(help="zip, folder or CSV; none: fetch FER2013 from Kaggle")
    ] = None,
    name: Annotated[
        str, typer.Option(metavar="NAME", help="the data set's: letters, digits, - and _")
    ] = "fer2013",
    size: Annotated[
        int | None,
        typer.Option(metavar="PIXELS", help="side of the stored images; left out: as they are"),
    ] = None,
    grey: Annotated[
        bool | None,
        typer.Option("--grey/--colour", help="what is stored; left out: as the images are"),
    ] = None,
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
    print(
        f"{paths.DATA / name}: {len(faces):,} images of {' × '.join(map(str, faces.images.shape[1:]))}"
    )
    print(faces.counts().to_string())


@app.command()
def run(
    settings: Annotated[
        list[str] | None, typer.Argument(help="name=value pairs; see the list below")
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    tracker: Tracker = "none",
    results: Results = "",
):
    """Run one experiment, for example: run dataset=fer2013 task=binary loss=focal seed=1"""
    import pandas as pd

    from fer_utils import distributed
    from fer_utils.experiments import runner
    from fer_utils.training.experiment import Experiment, parse_settings

    with distributed.failing_together():
        chosen = Experiment(**parse_settings(settings or []))
        if distributed.is_main_process():
            print(chosen.id, flush=True)
        folder = runner.run(
            chosen,
            device,
            precision,
            paths.results_set(results),
            tracker=tracker,
            draw=_draw(tracker),
        )
    if not distributed.is_main_process():
        return
    scores = pd.read_csv(folder / "metrics.csv", dtype={"class": str}, keep_default_na=False)
    scores = scores[scores["split"] == "test"]
    print(scores[["metric", "class", "value"]].round(4).to_string(index=False))
    print(folder)


@app.command()
def study(
    name: Annotated[str, typer.Argument(help="report_a, median, …; an unknown name lists them")],
    dataset: Dataset = "sample",
    seeds: Annotated[
        str,
        typer.Option(metavar="0,1,…", help="whole numbers, with commas; left out: the study's own"),
    ] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="for every experiment; may be repeated"),
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    tracker: Tracker = "none",
    results: Results = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="drop runs of other settings from the study's list")
    ] = False,
    on: Annotated[str, typer.Option(help="here, ray or slurm; see docs/cluster.md")] = "here",
    jobs: Annotated[
        int, typer.Option(help="--on here: runs at a time, each in a process of its own; 1 or more")
    ] = 1,
    address: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="--on ray: the cluster's; left out: this machine's"),
    ] = None,
    gpus_per_run: Annotated[
        float | None,
        typer.Option(
            help="--on ray: 0, a share such as 0.25, or a whole number; left out: 1, where there is any"
        ),
    ] = None,
    slurm: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="--on slurm: partition, timeout_min, …; may be repeated; an unknown name lists all",
        ),
    ] = None,
):
    """Run every unfinished experiment of a study. What is finished is skipped, so that it can be stopped any time.

    Examples:

    - study report_a --dataset fer2013 --seeds 0,1,2 --jobs 2

    - study gamma --set epochs=2

    - study report_a --dataset fer2013 --device cuda --on slurm --slurm partition=gpu --slurm timeout_min=120
    """
    from fer_utils.experiments import studies
    from fer_utils.training.experiment import parse_settings

    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise FerError("torchrun is for one run; a study is spread with: study NAME --on ray")
    extra = parse_settings(settings or [])
    if seeds:
        extra["seeds"] = [parse_settings([f"seed={seed}"])["seed"] for seed in seeds.split(",")]
    extra["spread"] = _way(on, jobs, address, gpus_per_run, slurm or [])
    studies.run_study(
        name,
        dataset,
        device,
        precision,
        paths.results_set(results),
        tracker,
        _draw(tracker),
        replace=replace,
        **extra,
    )


@app.command()
def weights(
    fetch: Annotated[
        str, typer.Option(metavar="MODEL", help="whose weights to download; all: every model's")
    ] = "",
    file: Annotated[
        str,
        typer.Option(metavar="MODEL=PATH", help="a file of weights of your own to check and keep"),
    ] = "",
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
    similarity: Annotated[
        float, typer.Option(help="correlation, 0 to 1, above which two images are near-copies")
    ] = 0.95,
    results: Results = "",
):
    """List copies, leaks, conflicting labels and blank images in results/DATASET/audit/*.csv."""
    from fer_utils.data import audit as room
    from fer_utils.data.synthetic import open_dataset

    folder = paths.results_set(results) / dataset / "audit"
    print(room.write(open_dataset(dataset), folder, similarity).to_string())
    print(folder)


@app.command()
def best(
    dataset: Dataset = "sample",
    task: Annotated[
        str, typer.Option(help="whose best network is exported: binary, three, multiclass or seven")
    ] = "seven",
    device: Device = "cpu",
    results: Results = "",
):
    """Export the best network of study `best` and write results/DATASET/best/*.csv and MODEL_CARD.md.

    Needs the finished study, its checkpoints, the data set and its audit, for example: best --dataset fer2013
    """
    from fer_utils.reporting import best_network as room

    print(room.make(dataset, task, device, paths.results_set(results)))


@app.command()
def predict(
    images: Annotated[
        list[Path], typer.Argument(help="images and folders of images, each showing one face")
    ],
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="where to write the table; left out: it is printed"),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="an exported network; left out: the committed one"),
    ] = None,
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
def report(dataset: Dataset = "sample", results: Results = ""):
    """Build report/report.pdf from the results of a data set and from nothing else."""
    from fer_utils.reporting import build as room

    print(room.build(dataset, paths.results_set(results)))


def _way(
    on: str, jobs: int, address: str | None, gpus_per_run: float | None, slurm: list[str]
) -> "Spread | None":
    """How a study is run; None: one run after another. Raises FerError for options that make no sense."""
    one_of(on, PLACES, "place")
    given = {
        "--jobs": ("here", jobs != 1),
        "--address": ("ray", address is not None),
        "--gpus-per-run": ("ray", gpus_per_run is not None),
        "--slurm": ("slurm", bool(slurm)),
    }
    for option, (place, is_given) in given.items():
        if is_given and on != place:
            raise FerError(
                f"{option} is for --on {place}, and this study is run --on {on}; leave one of them out"
            )
    if on == "ray":
        from fer_utils.experiments import ray_cluster

        ray_cluster.check_share(gpus_per_run)
        return partial(ray_cluster.spread, address=address, gpus_per_run=gpus_per_run)
    if on == "slurm":
        from fer_utils.experiments import slurm as room

        return partial(room.spread, options=room.parse_options(slurm))
    if jobs == 1:
        return None
    from fer_utils.experiments.local_pool import check_jobs, run_side_by_side

    check_jobs(jobs)
    return partial(run_side_by_side, jobs=jobs)


def _draw(tracker: str) -> "Draw | None":
    """What a tracker shows of a finished run; matplotlib is imported for it alone."""
    if tracker == "none":
        return None
    from fer_utils.reporting.plots import of_run

    return of_run


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
