"""Commands that train: one experiment, or a study of many, on this machine or on a cluster."""

import os
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fer_utils import paths
from fer_utils.cli.options import Dataset, Device, Precision, Results, Tracker
from fer_utils.errors import FerError, one_of

if TYPE_CHECKING:
    from fer_utils.experiments.studies import Spread
    from fer_utils.training.tracking import Draw

PLACES = ("here", "ray", "slurm")  # where a study runs


class RunCommand(typer.core.TyperCommand):
    """`run`, whose help ends with the list of an experiment's settings."""

    def get_help(self, ctx: Any) -> str:
        """The help of the options, then the list; PyTorch is imported for it, so not before."""
        from fer_utils.training.experiment import describe_settings

        # from the experiment itself, so that no setting can be missing here
        rows = [(f"{name}={default}", comment) for name, default, comment in describe_settings()]
        width = max(len(pair) for pair, _ in rows)
        lines = [f"  {pair:{width}}  {comment}".rstrip() for pair, comment in rows]
        return "\n".join([super().get_help(ctx), "Settings and their defaults:", *lines])


def run(
    settings: Annotated[
        list[str] | None, typer.Argument(help="name=value pairs of the list below")
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    tracker: Tracker = "none",
    results: Results = "",
) -> None:
    """Run one experiment, for example: run dataset=fer2013 task=binary loss=focal seed=1"""
    import pandas as pd

    from fer_utils import distributed
    from fer_utils.experiments import runner
    from fer_utils.training.experiment import Experiment, parse_settings

    # the settings too: one process that stops at a wrong one must not leave others waiting
    with distributed.failing_together():
        experiment = Experiment(**parse_settings(settings or []))
        if distributed.is_main_process():
            print(experiment.id, flush=True)  # at once: the run may take hours
        folder = runner.run(
            experiment,
            device,
            precision,
            paths.results_set(results),
            tracker=tracker,
            draw=_draw(tracker),
        )
    if not distributed.is_main_process():
        return
    # Its own file alone: opening all results would read every other run, also broken ones.
    # a class may be called None or nan, which pandas takes for missing
    scores = pd.read_csv(folder / "metrics.csv", dtype={"class": str}, keep_default_na=False)
    scores = scores[scores["split"] == "test"]
    print(scores[["metric", "class", "value"]].round(4).to_string(index=False))
    print(folder)


def study(
    name: Annotated[str, typer.Argument(help="report_a, median, …; an unknown name lists them")],
    dataset: Dataset = "sample",
    seeds: Annotated[
        str,
        typer.Option(metavar="0,1,…", help="whole numbers, with commas; left out: the study's own"),
    ] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="for every experiment (`run --help` lists the names); may be repeated",
        ),
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
            help="--on ray: 0, a share such as 0.25, or a whole number; "
            "left out: 1, where there is any"
        ),
    ] = None,
    slurm: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="--on slurm: partition, timeout_min, … (an unknown name lists all); "
            "may be repeated",
        ),
    ] = None,
) -> None:
    """Run every unfinished experiment of a study.

    What is finished is skipped, so that it can be stopped at any time.

    Examples:

    - study report_a --dataset fer2013 --seeds 0,1,2 --jobs 2

    - study gamma --set epochs=2

    - study report_a --dataset fer2013 --device cuda --on slurm --slurm partition=gpu
    """
    from fer_utils.experiments import studies
    from fer_utils.training.experiment import parse_settings

    # Each of its processes would run the whole study.
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise FerError("torchrun is for one run; a study is spread with: study NAME --on ray")
    extra = parse_settings(settings or [])
    if seeds:
        # through the settings' parser: a seed that is no number meets the same error as anywhere
        extra["seeds"] = [parse_settings([f"seed={seed}"])["seed"] for seed in seeds.split(",")]
    # Before the study starts: options that make no sense should not cost a data set's opening.
    extra["spread"] = _spread(on, jobs, address, gpus_per_run, slurm or [])
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


def _spread(
    on: str, jobs: int, address: str | None, gpus_per_run: float | None, slurm: list[str]
) -> "Spread | None":
    """How a study is run; None: one run after another.

    Raises FerError for options that make no sense together.
    """
    one_of(on, PLACES, "place")
    given = {
        "--jobs": ("here", jobs != 1),
        "--address": ("ray", address is not None),
        "--gpus-per-run": ("ray", gpus_per_run is not None),
        "--slurm": ("slurm", bool(slurm)),
    }
    # Refused rather than ignored: who gives --slurm without --on slurm means the cluster.
    for option, (place, is_given) in given.items():
        if is_given and on != place:
            raise FerError(
                f"{option} is for --on {place}, and this study is run --on {on}; "
                "leave one of them out"
            )
    # imported where they are asked for: Ray and submitit are optional
    if on == "ray":
        from fer_utils.experiments import ray_cluster

        ray_cluster.check_share(gpus_per_run)
        return partial(ray_cluster.spread, address=address, gpus_per_run=gpus_per_run)
    if on == "slurm":
        from fer_utils.experiments import slurm as slurm_cluster

        return partial(slurm_cluster.spread, options=slurm_cluster.parse_options(slurm))
    if jobs == 1:
        return None
    from fer_utils.experiments import local_pool

    local_pool.check_jobs(jobs)
    return partial(local_pool.run_side_by_side, jobs=jobs)


def _draw(tracker: str) -> "Draw | None":
    """What a tracker shows of a finished run; matplotlib is imported for it alone."""
    if tracker == "none":
        return None
    from fer_utils.reporting.plots import of_run

    return of_run
