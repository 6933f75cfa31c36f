"""Run ``python -m modelfs`` as ``modelfs``."""

from modelfs.cli.main import run

if __name__ == "__main__":
    run()
