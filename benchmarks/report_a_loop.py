"""Report A's way of training, as its report shows it: the unit of every speed ratio.

ImageFolder and PIL transforms read every image again in every epoch, a DataLoader collates them,
the loop asks the device for numbers at every batch, everything is fp32, and Python counts the
confusion matrix. Only the lists of images are ours (the same split), and the network and its
initial weights.
"""

import time
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, Subset
from torchvision import transforms
from torchvision.datasets import ImageFolder
from torchvision.models import resnet18

from fer_utils.models.cnn import CNN

TRANSFORM = transforms.Compose(
    [
        transforms.Grayscale(),
        transforms.Resize((48, 48)),
        transforms.ToTensor(),
        transforms.Normalize((0.5,), (0.5,)),
    ]
)
IMAGENET_TRANSFORM = transforms.Compose(
    [
        transforms.Resize((224, 224)),
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
)


def loaders(
    folder: Path,
    files,
    classes: tuple[str, ...],
    batch_size: int,
    workers: int,
    transform=TRANSFORM,
):
    """DataLoaders for train, val and test; `files` names the images of each, below `folder`."""
    loaders_by_part = {}
    for part, names in files.items():
        root = folder / ("test" if part == "test" else "train")
        images = ImageFolder(root, transform, target_transform=None)
        index = {
            str(Path(path).relative_to(folder)): i for i, (path, _) in enumerate(images.samples)
        }
        order = {images.class_to_idx[cls]: label for label, cls in enumerate(classes)}
        images.target_transform = order.__getitem__
        subset = Subset(images, [index[name] for name in names])
        loaders_by_part[part] = DataLoader(
            subset, batch_size, shuffle=part == "train", num_workers=workers
        )
    return loaders_by_part


def fine_tuned_resnet18(classes: int) -> nn.Module:
    """ResNet18 of which the last stage and a new head learn."""
    network = resnet18()
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.startswith("layer4."))
    network.fc = nn.Linear(network.fc.in_features, classes)
    return network


class Loop:
    """One training run, an epoch at a time. make(classes) gives the network."""

    def __init__(
        self, data, classes: int, learning_rate, weight_decay, weights, device, seed: int, make=CNN
    ):
        torch.manual_seed(seed)
        self.data, self.device, self.classes = data, device, classes
        self.network = make(classes).to(device)
        self.criterion = nn.CrossEntropyLoss(torch.tensor(weights, device=device))
        self.optimiser = torch.optim.Adam(
            self.network.parameters(), lr=learning_rate, weight_decay=weight_decay
        )

    def epoch(self) -> float:
        """Trains and validates once; returns seconds."""
        started = time.perf_counter()
        self.network.train()
        running_loss, correct, total = 0.0, 0, 0
        for images, labels in self.data["train"]:
            images, labels = images.to(self.device), labels.to(self.device)
            self.optimiser.zero_grad()
            outputs = self.network(images)
            loss = self.criterion(outputs, labels)
            loss.backward()
            self.optimiser.step()
            running_loss += loss.item() * images.size(0)
            _, predicted = torch.max(outputs, 1)
            correct += (predicted == labels).sum().item()
            total += labels.size(0)
        self.confusion("val")
        return time.perf_counter() - started

    @torch.no_grad()
    def confusion(self, part: str) -> torch.Tensor:
        """Counts of true × predicted, image by image."""
        self.network.eval()
        matrix = torch.zeros(self.classes, self.classes)
        for images, labels in self.data[part]:
            outputs = self.network(images.to(self.device))
            _, predicted = torch.max(outputs, 1)
            for true, guess in zip(labels, predicted, strict=True):
                matrix[true.item(), guess.item()] += 1
        return matrix

    def accuracy(self, part: str) -> float:
        matrix = self.confusion(part)
        return (matrix.trace() / matrix.sum()).item()
