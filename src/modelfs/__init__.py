"""modelfs: one home for every AI model on a Linux machine."""

__version__ = "0.1.0"
