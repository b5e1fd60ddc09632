"""Cross-entropy and focal loss, both with class weights; label smoothing for cross-entropy."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_utils.data.augmentation import Target
from fer_utils.errors import FerError, one_of

LOSSES = ("cross_entropy", "focal")


class FocalLoss(nn.Module):
    """FL(p_t) = -α_t (1 - p_t)^γ log(p_t), averaged over the batch (Lin et al. 2017, report A).

    The mean is over images, not over weights: with γ = 0 this is weighted cross-entropy summed and
    divided by B, whereas PyTorch's weighted cross-entropy divides by the sum of the labels'
    weights.

    Parameters
    ----------
    gamma
        0 or more, else FerError.
    alpha
        Float, one weight per class, or None for 1.
    """

    alpha: Tensor | None

    def __init__(self, gamma: float, alpha: Tensor | None = None):
        super().__init__()
        if not gamma >= 0:
            raise FerError(f"gamma must be 0 or more; got {gamma}")
        self.gamma = gamma
        self.register_buffer("alpha", alpha)  # a buffer, so that it moves to the device

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss, a scalar, of float logits, B×classes, and int64 labels, B."""
        log_p = F.log_softmax(logits, dim=1).gather(1, labels[:, None]).squeeze(1)
        # 1 - p without cancellation; kept off 0, where the slope of a power below 1 is infinite
        miss = (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).tiny)
        loss = -(miss**self.gamma) * log_p
        if self.alpha is not None:
            loss = self.alpha[labels] * loss
        return loss.mean()


def make_loss(
    name: str, gamma: float, class_weights: Tensor | None, label_smoothing: float = 0.0
) -> nn.Module:
    """The criterion cross_entropy or focal.

    Parameters
    ----------
    class_weights
        Float, one per class, or None.
    label_smoothing
        The share of each label that is spread evenly over all K classes (Szegedy et al. 2016): the
        target is 1 - smoothing + smoothing/K for the label and smoothing/K for the others.

    Raises
    ------
    FerError
        For another name, or label smoothing with focal loss.
    """
    one_of(name, LOSSES, "loss")
    if name == "cross_entropy":
        return nn.CrossEntropyLoss(class_weights, label_smoothing=label_smoothing)
    if label_smoothing:
        raise FerError(
            "label_smoothing needs loss=cross_entropy; focal loss knows one true class; "
            f"got {label_smoothing}"
        )
    return FocalLoss(gamma, class_weights)


def batch_loss(
    criterion: nn.Module,
    logits: Tensor,
    targets: Sequence[Target],
    piece: slice,
    batch_labels: Tensor,
) -> Tensor:
    """What a piece of a batch adds to the loss of the whole batch; a scalar.

    The sum over all pieces and all processes is the criterion of the whole batch.

    Parameters
    ----------
    logits
        Float, b×classes, of the images in `piece` of this process's shard.
    targets
        Of the shard, as `mixup` gives them.
    batch_labels
        int64, B, of the whole batch.
    """
    loss = logits.new_zeros(())
    for labels, share in targets:
        labels = labels[piece]
        if not len(labels):  # no images are left for the last of many processes
            return logits.sum()  # 0, and not the mean of nothing
        loss = loss + share * share_of(criterion, labels, batch_labels) * criterion(logits, labels)
    return loss


def share_of(criterion: nn.Module, piece: Tensor, whole: Tensor) -> Tensor | float:
    """What the loss of a piece of a batch counts in that of the whole; all shares sum to 1.

    A share of the images; but of their class weights where the criterion divides by those, as
    PyTorch's weighted cross-entropy does.

    Parameters
    ----------
    piece, whole
        Labels, int64.
    """
    weights = criterion.weight if isinstance(criterion, nn.CrossEntropyLoss) else None
    if weights is None or len(piece) == len(whole):
        return len(piece) / len(whole)
    return weights[piece].sum() / weights[whole].sum()


# how tables and figures call them
LOSS_NAMES = {"cross_entropy": "cross-entropy", "focal": "focal"}
