"""Named lists of experiments, and how they are run. Resume makes a study safe to stop at any time."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from itertools import product
from pathlib import Path

from fer_utils import devices, io, paths
from fer_utils.data.dataset import Faces
from fer_utils.data.splits import split_task
from fer_utils.data.tasks import get_task
from fer_utils.errors import FerError, one_of
from fer_utils.failures import Failures
from fer_utils.models.pretrained import store
from fer_utils.running import folder_of, open_dataset, run
from fer_utils.training.experiment import Experiment

TASKS = ("binary", "multiclass")
LOSSES = ("cross_entropy", "focal")
NOT_RUN = "not run: weights missing"
# computes experiments: on a device, in a precision, with results in a folder, from a data set
Spread = Callable[[Sequence[Experiment], str, str, Path, Faces], None]

# Values are customary ones from the papers named in each room, unless the comment says otherwise.
RECIPE = {
    "model": "small_resnet",
    "class_weights": False,  # accuracy is the score, and it counts every image once
    "cap": None,  # every training image of the classes
    "epochs": 40,  # of the four classes 45 minutes on one core (AMD EPYC) with bf16, twice that without
    "batch_size": 128,
    "optimiser": "adamw",  # the ablation has SGD in its place
    "learning_rate": 2e-3,  # the peak
    "weight_decay": 0.05,
    "schedule": "one_cycle",  # few epochs are enough for it
    "flip": True,  # a mirrored face shows the same expression
    "rotation": 10.0,  # degrees: how far heads lean in photographs
    "shift": 0.08,  # 4 of 48 pixels, as crops of 44 make
    "scale": 0.1,  # with the shift: faces are not cropped alike
    "erasing": 0.25,  # half of Zhong et al.'s, for a shorter training
    "label_smoothing": 0.1,  # FER2013's labels are noisy: people agree with about two in three
    "ema": 0.998,  # averages over the last 500 steps, some four epochs
    "tta": "flip",
}
# what the ablation leaves out, and what stands in its place
WITHOUT = {
    "small residual network": {"model": "cnn"},
    "flip": {"flip": False},
    "rotation, shift and scale": {"rotation": 0.0, "shift": 0.0, "scale": 0.0},
    "erasing": {"erasing": 0.0},
    "label smoothing": {"label_smoothing": 0.0},
    "AdamW": {"optimiser": "sgd", "learning_rate": 0.02, "weight_decay": 5e-4},
    "one-cycle schedule": {"schedule": "constant", "learning_rate": 5e-4},  # the peak is too high to stay at
    "averaged weights": {"ema": 0.0},
    "test-time flip": {"tta": "none"},
}
# instead of the small network one with ImageNet's weights; enlarged, since its stem halves the side at once; its
# epochs and rate were set, not searched
FROM_IMAGENET = {"model": "efficientnet_lite0", "image_size": 96, "epochs": 10, "learning_rate": 1e-3}

# pretrained networks are fine-tuned at a fifth of the default, since their weights are good already
FINE = {"learning_rate": 1e-4}
# dlib's ResNet has no batch normalisation; its convolutions are about 1e-3 and are followed by factors of about 8,
# so that Adam's steps below the head must be a thousandth of the head's (tried on validation images)
FACES = {"learning_rate": 1e-2, "stage_decay": 1e-3, "clip": 5.0}
GRADUAL = {"epochs": 8, "thaw": "1:1 2:2 5:3", "thaw_warm_up": 20, "stage_decay": 0.5, "clip": 5.0}
# random weights hold nothing that is worth keeping: all stages learn from the start, at one rate
AT_ONCE = {"learning_rate": 5e-4, "thaw": "", "thaw_warm_up": 0, "stage_decay": 1.0}
REPORT_B = {
    "resnet18_scratch": AT_ONCE | {"image_size": 96},  # at its own 224 pixels it would take five times as long
    "resnet18": FINE,
    "vggface": FINE | {"thaw": "1:1 2:3 5:4"},  # its three dense layers are a stage each; conv5 comes later
    "face_resnet": FACES | {"thaw": "1:1 2:2"},  # a third stage would learn at 1e-8
    "mobilenet_v2": FINE,
}


def report_a(dataset: str, seeds: Sequence[int] = (0, 1, 2), **settings) -> list[Experiment]:
    """Report A's comparison with its CNN: both tasks, both losses, paired by seed."""
    return [
        Experiment.make(dataset=dataset, task=task, loss=loss, seed=seed, **settings)
        for seed, task, loss in product(seeds, TASKS, LOSSES)
    ]


