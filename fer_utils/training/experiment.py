"""An experiment is data: a frozen dataclass that names a run completely; its id names a folder."""

import dataclasses
import hashlib
import inspect
import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import (
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.dataclasses import dataclass

from fer_utils.data.splits import TESTS
from fer_utils.data.tasks import class_weights, get_task
from fer_utils.errors import FerError, one_of
from fer_utils.evaluation.prediction import VIEWS
from fer_utils.models.freezing import UnfreezeSchedule
from fer_utils.models.registry import check_model
from fer_utils.training.losses import make_loss
from fer_utils.training.optimizers import OPTIMIZERS
from fer_utils.training.schedules import SCHEDULES

# which epochs are tested, the first one as the run's own prediction
SELECTIONS = {"last": ("last",), "best": ("best",), "both": ("best", "last")}

Count = Annotated[int, Field(gt=0)]
Index = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]  # of 1


class Seeds(NamedTuple):
    """One seed for each source of chance; what each draws stands beside `Experiment.split_seed`."""

    split: int
    init: int
    order: int


# Strict: "3" is no number and 1 is no bool; but 1 is the float 1.0, so that equal experiments are
# equal. The comment beside a setting is also its line in `run --help` (see describe_settings).
@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Experiment:
    """Every setting of a run; the defaults are report A's protocol.

    "Ours" marks what the report leaves open. A setting added later gets a default that means "as
    before": the id hashes only what differs from the defaults, so results that exist keep their id.

    Raises
    ------
    FerError
        Names the setting, for a value of the wrong type or out of range and for an unknown name.
    """

    dataset: str = "sample"  # a prepared store: data/<dataset>
    task: str = "multiclass"  # or binary, three, seven, or classes joined by +
    model: str = "cnn"  # a network's name; an unknown one lists them
    loss: str = "cross_entropy"  # or focal
    gamma: NotNegative = 2.0  # focal loss only; ours (Lin et al.'s choice)
    class_weights: bool = True  # the task's weights; False: all 1
    epochs: Count = 10  # at most, where patience ends a run
    batch_size: Count = 64  # ours; of all processes together
    optimiser: str = "adam"  # ours; or adamw, sgd
    learning_rate: Positive = 5e-4  # of the head; ours, chosen on validation (study learning_rate)
    weight_decay: NotNegative = 1e-4  # ours; the report uses some
    cap: Count | None = 4000  # training images per class, at most
    validation: float = 0.2  # share of the training images
    dedupe: bool = False  # copies of one photograph on one side only (see data.duplicates)
    image_size: Count | None = None  # pixels; None: the network's own
    median: bool = False  # 3×3 median filter on every image
    dropout: Share | None = None  # before the head; None: the network's own
    select: str = "last"  # the epoch tested: the last; best: on validation; both: it, last beside
    seed: Index = 0  # draws the cap, the split, weights, order, augmentation and dropout
    test: str = "all"  # every test image; or private: PrivateTest, validated on PublicTest
    flip: bool = False  # augmentation, as all up to mixup (see data.augmentation): mirrored or not
    rotation: NotNegative = 0.0  # degrees, at most, to either side
    shift: Share = 0.0  # at most, a share of the side
    scale: Share = 0.0  # at most, larger or smaller by this share
    brightness: Share = 0.0  # at most, a share
    contrast: Share = 0.0  # at most, a share
    erasing: Share = 0.0  # probability that a rectangle is painted over
    mixup: NotNegative = 0.0  # alpha of the Beta distribution of the shares
    label_smoothing: Share = 0.0  # cross-entropy only
    schedule: str = "constant"  # of the learning rate; or cosine, one_cycle, plateau
    ema: Share = 0.0  # decay of the averaged weights, for example 0.998; 0: the last step's
    tta: str = "none"  # test-time augmentation of the final scores; or flip, flip_shift
    trainable: Count | None = None  # only so many of the last stages learn; None: all; report A: 2
    thaw: str = ""  # instead: gradual unfreezing, "1:1 3:2" = from epoch 1 one stage, from 3 two
    rest: bool = True  # frozen stages in evaluation mode; False: in training mode, as report A
    stage_decay: Annotated[float, Field(gt=0, le=1)] = 1.0  # a stage's rate over the next one's
    thaw_warm_up: Index = 0  # steps over which the learning rate rises after each unfreezing
    clip: NotNegative = 0.0  # the largest norm of a gradient; 0: any
    patience: Index = 0  # stop after so many epochs without a higher validation accuracy; 0: never
    saturation: Share = 0.0  # augmentation of colour images
    weight_order: str = ""  # classes joined by +: who gets the task's weights in turn; "": its own
    stratified: bool = True  # validation has each class's share; False: drawn from all at once
    cap_drawn: bool = True  # which images the cap leaves is drawn; False: the first of each class
    split_seed: Index | None = None  # of the cap and the split alone; None: seed
    init_seed: Index | None = None  # of the initial weights alone; None: seed
    order_seed: Index | None = None  # of order, augmentation and dropout alone; None: seed

    @model_validator(mode="wrap")
    @classmethod
    def _explain(cls, values: Any, handler: ModelWrapValidatorHandler) -> "Experiment":
        # Without this a wrong setting is a page of pydantic's, not a line.
        try:
            return handler(values)
        except ValidationError as error:
            raise _as_one_line(error) from None

    def __post_init__(self) -> None:
        class_weights(get_task(self.task), self.weight_order)
        check_model(self.model, self.image_size)
        make_loss(self.loss, 0.0, None, self.label_smoothing)
        one_of(self.optimiser, OPTIMIZERS, "optimiser")
        one_of(self.select, SELECTIONS, "selection")
        one_of(self.test, TESTS, "test")
        one_of(self.schedule, SCHEDULES, "schedule")
        one_of(self.tta, VIEWS, "test-time augmentation")
        if self.thaw and self.trainable is not None:
            raise FerError(
                f"trainable={self.trainable} and thaw={self.thaw!r} exclude each other; "
                "give one of them"
            )
        _ = self.unfreezing  # raises for a schedule that makes no sense

    @property
    def id(self) -> str:
        """Readable slug plus a hash of every setting that differs from its default."""
        fields = dataclasses.fields(self)
        settings = {field.name: getattr(self, field.name) for field in fields}
        # Frozen: an id that changed would orphan the committed runs.
        changed = {
            field.name: settings[field.name]
            for field in fields
            if settings[field.name] != field.default
        }
        digest = hashlib.sha256(json.dumps(changed, sort_keys=True).encode()).hexdigest()[:8]
        return f"{self.task}-{self.model.replace(':', '_')}-{self.loss}-s{self.seed}-{digest}"

    @property
    def seeds(self) -> Seeds:
        """The seed of each source of chance: its own, or `seed`."""
        own = (self.split_seed, self.init_seed, self.order_seed)
        return Seeds(*(self.seed if seed is None else seed for seed in own))

    def tested_checkpoint(self) -> str:
        """The file with the weights that are tested."""
        return f"{SELECTIONS[self.select][0]}.pth"

    @property
    def unfreezing(self) -> UnfreezeSchedule:
        """Which stages learn when. Raises FerError for a schedule that makes no sense."""
        schedule = self.thaw if self.trainable is None else f"1:{self.trainable}"
        return UnfreezeSchedule.parse(schedule, self.epochs, self.rest, self.thaw_warm_up)

    def replace(self, **settings: Any) -> "Experiment":
        """The same experiment with other values of some settings, which are checked."""
        return dataclasses.replace(self, **settings)


