"""Report A's small convolutional network."""

from torch import Tensor, nn

from fer_utils.errors import FerError


class CNN(nn.Module):
    """Report A's small network: three blocks of convolution, batch normalisation, ReLU and pooling.

    3×3 convolutions with padding and 32, 64, 128 filters, each pooled 2×2; dropout 0.5; fully
    connected 512 with ReLU; fully connected to the classes. Takes B×channels×size×size, gives
    logits, B×classes.
    """

    native_size = 48
    channels = 1
    # the report names normalisation without numbers; these map 0..1 to -1..1
    mean, std = (0.5,), (0.5,)
    stages = ("block1", "block2", "block3", "hidden", "head")

    def __init__(
        self, classes: int, size: int = native_size, channels: int = 1, dropout: float = 0.5
    ):
        super().__init__()
        if size < 8:
            raise FerError(
                f"the CNN halves its input three times; it needs at least 8 pixels, got {size}"
            )
        self.block1 = _block(channels, 32)
        self.block2 = _block(32, 64)
        self.block3 = _block(64, 128)
        # of an odd side each pooling leaves the last pixel out
        features = 128 * (size // 8) ** 2
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Dropout(dropout), nn.Linear(features, 512), nn.ReLU()
        )
        self.head = nn.Linear(512, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.hidden(self.block3(self.block2(self.block1(x)))))


def _block(inputs: int, filters: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, filters, kernel_size=3, padding=1)
    return nn.Sequential(convolution, nn.BatchNorm2d(filters), nn.ReLU(), nn.MaxPool2d(2))
