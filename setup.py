"""Stop early where pyfuse3 cannot be built; everything declared is in pyproject.toml.

pyfuse3 has no wheels. Without libfuse's headers an installer would download all dependencies and
end in pages of build output, so the lack is told in one line before anything is fetched.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from importlib.machinery import PathFinder
from pathlib import Path

from setuptools import setup

# What pyfuse3 needs to be built, and the package that brings it on Debian, Fedora and Arch.
PKG_CONFIG = ("pkg-config", "pkgconf-pkg-config", "pkgconf")
LIBFUSE = ("libfuse3-dev", "fuse3-devel", "fuse3")
COMPILER = ("gcc", "gcc", "gcc")
PYTHON_HEADERS = ("python3-dev", "python3-devel", "python")

# pyfuse3's own limit.
OLDEST_LIBFUSE = "3.2.0"


def pyfuse3_is_installed() -> bool:
    """Tell whether the environment we are installed into has pyfuse3 already.

    An isolated build hides that environment from the import path, but runs its interpreter.
    """
    folders = [sysconfig.get_path("platlib"), sysconfig.get_path("purelib")]
    return PathFinder.find_spec("pyfuse3", folders) is not None


def has_libfuse() -> bool:
    """Ask pkg-config, as pyfuse3's build does."""
    question = ["pkg-config", "--atleast-version", OLDEST_LIBFUSE, "fuse3"]
    return subprocess.run(question, capture_output=True).returncode == 0


def missing_packages() -> list[tuple[str, str, str]]:
    """Return what is not there of that which pyfuse3 needs to be built."""
    missing = []
    if shutil.which("pkg-config") is None:
        missing += [LIBFUSE, PKG_CONFIG]  # whether libfuse is there cannot be told without it
    elif not has_libfuse():
        missing.append(LIBFUSE)
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    if shutil.which(shlex.split(compiler)[0]) is None:
        missing.append(COMPILER)
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        missing.append(PYTHON_HEADERS)
    return missing


def check() -> None:
    """Stop with one line that says what to install."""
    if pyfuse3_is_installed():
        return
    missing = missing_packages()
    if not missing:
        return
    debian, fedora, arch = (" ".join(names) for names in zip(*missing, strict=True))
    sys.exit(
        "modelfs: the libfuse3 headers or tools to build pyfuse3 are missing; install them with: "
        f"apt install {debian} (Debian, Ubuntu), dnf install {fedora} (Fedora), "
        f"pacman -S {arch} (Arch)"
    )


# "dist_info" is how an installer asks for our metadata, before it looks at our dependencies. Making
# an sdist or a wheel of modelfs (`python -m build`) needs no libfuse, and does not pass here.
if "dist_info" in sys.argv:
    check()

setup()
