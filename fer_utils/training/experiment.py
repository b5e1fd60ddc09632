"""An experiment is data: a frozen dataclass that names a run completely, and whose id names its folder."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import get_args

from fer_utils.data.splits import TESTS
from fer_utils.data.tasks import get_task
from fer_utils.errors import FerError, one_of
from fer_utils.evaluation.prediction import VIEWS
from fer_utils.models.freezing import UnfreezeSchedule
from fer_utils.models.registry import check_model
from fer_utils.training.losses import make_loss
from fer_utils.training.optimizers import OPTIMIZERS
from fer_utils.training.schedules import SCHEDULES

SELECTIONS = ("last", "best")


@dataclass(frozen=True)
class Experiment:
    """Every setting of a run. Defaults are report A's protocol; where it is silent, the comment says "ours".

    A setting added later gets a default that means "as before": the id hashes only what differs from the
    defaults, so results that exist keep their id.
    """

    dataset: str = "sample"  # a prepared store: data/<dataset>
    task: str = "multiclass"  # binary, multiclass, three, seven, or classes joined by +
    model: str = "cnn"
    loss: str = "cross_entropy"  # or focal
    gamma: float = 2.0  # focal loss only; ours (Lin et al.'s choice)
    class_weights: bool = True  # the task's weights; False: all 1
    epochs: int = 10
    batch_size: int = 64  # ours
    optimiser: str = "adam"  # ours; or adamw, sgd
    learning_rate: float = 5e-4  # ours, chosen on validation (study learning_rate)
    weight_decay: float = 1e-4  # ours; the report uses some
    cap: int | None = 4000  # training images a class, at most
    validation: float = 0.2  # share of the training images
    dedupe: bool = False  # copies of one photograph on one side only: leaked test images left out (copies.near)
    image_size: int | None = None  # None: the network's own
    median: bool = False  # 3×3 median filter on every image
    dropout: float | None = None  # before the head; None: the network's own
    select: str = "last"  # which epoch is tested: the last, or the best on validation
    seed: int = 0  # draws the cap, the split, the weights, the order, the augmentation and the dropout
    test: str = "all"  # every test image; or private: PrivateTest, with PublicTest for validation
    flip: bool = False  # augmentation: see Augment, here to mixup
    rotation: float = 0.0  # degrees
    shift: float = 0.0  # share of the side
    scale: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    erasing: float = 0.0  # probability
    mixup: float = 0.0  # alpha
    label_smoothing: float = 0.0  # cross-entropy only
    schedule: str = "constant"  # of the learning rate; or cosine, one_cycle, plateau
    ema: float = 0.0  # decay of the averaged weights, for example 0.998; 0: the last step's weights
    tta: str = "none"  # test-time augmentation of the final scores; or flip, flip_shift
    trainable: int | None = None  # only so many of the last stages learn; None: all. Report A's is 2
    thaw: str = ""  # instead: gradual unfreezing, "1:1 3:2" = from epoch 1 the last stage, from epoch 3 two
    rest: bool = True  # frozen stages in evaluation mode; False: in training mode, report A's way
    stage_decay: float = 1.0  # a stage's learning rate as a share of the next one's; the head has learning_rate
    thaw_warm_up: int = 0  # steps over which the learning rate rises after each thaw
    clip: float = 0.0  # the largest norm of a gradient; 0: any
    patience: int = 0  # stop after so many epochs without a higher validation accuracy; 0: never
    saturation: float = 0.0  # augmentation of colour images: see Augment

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value, allowed = getattr(self, field.name), get_args(field.type) or (field.type,)
            if type(value) is int and float in allowed:  # gamma=1 and gamma=1.0 are one experiment, with one id
                object.__setattr__(self, field.name, float(value))
            elif type(value) not in allowed:
                raise FerError(f"{field.name} must be of type {field.type}; got {value!r}")
        get_task(self.task)
        check_model(self.model, self.image_size)
        make_loss(self.loss, 0.0, None, self.label_smoothing)
        one_of(self.optimiser, OPTIMIZERS, "optimiser")
        one_of(self.select, SELECTIONS, "selection")
        one_of(self.test, TESTS, "test")
        one_of(self.schedule, SCHEDULES, "schedule")
        one_of(self.tta, VIEWS, "test-time augmentation")
        if self.thaw and self.trainable is not None:
            raise FerError(
                f"trainable={self.trainable} and thaw={self.thaw!r} exclude each other; give one of them"
            )
        for name in ("epochs", "batch_size", "cap", "image_size", "learning_rate", "trainable", "stage_decay"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise FerError(f"{name} must be above 0; got {value}")
        for name in ("gamma", "weight_decay", "seed", "rotation", "mixup", "thaw_warm_up", "clip", "patience"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise FerError(f"{name} must be 0 or more; got {getattr(self, name)}")
        for name in (
            "shift",
            "scale",
            "brightness",
            "contrast",
            "saturation",
            "erasing",
            "label_smoothing",
            "ema",
            "dropout",
        ):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise FerError(f"{name} must be at least 0 and below 1; got {value}")
        if self.stage_decay > 1:
            raise FerError(f"stage_decay must be at most 1; got {self.stage_decay}")
        _ = self.unfreezing

    @classmethod
    def make(cls, **settings) -> "Experiment":
        """An experiment from settings by name; an unknown name is a FerError that lists the right ones."""
        known = [field.name for field in dataclasses.fields(cls)]
        for name in settings:
            one_of(name, known, "parameter")
        return cls(**settings)

    @property
    def id(self) -> str:
        """Readable slug plus a hash of every setting that differs from its default."""
        settings = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        changed = {name: value for name, value in settings.items() if value != defaults[name]}
        digest = hashlib.sha256(json.dumps(changed, sort_keys=True).encode()).hexdigest()[:8]
        return f"{self.task}-{self.model.replace(':', '_')}-{self.loss}-s{self.seed}-{digest}"

    @property
    def unfreezing(self) -> UnfreezeSchedule:
        """Which stages learn when. Raises FerError for a schedule that makes no sense."""
        schedule = self.thaw if self.trainable is None else f"1:{self.trainable}"
        return UnfreezeSchedule.parse(schedule, self.epochs, self.rest, self.thaw_warm_up)

    def replace(self, **settings) -> "Experiment":
        return dataclasses.replace(self, **settings)
