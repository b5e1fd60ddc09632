"""What a network has to say of itself, and the check that its stages are the whole of it."""

from collections.abc import Mapping
from typing import Protocol, cast, runtime_checkable

from torch import Tensor, nn

from fer_utils.errors import FerError


class Architecture(Protocol):
    """Builds a network: a class such as `SmallResNet`, or a public network cut into stages.

    The network is an `nn.Module` that takes normalised floats, B×channels×size×size, and gives
    logits, B×classes. Its attribute `stages` holds the names of its submodules from stem to head.

    Attributes
    ----------
    native_size : side in pixels of the images that it is made for.
    channels : 1 (grey) or 3 (RGB).
    mean, std : of intensities in 0..1, one value per channel; what its images are normalised with.
    """

    # properties: what implements them may be the attributes of a class or of a frozen dataclass
    @property
    def native_size(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def mean(self) -> tuple[float, ...]: ...
    @property
    def std(self) -> tuple[float, ...]: ...

    def __call__(
        self, classes: int, size: int = ..., channels: int = ..., dropout: float = ...
    ) -> nn.Module: ...


@runtime_checkable
class PublicArchitecture(Architecture, Protocol):
    """One that starts from public weights, and is given a head for the classes at hand.

    Attributes
    ----------
    unused : layers of the public weights that are replaced or left aside, so that a file of weights
        may hold them or not.
    """

    @property
    def unused(self) -> tuple[str, ...]: ...

    def skeleton(self) -> nn.Module:
        """The published network, for its names and shapes."""

    def __call__(
        self,
        classes: int,
        size: int | None = None,
        channels: int = ...,
        dropout: float | None = None,
        tensors: Mapping[str, Tensor] | None = None,
    ) -> nn.Module: ...


def stages_of(network: nn.Module) -> tuple[str, ...]:
    """The names of a network's stages, from stem to head, as the network gives them; () if not."""
    # to torch's types every attribute is a Tensor or a Module
    return cast("tuple[str, ...]", getattr(network, "stages", ()))


def check_stages(network: nn.Module, name: str) -> None:
    """Checks that the stages of a network are all of it.

    Raises
    ------
    FerError
        Where a stage is no submodule; where a parameter lies in no stage, so that freezing would
        never let it learn; or where an `nn.Sequential`, which can be entered after any of its
        stages, has other children than these.
    """
    stages = stages_of(network)
    # a module that stands twice has two names, either of which may be the stage's
    submodules = [submodule for submodule, _ in network.named_modules(remove_duplicate=False)]
    children = tuple(submodule for submodule in submodules if submodule and "." not in submodule)
    if unknown := [stage for stage in stages if stage not in submodules]:
        raise FerError(f"{name}: its stage {unknown[0]!r} is none of its submodules")
    if isinstance(network, nn.Sequential) and children != stages:
        raise FerError(
            f"{name}: the stages of an nn.Sequential must be its children, in order; they are "
            f"{', '.join(children)}, the stages {', '.join(stages)}"
        )
    # by identity, since a parameter that two modules share is listed under one of its names alone
    inside = {id(value) for stage in stages for value in network.get_submodule(stage).parameters()}
    outside = [key for key, value in network.named_parameters() if id(value) not in inside]
    if outside:
        more = f" and {len(outside) - 1} more" if outside[1:] else ""
        raise FerError(
            f"{name}: parameters lie in none of its stages ({', '.join(stages)}), so that freezing "
            f"would never let them learn: {outside[0]}{more}; move them into a stage"
        )
