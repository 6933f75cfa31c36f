"""Blobs on disk: staged, hashed, compared, entered, checked and removed. Knows no names, no SQL."""

from modelfs.store.blobs import BlobStore
from modelfs.store.intake import Intake, Staged
from modelfs.store.scrub import Finding
from modelfs.store.source import OpenSource, open_source

__all__ = ["BlobStore", "Finding", "Intake", "OpenSource", "Staged", "open_source"]