FIELDS: dict[str, Any] = {field.name: field.type for field in dataclasses.fields(Experiment)}


def describe_settings() -> list[tuple[str, str, str]]:
    """Every setting: its name, its default as the command line takes it, its comment above."""
    comments = dict(
        re.findall(r"^    (\w+): .*  # (.*)$", inspect.getsource(Experiment), re.MULTILINE)
    )
    return [
        (field.name, str(field.default).lower(), comments.get(field.name, ""))
        for field in dataclasses.fields(Experiment)
    ]


def parse_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """Settings of an Experiment by name, from the command line's "name=value" strings.

    "none" is None where a setting may be that. Raises FerError for an unknown name or a value that
    is not of the setting's type.
    """
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise FerError(f"{pair!r} is not of the form name=value; names: {', '.join(FIELDS)}")
        kind = FIELDS[one_of(name, FIELDS, "parameter")]
        if text.lower() == "none" and "None" in str(kind):
            settings[name] = None
            continue
        try:
            settings[name] = TypeAdapter(kind).validate_strings(text)
        except ValidationError as error:
            raise _as_one_line(error, name) from None
    return settings


def check_setting(name: str, value: object) -> None:
    """Raises FerError for an unknown setting, or a value of the wrong type or out of range."""
    kind = FIELDS[one_of(name, FIELDS, "parameter")]
    try:
        TypeAdapter(kind, config=ConfigDict(strict=True)).validate_python(value)
    except ValidationError as error:
        raise _as_one_line(error, name) from None


def _as_one_line(error: ValidationError, name: str = "") -> FerError:
    """The first thing that is wrong, with the setting's name and what it got."""
    first = error.errors(include_url=False)[0]
    name = name or str(first["loc"][0])
    if first["type"] == "unexpected_keyword_argument":
        one_of(name, FIELDS, "parameter")  # raises, with the name that was meant
    message = first["msg"].removeprefix("Input should be ")
    return FerError(f"{name} must be {message}; got {first['input']!r}")
