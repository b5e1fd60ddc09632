"""Other networks that report A's text describes as well as `CNN`, each a reading of one sentence.

Its "2×2 max pooling" stands after the three convolutions and may be one layer or three; it names
ReLU for the 512 units alone; where dropout acts and with which numbers images are normalised, it
leaves open.
"""

from fer_utils.models.cnn import CNN


class OnePoolCNN(CNN):
    """Pooled once, after the third convolution: 24×24×128 → 512, 37.7 M weights."""

    pool_each = False


class OneReLUCNN(CNN):
    """ReLU behind the 512 units alone: between the convolutions pooling is what is not linear."""

    relu_each = False


class LiteralCNN(CNN):
    """Nothing that the text does not name: one pooling, one ReLU."""

    pool_each = False
    relu_each = False


class LateDropoutCNN(CNN):
    """Dropout behind the 512 units, before the head."""

    late_dropout = True


class UnnormalisedCNN(CNN):
    """Images as torchvision's `ToTensor` gives them: 0..1."""

    mean, std = (0.0,), (1.0,)


class ImageNetCNN(CNN):
    """Images as the report's pretrained networks take them: RGB with ImageNet's normalisation."""

    channels = 3
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