def dedupe(dataset: str, seeds: Sequence[int] = (0, 1, 2, 3, 4), **settings) -> list[Experiment]:
    """Report A's comparison where no photograph is on two sides: what its scores are without the leak."""
    return report_a(dataset, seeds, dedupe=True, **settings)


def median(dataset: str, seeds: Sequence[int] = (0,), **settings) -> list[Experiment]:
    """Report A's denoising experiment: the four classes with and without the median filter."""
    return [
        Experiment.make(dataset=dataset, task="multiclass", loss=loss, seed=seed, median=filtered, **settings)
        for seed, loss, filtered in product(seeds, LOSSES, (False, True))
    ]


def class_weights(dataset: str, seeds: Sequence[int] = (0, 1, 2, 3, 4), **settings) -> list[Experiment]:
    """The four classes with and without class weights, so that "focal" and "weighted" are not confused."""
    return [
        Experiment.make(dataset=dataset, loss=loss, seed=seed, class_weights=weighted, **settings)
        for seed, loss, weighted in product(seeds, LOSSES, (True, False))
    ]


def gamma(dataset: str, seeds: Sequence[int] = (0, 1, 2), **settings) -> list[Experiment]:
    """The four classes with focal loss and every exponent from 0 (weighted cross-entropy) to 5."""
    return [
        Experiment.make(dataset=dataset, task="multiclass", loss="focal", seed=seed, gamma=exponent, **settings)
        for seed, exponent in product(seeds, (0.0, 0.5, 1.0, 2.0, 3.0, 5.0))
    ]


def learning_rate(dataset: str, seeds: Sequence[int] = (0,), **settings) -> list[Experiment]:
    """How the learning rate was chosen, on validation: half and twice the default beside it."""
    return [
        Experiment.make(dataset=dataset, task=task, seed=seed, learning_rate=rate, **settings)
        for seed, task, rate in product(seeds, TASKS, (2.5e-4, 5e-4, 1e-3))
    ]


def best(dataset: str, seeds: Sequence[int] = (0, 1, 2), **settings) -> list[Experiment]:
    """The recipe on every task; seven classes by their literature's protocol (PublicTest chooses)."""
    tests = {"binary": "all", "three": "all", "multiclass": "all", "seven": "private"}
    recipe = RECIPE | settings
    return [
        Experiment.make(dataset=dataset, task=task, test=test, seed=seed, **recipe)
        for seed, (task, test) in product(seeds, tests.items())
    ]


def ablation(dataset: str, seeds: Sequence[int] = (0, 1, 2), **settings) -> list[Experiment]:
    """What each part of the recipe is worth: the four classes with all of it, and with one part left out."""
    recipe = RECIPE | settings
    return [
        Experiment.make(dataset=dataset, task="multiclass", seed=seed, **recipe | left_out)
        for seed, left_out in product(seeds, ({}, *WITHOUT.values()))
    ]


def start(dataset: str, seeds: Sequence[int] = (0,), **settings) -> list[Experiment]:
    """Where to start from: the recipe's network from random weights, beside ImageNet's fine-tuned end to end."""
    recipe = RECIPE | settings
    return [
        Experiment.make(dataset=dataset, task="multiclass", seed=seed, **recipe | start)
        for seed, start in product(seeds, ({}, FROM_IMAGENET))
    ]


def transfer(dataset: str, seeds: Sequence[int] = (0,), **settings) -> list[Experiment]:
    """Report A's pretrained networks, the last two stages thawed: both tasks and losses, 5 and 10 epochs."""
    protocol = FINE | {"trainable": 2} | settings
    models = ("resnet18", "efficientnet_b1", "mobilenet_v2", "efficientnet_lite0")
    return [
        Experiment.make(dataset=dataset, model=model, task=task, loss=loss, epochs=epochs, seed=seed, **protocol)
        for seed, model, epochs, task, loss in product(seeds, models, (5, 10), TASKS, LOSSES)
    ]


