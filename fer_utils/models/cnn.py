"""Report A's small convolutional network."""

from typing import ClassVar

from torch import Tensor, nn

from fer_utils.errors import FerError


class CNN(nn.Module):
    """Report A's small network as we read it: convolution, batch normalisation, ReLU and pooling.

    3×3 convolutions with padding and 32, 64, 128 filters, each pooled 2×2; dropout 0.5; fully
    connected 512 with ReLU; fully connected to the classes. Takes B×channels×size×size, gives
    logits, B×classes.

    The report's text can be read otherwise; `cnn_readings` has what follows from that.

    Attributes
    ----------
    pool_each : pooled after each convolution; False: once, after the third.
    relu_each : ReLU after each convolution; False: behind the 512 units alone.
    late_dropout : dropout behind the 512 units; False: before them.
    """

    native_size = 48
    channels = 1
    # the report names normalisation without numbers; these map 0..1 to -1..1
    mean: ClassVar[tuple[float, ...]] = (0.5,)
    std: ClassVar[tuple[float, ...]] = (0.5,)
    stages = ("block1", "block2", "block3", "hidden", "head")
    pool_each = True
    relu_each = True
    late_dropout = False

    def __init__(
        self, classes: int, size: int = native_size, channels: int = 1, dropout: float = 0.5
    ):
        super().__init__()
        # of an odd side each pooling leaves the last pixel out
        shrink = 8 if self.pool_each else 2
        if size < shrink:
            raise FerError(
                f"the CNN pools its input to a side of 1/{shrink}; it needs at least {shrink} "
                f"pixels, got {size}"
            )
        self.block1 = self._block(channels, 32, self.pool_each)
        self.block2 = self._block(32, 64, self.pool_each)
        self.block3 = self._block(64, 128, pooled=True)
        features = 128 * (size // shrink) ** 2
        dense = [nn.Linear(features, 512), nn.ReLU()]
        dense.insert(len(dense) if self.late_dropout else 0, nn.Dropout(dropout))
        self.hidden = nn.Sequential(nn.Flatten(), *dense)
        self.head = nn.Linear(512, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.hidden(self.block3(self.block2(self.block1(x)))))

    def _block(self, inputs: int, filters: int, pooled: bool) -> nn.Sequential:
        convolution = nn.Conv2d(inputs, filters, kernel_size=3, padding=1)
        block = nn.Sequential(convolution, nn.BatchNorm2d(filters))
        if self.relu_each:
            block.append(nn.ReLU())
        if pooled:
            block.append(nn.MaxPool2d(2))
        return block
