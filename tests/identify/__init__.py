"""Tests of ``modelfs.identify``, and the header-true files they are built from."""