def report_b(dataset: str, seeds: Sequence[int] = (0,), **settings) -> list[Experiment]:
    """Report B's comparison on three emotions: from random weights, from ImageNet's and from faces'."""
    return [
        Experiment.make(dataset=dataset, task="three", model=model, seed=seed, **GRADUAL | own | settings)
        for seed, (model, own) in product(seeds, REPORT_B.items())
    ]


def grid(dataset: str, seeds: Sequence[int] = (0,), **settings) -> list[Experiment]:
    """Report B's grid search: learning rate × weight decay × augmentation; `results.winner` chooses."""
    base = {"task": "three", "model": "face_resnet", "epochs": 8, "trainable": 2, "stage_decay": 1e-3, "clip": 5.0}
    augmented = {"flip": True, "rotation": 10.0, "brightness": 0.2, "contrast": 0.2}
    if varied := {*settings} & {"learning_rate", "weight_decay", *augmented}:
        raise TypeError(f"the grid varies {', '.join(sorted(varied))}")
    return [
        Experiment.make(
            dataset=dataset, learning_rate=rate, weight_decay=decay, seed=seed, **base | settings | augmentation
        )
        for seed, rate, decay, augmentation in product(seeds, (3e-3, 1e-2, 3e-2), (0.0, 1e-3), ({}, augmented))
    ]


STUDIES: dict[str, Callable[..., list[Experiment]]] = {
    "report_a": report_a,
    "dedupe": dedupe,
    "median": median,
    "class_weights": class_weights,
    "gamma": gamma,
    "learning_rate": learning_rate,
    "best": best,
    "ablation": ablation,
    "start": start,
    "transfer": transfer,
    "report_b": report_b,
    "grid": grid,
}


def make_study(name: str, dataset: str, **settings) -> list[Experiment]:
    """The experiments of a study by name. Raises FerError for an unknown name, or a setting it varies."""
    make = STUDIES[one_of(name, STUDIES, "study")]
    try:
        return make(dataset, **settings)
    except TypeError as error:  # "got multiple values for keyword argument 'loss'"
        raise FerError(f"study {name} cannot take that setting: {error}") from None


def run_study(
    name: str,
    dataset: str,
    device: str = "auto",
    precision: str = "auto",
    results: Path = paths.RESULTS,
    tracker: str = "none",
    spread: Spread | None = None,
    replace: bool = False,
    **settings,
) -> list[str]:
    """Runs what is not finished yet of a study, and returns the ids of all.

    spread: how; None: one run after another in this process, followed by a tracker (see tracking).
    jobs.run_side_by_side and cluster.spread know other ways, which nothing follows: then FerError.

    results/<dataset>/studies/<name>.json lists the ids, so that tables and figures know which runs are
    meant. Other seeds that are listed already stay; other settings make a list of their own (`listing`)
    unless `replace`. Runs whose pretrained weights are not at hand are named and left out;
    <name>.not_run.json keeps their settings for the tables.

    A run that fails, or that another process computes, does not keep the others from being finished.
    Raises FerError at the end with the reason of each.
    """
    if spread and tracker != "none":
        raise FerError(f"{tracker} follows the runs of one process; leave --tracker out, or --jobs and --on")
    whole = list(dict.fromkeys(make_study(name, dataset, **settings)))
    can_run = [_can_run(experiment, results) for experiment in whole]
    experiments = [experiment for experiment, can in zip(whole, can_run, strict=True) if can]
    left_out = [experiment for experiment, can in zip(whole, can_run, strict=True) if not can]
    for model, count in Counter(experiment.model for experiment in left_out).items():
        share = f"{count} of {len(whole)} runs"
        print(f"{NOT_RUN}: {model}, {share}; get them with: {store.remedy(model)}", flush=True)
    faces = open_dataset(dataset)
    # a split without images of a class is refused now, not when the run's turn comes, hours later
    for one in {(e.task, e.cap, e.validation, e.test): e for e in experiments}.values():
        split_task(faces, get_task(one.task), one.cap, one.validation, one.seed, one.test)
    list_at = listing(results / dataset / "studies", name, whole, replace)
    _write_lists(list_at, experiments, left_out)
    chosen = devices.choose(device, precision)
    print(f"{list_at.stem}: {len(experiments)} runs on {chosen.device.type} in {chosen.precision}", flush=True)
    (spread or partial(_one_after_another, tracker=tracker))(experiments, device, precision, results, faces)
    return [experiment.id for experiment in experiments]


