"""Blobs on disk: entering, moving, crashing, filling up."""
