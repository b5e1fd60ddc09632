"""The gradients of a batch: in smaller pieces where memory is short, and clipped where they are too steep."""

import torch
from torch import Tensor, nn

from fer_utils.devices import Hardware
from fer_utils.distributed import ALONE, World
from fer_utils.errors import FerError
from fer_utils.training.losses import share_of


class Gradients:
    """Leaves the gradients of a batch in the network's parameters, and counts what was out of the ordinary.

    micro_batch: images that go through the network at a time. It starts as the whole batch and is halved
    whenever memory runs out; the gradients of the pieces add up to those of the batch, so that what a step is
    stays the same (batch normalisation alone sees the pieces). clip: the norm that the gradient of all
    parameters together may have; 0: any. A steeper one, a spike, is scaled down to it.

    The processes of a world have a shard of the batch and of every piece each, and all get the whole's gradients.
    """

    def __init__(
        self, criterion: nn.Module, hardware: Hardware, batch_size: int, clip: float = 0.0, world: World = ALONE
    ):
        self.criterion, self.hardware, self.world = criterion, hardware, world
        self.batch_size = self.micro_batch = batch_size
        self.clip = clip
        self.norms: list[Tensor] = []

    def go_on_after(self, history: list[dict]) -> None:
        """Takes up the micro_batch that an interrupted training had come to."""
        self.micro_batch = (history or [{}])[-1].get("micro_batch", self.batch_size)

    def __call__(
        self, network: nn.Module, images: Tensor, targets: list[tuple[Tensor, float]], batch: Tensor, done: int
    ) -> tuple[Tensor, Tensor]:
        """(loss, hits): what this process's shard of a batch adds to them, both on the device.

        images, targets: of the shard, as `augment.mix` gives them; images are what `network` takes after its first
        `done` stages. batch: the labels of the whole batch. Raises FerError where not even one image fits.
        """
        while True:
            try:
                loss, hits = self._of_pieces(network, images, targets, batch, done)
                break
            except torch.OutOfMemoryError:
                if self.world.size > 1:  # the others wait inside this batch and cannot begin it again
                    raise FerError(f"out of memory with {len(images)} images; start more processes") from None
                if self.micro_batch == 1:
                    raise FerError("out of memory with one image at a time; use a smaller image_size") from None
            # here, where the exception no longer holds what the failed attempt had allocated
            self.micro_batch = -(-min(self.micro_batch, len(images)) // 2)
            if images.is_cuda:
                torch.cuda.empty_cache()
        self.world.sum_gradients(network)
        if self.clip:
            self.norms.append(nn.utils.clip_grad_norm_(network.parameters(), self.clip))
        return loss, hits

    def _of_pieces(self, network, images, targets, batch, done) -> tuple[Tensor, Tensor]:
        network.zero_grad()
        losses, hits = [], []
        largest, size = (-(-count // self.world.size) for count in (len(batch), self.micro_batch))
        for start in range(0, largest, size):
            here = slice(start, start + size)
            piece = images[here]
            logits = self.hardware.logits(network, piece, done, whole=len(piece) == self.micro_batch)
            pieces = [(share * share_of(self.criterion, of[here], batch), of[here]) for of, share in targets]
            # no images are left for the last of many processes: a loss of 0, and not the mean of nothing
            loss = sum(
                share * self.criterion(logits, labels) if len(labels) else logits.sum() for share, labels in pieces
            )
            loss.backward()
            losses.append(loss.detach())
            hits.append((logits.argmax(1) == targets[0][0][here]).sum())
        return torch.stack(losses).sum(), torch.stack(hits).sum()

    def take_notes(self) -> dict[str, float]:
        """For the history, where there is something to tell: micro_batch, if no longer the whole batch; with
        clipping spikes (how many steps were clipped) and largest_norm, both since the last call.
        """
        notes = {"micro_batch": self.micro_batch} if self.micro_batch < self.batch_size else {}
        if self.clip:
            norms = torch.stack(self.norms)
            self.norms = []
            notes |= {"spikes": int((norms > self.clip).sum()), "largest_norm": norms.max().item()}
        return notes