def listing(folder: Path, name: str, experiments: Sequence[Experiment], replace: bool = False) -> Path:
    """The file in `folder` that lists a study's runs: <name>.json, unless others are listed there already.

    Others are runs that differ in more than the seed. Then it is <name>-<settings>.json, where the settings
    are those common to all of `experiments` in which these runs differ, for example report_a-cap=200.json.
    replace: <name>.json all the same. Raises FerError where no such setting tells the two apart.
    """
    path = folder / f"{name}.json"
    others = sorted({*_listed(path)} - _of_any_seed(experiments, _listed(path)))
    configs = [folder.parent / "runs" / run / "config.json" for run in others]
    theirs = [io.read_json(config)["experiment"] for config in configs if config.exists()]
    if replace or not theirs:
        if others:
            print(f"{path}: {len(others)} runs of other settings leave the list; their folders stay")
        return path
    ours = [asdict(experiment) for experiment in experiments]
    common = {key: value for key, value in ours[0].items() if all(one[key] == value for one in ours)}
    defaults = asdict(Experiment())
    differing = {
        key: value
        for key, value in common.items()
        if key not in ("seed", "dataset") and all(run.get(key, defaults[key]) != value for run in theirs)
    }
    if not differing:
        raise FerError(
            f"{path} lists {len(others)} runs that this study would drop; keep them and compute this one in a "
            "set of its own with --results NAME, or drop them with --replace"
        )
    settings = ",".join(f"{key}={value}" for key, value in differing.items())
    other = folder / f"{name}-{re.sub(r'[^a-zA-Z0-9=,.+-]', '_', settings)}.json"
    print(f"{path} lists runs of other settings and is kept; these runs are listed in {other.name}")
    return other


def _write_lists(path: Path, experiments: Sequence[Experiment], left_out: Sequence[Experiment]) -> None:
    listed = _of_any_seed([*experiments, *left_out], _listed(path))
    io.write_json(path, sorted({*listed, *(experiment.id for experiment in experiments)}))
    not_run = path.with_suffix(".not_run.json")
    if left_out:
        io.write_json(not_run, [asdict(experiment) for experiment in left_out])
    else:
        not_run.unlink(missing_ok=True)


def _listed(path: Path) -> list[str]:
    return io.read_json(path) if path.exists() else []


def _of_any_seed(experiments: Sequence[Experiment], ids: Sequence[str]) -> set[str]:
    """Which of these ids name one of the experiments with whatever seed. Found without opening a run."""
    seeds = {match[1] for run in ids if (match := re.search(r"-s(\d+)-[0-9a-f]{8}$", run))}
    settings = {experiment.replace(seed=0) for experiment in experiments}
    return {one.replace(seed=int(seed)).id for one in settings for seed in seeds} & set(ids)


def _can_run(experiment: Experiment, results: Path) -> bool:
    """Whether its weights are at hand, or are not needed: for random ones, or since the run is finished."""
    finished = (folder_of(experiment, results) / "done.json").exists()
    return finished or not store.sources(experiment.model) or store.at_hand(experiment.model) is not None


def _one_after_another(
    experiments: Sequence[Experiment], device: str, precision: str, results: Path, faces: Faces, tracker: str
) -> None:
    failures, busy = Failures(len(experiments)), []
    for number, experiment in enumerate(experiments, start=1):
        finished = (folder_of(experiment, results) / "done.json").exists()
        print(f"[{number}/{len(experiments)}] {experiment.id}{'  (finished)' if finished else ''}", flush=True)
        try:
            run(experiment, device, precision, results, faces, tracker)
        except io.Busy as error:
            print(f"  {error}", flush=True)
            busy.append(experiment)
        except Exception as error:
            failures.add(experiment.id, error)
    for experiment in busy:  # finished by the other process meanwhile, or left by it
        try:
            run(experiment, device, precision, results, faces, tracker, wait=True)
        except Exception as error:
            failures.add(experiment.id, error)
    failures.report()
