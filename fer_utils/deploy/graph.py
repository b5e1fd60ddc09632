"""The whole way from a cropped picture to calibrated probabilities as one module, for export."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_utils.data.loader import LUMA
from fer_utils.errors import FerError
from fer_utils.inference.torch_predictor import TorchPredictor

VIEWS = {"none": 1, "flip": 2}  # test-time augmentations that a graph can have


class WholeGraph(nn.Module):
    """uint8 RGB pictures B×H×W×3 in, calibrated probabilities B×classes out.

    Grey, resize (bicubic, as PIL has it), normalisation, the network, the mean over an image and
    its mirror image, temperature and softmax.

    Parameters
    ----------
    predictor
        Its network is shared, not copied.
    tta
        "none" or "flip"; None: as the predictor has it.

    Raises
    ------
    FerError
        For another test-time augmentation.
    """

    temperature: Tensor
    luma: Tensor

    def __init__(self, predictor: TorchPredictor, tta: str | None = None):
        super().__init__()
        tta = predictor.about["tta"] if tta is None else tta
        if tta not in VIEWS:
            raise FerError(
                f"test-time augmentation {tta!r} cannot be exported; choose none or flip"
            )
        self.grey, self.side, self.flip = predictor.grey, predictor.side, tta == "flip"
        self.preprocess, self.body = predictor.network.preprocess, predictor.network.body
        self.register_buffer("temperature", torch.tensor(predictor.temperature))
        self.register_buffer("luma", torch.tensor(LUMA).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        x = images.permute(0, 3, 1, 2).float()
        if self.grey:
            # rounded here and below, since the data set's pictures are whole numbers too
            x = (x * self.luma).sum(1, keepdim=True).round()
        size = (self.side, self.side)
        x = F.interpolate(x, size=size, mode="bicubic", antialias=True, align_corners=False)
        x = self.preprocess(x.round().clamp(0, 255))
        if not self.flip:
            return (self.body(x) / self.temperature).softmax(1)
        # both views in one batch, so that the network stands in the graph once
        each = self.body(torch.cat([x, x.flip(3)])).log_softmax(1)
        views = each.reshape(2, -1, each.shape[1])
        # the log of the mean probability; the constant log 2 is of no account before softmax
        return (views.logsumexp(0) / self.temperature).softmax(1)
