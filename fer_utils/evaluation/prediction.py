"""Logits of a split, with test-time augmentation where it is asked for."""

from itertools import product
from math import log

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils import precision
from fer_utils.data.loader import Batches
from fer_utils.distributed import ALONE, World
from fer_utils.errors import one_of
from fer_utils.models.network import Network

SHIFT = 3  # pixels of 48: what crops of 42, a common choice for FER2013, move by

# test-time augmentation: the views of an image as (mirrored, pixels down, pixels right)
VIEWS = {
    "none": [(False, 0, 0)],
    "flip": [(False, 0, 0), (True, 0, 0)],
    "flip_shift": list(product((False, True), (-SHIFT, 0, SHIFT), (-SHIFT, 0, SHIFT))),
}


@torch.inference_mode()
def predict(
    network: nn.Module, batches: Batches, tta: str = "none", world: World = ALONE
) -> np.ndarray:
    """Logits of every image in stored order, in fp32 whatever training used.

    With test-time augmentation they are the logarithms of the views' mean probabilities, so that
    their softmax is that mean. Probabilities are averaged, as in any ensemble, lest a single view
    with large logits outvotes the others.

    Parameters
    ----------
    network : is left in evaluation mode
    batches : of images; or of features, of one view then
    tta : test-time augmentation, a name in VIEWS
    world : the processes among which the images are shared out; each gets all logits

    Returns
    -------
    float32, images×classes

    Raises
    ------
    FerError
        For an unknown test-time augmentation.
    """
    one_of(tta, VIEWS, "test-time augmentation")
    network.eval()
    with precision.exact_fp32():
        logits = torch.cat(
            [
                _logits(network, images, batches.start_stage, VIEWS[tta])
                for images, _ in batches.shard(world)
            ]
        )
    # waits for the device, once for all batches
    return world.gather(logits, len(batches.labels)).cpu().numpy()


def _logits(
    network: nn.Module, images: Tensor, start_stage: int, views: list[tuple[bool, int, int]]
) -> Tensor:
    if start_stage:
        assert isinstance(network, Network)  # nothing else has features
        # in the pieces in which images pass, since a sum's last digit depends on their size
        return torch.cat([network(piece, start_stage) for piece in network.pieces(images)])
    if len(views) == 1:
        return network(images)
    each = [network(view(images, *which)).log_softmax(1) for which in views]
    # the log of the mean probability, without leaving logarithms, where small ones would vanish
    return torch.stack(each).logsumexp(0) - log(len(views))


def view(images: Tensor, mirrored: bool, down: int, right: int) -> Tensor:
    """B×C×H×W, mirrored left to right where asked, then moved by whole pixels.

    Border pixels are repeated.
    """
    images = images.flip(3) if mirrored else images
    rows, columns = (
        (torch.arange(side, device=images.device) - by).clamp_(0, side - 1)
        for side, by in zip(images.shape[2:], (down, right), strict=True)
    )
    return images[:, :, rows][:, :, :, columns]
