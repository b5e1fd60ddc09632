"""The gradients of a batch: in smaller pieces where memory is short, and clipped where they are too steep."""

import torch
from torch import Tensor, nn

from fer_utils.devices import Hardware
from fer_utils.errors import FerError
from fer_utils.losses import share_of


class Gradients:
    """Leaves the gradients of a batch in the network's parameters, and counts what was out of the ordinary.

    micro_batch: images that go through the network at a time. It starts as the whole batch and is halved
    whenever memory runs out; the gradients of the pieces add up to those of the batch, so that what a step is
    stays the same (batch normalisation alone sees the pieces). clip: the norm that the gradient of all
    parameters together may have; 0: any. A steeper one, a spike, is scaled down to it.
    """

    def __init__(self, criterion: nn.Module, hardware: Hardware, micro_batch: int, clip: float = 0.0):
        self.criterion, self.hardware = criterion, hardware
        self.micro_batch, self.clip = micro_batch, clip
        self.norms: list[Tensor] = []

    def __call__(
        self, network: nn.Module, images: Tensor, targets: list[tuple[Tensor, float]], done: int
    ) -> tuple[Tensor, Tensor]:
        """(loss, hits) of a batch, both on the device; targets as `augment.mix` gives them.

        images: what `network` takes after its first `done` stages. Raises FerError where not even one image fits.
        """
        while True:
            try:
                loss, hits = self._of_pieces(network, images, targets, done)
                break
            except torch.OutOfMemoryError:
                if self.micro_batch == 1:
                    raise FerError("out of memory with one image at a time; use a smaller image_size") from None
            # here, where the exception no longer holds what the failed attempt had allocated
            self.micro_batch = -(-min(self.micro_batch, len(images)) // 2)
            if images.is_cuda:
                torch.cuda.empty_cache()
        if self.clip:
            self.norms.append(nn.utils.clip_grad_norm_(network.parameters(), self.clip))
        return loss, hits

    def _of_pieces(self, network, images, targets, done) -> tuple[Tensor, Tensor]:
        network.zero_grad()
        losses, hits = [], []
        for start in range(0, len(images), self.micro_batch):
            here = slice(start, start + self.micro_batch)
            piece = images[here]
            logits = self.hardware.logits(network, piece, done, whole=len(piece) == self.micro_batch)
            pieces = [(share * share_of(self.criterion, of[here], of), of[here]) for of, share in targets]
            loss = sum(share * self.criterion(logits, labels) for share, labels in pieces)
            loss.backward()
            losses.append(loss.detach())
            hits.append((logits.argmax(1) == targets[0][0][here]).sum())
        return torch.stack(losses).sum(), torch.stack(hits).sum()

    def take_norms(self) -> dict[str, float]:
        """spikes (steps that were clipped) and largest_norm since the last call; {} without clipping."""
        if not self.clip:
            return {}
        norms = torch.stack(self.norms)
        self.norms = []
        return {"spikes": int((norms > self.clip).sum()), "largest_norm": norms.max().item()}
