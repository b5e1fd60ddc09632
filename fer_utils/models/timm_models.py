"""Any other network, from timm (PyTorch Image Models), which is optional: pip install timm."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from fer_utils.errors import FerError, one_of

# what timm calls its body: each part counts as a stage
SEQUENCES = ("blocks", "stages", "layers", "features")


class TimmNetwork(nn.Module):
    """timm's network with named stages: its children that have parameters.

    Of a sequence of blocks each part is a stage. Class tokens and positions lie in none.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.timm = network

    @property
    def stages(self) -> tuple[str, ...]:
        """Their names, from stem to head."""
        names: list[str] = []
        for name, child in self.timm.named_children():
            parts = [f"timm.{name}.{part}" for part, _ in child.named_children()]
            names += parts if parts and name in SEQUENCES else [f"timm.{name}"]
        # pooling and the like learn nothing: "the last two stages" should not count them
        return tuple(name for name in names if _has_parameters(self.get_submodule(name)))

    def forward(self, x: Tensor) -> Tensor:
        return self.timm(x)


def _has_parameters(module: nn.Module) -> bool:
    return any(True for _ in module.parameters())


@dataclass(frozen=True)
class TimmBackbone:
    """One of timm's networks with the interface of `Backbone`.

    Size and normalisation are what timm says; `fixed` is whether it takes no other size.
    """

    name: str
    native_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    unused: tuple[str, ...]
    fixed: bool
    channels: int = 3

    def __call__(
        self,
        classes: int,
        size: int | None = None,
        channels: int = 3,
        dropout: float | None = None,
        tensors: Mapping[str, Tensor] | None = None,
    ) -> nn.Module:
        """The network, B×3×size×size → logits B×classes, as `Backbone` gives it.

        Raises FerError for a size that it does not take.
        """
        if self.fixed and size not in (None, self.native_size):
            raise FerError(
                f"timm:{self.name} takes images of {self.native_size} pixels alone; got {size}"
            )
        options = {} if dropout is None else {"drop_rate": dropout}
        # with values, not on the meta device as in Backbone: some of timm's networks compute tables
        # that no file holds
        network = _timm().create_model(self.name, in_chans=channels, **options)
        if tensors is not None:
            network.load_state_dict(tensors, strict=False)
        # after loading: the published head has other classes
        network.reset_classifier(classes)
        return TimmNetwork(network)

    def skeleton(self) -> nn.Module:
        """The published network, for its names and shapes."""
        return _timm().create_model(self.name)


def find_timm(name: str) -> TimmBackbone:
    """timm's network by its name there.

    Raises FerError where timm is not installed, does not have it, or has no weights for it.
    """
    timm = _timm()
    # a name may end in a tag of its weights, as in resnet18.a1_in1k, which timm checks itself
    one_of(name.split(".")[0], timm.list_models(), "timm model")
    try:
        about = timm.get_pretrained_cfg(name)
    except RuntimeError as error:
        raise FerError(f"timm:{name}: {error}") from None
    if about is None:
        raise FerError(
            f"timm:{name} has no published weights, so its size and normalisation are not known"
        )
    # some have two, of a class token and of a distillation token
    head = (about.classifier,) if isinstance(about.classifier, str) else tuple(about.classifier)
    return TimmBackbone(
        name, about.input_size[-1], about.mean, about.std, head, about.fixed_input_size
    )


def pretrained(model: str) -> dict[str, Tensor]:
    """The tensors that timm has for timm:<name>: from its cache, or the internet.

    Raises FerError, with timm's first line, where it has none.
    """
    try:
        return _timm().create_model(model.removeprefix("timm:"), pretrained=True).state_dict()
    except (RuntimeError, OSError, ValueError) as error:
        raise FerError(f"{model}: {str(error).splitlines()[0]}") from None


def _timm():
    try:
        import timm
    except ImportError:
        raise FerError("timm:<name> needs timm; install it with: pip install timm") from None
    return timm
