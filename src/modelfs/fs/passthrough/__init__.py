"""Reads that go straight to the blobs: FUSE passthrough, of which pyfuse3 knows nothing.

A relay stands between the kernel's device and pyfuse3 and changes three messages. Nothing here
knows the tree or the store; whatever is unexpected is passed on as it came, and so served.
"""
