"""Copies that other tools' caches on this machine claim to have.

A claim is a file name, found by looking in one place, never by searching. It proves nothing: the
bytes are copied and hashed like those of any server. The originals stay untouched.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from modelfs.fetch.listing import RemoteFile


def claimed_copies(remote: RemoteFile, source: str) -> Iterator[Path]:
    """Give the files that may have these bytes: right name, right size."""
    if remote.sha256 is None or remote.size_bytes is None:
        return
    for path in (*_hub_cache(remote.sha256, source), *_ollama(remote.sha256)):
        try:
            if path.is_file() and path.stat().st_size == remote.size_bytes:
                yield path
        except OSError:
            continue


def _hub_cache(sha256: str, source: str) -> Iterator[Path]:
    """``models--org--repo/blobs/<sha256>``, or a link there to one that repositories share."""
    kind, _, rest = source.partition(":")
    if kind != "hf":
        return
    home = os.environ.get("HF_HOME") or _cache_home() / "huggingface"
    cache = os.environ.get("HF_HUB_CACHE") or Path(home) / "hub"
    repository = "--".join(["models", *rest.partition("@")[0].split("/")])
    yield Path(cache) / repository / "blobs" / sha256


def _cache_home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _ollama(sha256: str) -> Iterator[Path]:
    folders = [Path.home() / ".ollama/models", Path("/usr/share/ollama/.ollama/models")]
    if os.environ.get("OLLAMA_MODELS"):
        folders.insert(0, Path(os.environ["OLLAMA_MODELS"]))
    yield from (folder / "blobs" / f"sha256-{sha256}" for folder in folders)
