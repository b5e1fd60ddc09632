"""Commands about finished runs: score anew, verify, export the best network, report."""

import gc
import sys
from typing import Annotated

import typer

from fer_utils import paths
from fer_utils.cli.options import Dataset, Device, Results


def rescore(dataset: Dataset = "sample", results: Results = "") -> None:
    """Compute the metrics of finished runs anew from their stored logits; nothing is trained.

    For when a metric was added or changed. Only files metrics.csv that differ are written.
    """
    # `results` is the option's name
    from fer_utils.experiments import results as stored

    changed = stored.rescore(dataset, paths.results_set(results))
    for run in changed:
        print(run)
    print(f"metrics.csv changed in {len(changed)} run{'' if len(changed) == 1 else 's'}")


def verify(
    dataset: Dataset = "sample",
    rerun: Annotated[int, typer.Option(min=0, help="so many runs are computed once more")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="decides which runs --rerun takes")] = 0,
    model: Annotated[
        str, typer.Option(help="whose runs --rerun takes, of the cheapest quarter")
    ] = "cnn",
    results: Results = "",
) -> None:
    """Compute every score anew from the stored logits by other code; check rows, labels, evidence.

    Writes results/DATASET/certificate.json. Any failure is one line on stderr and exit status 1.

    Examples:

    - verify --dataset fer2013

    - verify --dataset fer2013 --rerun 2 --seed 1
    """
    from fer_utils.analysis import certificate, repeat
    from fer_utils.analysis import verify as verification

    found = verification.verify(dataset, paths.results_set(results))
    repeated = repeat.repeat(found, rerun, seed, model) if rerun else []
    found.failures += [str(run) for run in repeated if not run.is_expected]
    path = certificate.write(found, repeated)
    print(certificate.summary(found, repeated))
    print(path)
    for failure in found.failures:
        print(f"failed: {failure}", file=sys.stderr)
    if found.failures:
        raise typer.Exit(1)


def best(
    dataset: Dataset = "sample",
    task: Annotated[
        str, typer.Option(help="whose best network is exported: binary, three, multiclass or seven")
    ] = "seven",
    device: Device = "cpu",
    results: Results = "",
) -> None:
    """Export the best network of study `best`; write results/DATASET/best/*.csv and MODEL_CARD.md.

    Needs the finished study, its checkpoints, the data set and its audit, for example:
    best --dataset fer2013
    """
    from fer_utils.reporting import best_network

    print(best_network.make(dataset, task, device, paths.results_set(results)))


def report(dataset: Dataset = "sample", results: Results = "") -> None:
    """Build report/report.pdf from the results of a data set and from nothing else."""
    # A short program, whose memory is free at its end: collecting garbage was a fifth of its time.
    gc.disable()
    from fer_utils.reporting import build

    print(build.build(dataset, paths.results_set(results)))
