#!/bin/sh
# Installs modelfs for the person who runs this, and mounts the library. Run again, it upgrades.
set -eu

usage() {
    cat <<'HELP'
Usage: ./install.sh [--store DIR] [--mount DIR] [--no-mount]

Installs modelfs from this checkout into an environment of its own, links the
command into ~/.local/bin (/usr/local/bin for root), sets the library up and
mounts it. Run it again to upgrade.

  --store DIR   where the models are kept (default: ~/.local/share/modelfs)
  --mount DIR   where they are shown (default: ~/AI/models)
  --no-mount    do not mount now; `modelfs mount` does it later
  --help        this text

MODELFS_BIN_DIR names another folder for the command; XDG_DATA_HOME is honoured.
HELP
}

say() { printf '%s\n' "$*"; }

fail() { # STATUS LINE
    printf 'install.sh: %s\n' "$2" >&2
    exit "$1"
}

absolute() { # PATH
    case $1 in
    /*) printf '%s' "$1" ;;
    *) printf '%s/%s' "$PWD" "$1" ;;
    esac
}

read_options() {
    store='' mount='' want_mount=yes
    while [ $# -gt 0 ]; do
        case $1 in
        --store | --mount)
            { [ $# -ge 2 ] && [ -n "$2" ]; } || fail 2 "$1 needs a folder"
            if [ "$1" = --store ]; then store=$(absolute "$2"); else mount=$(absolute "$2"); fi
            shift
            ;;
        --store=?*) store=$(absolute "${1#*=}") ;;
        --mount=?*) mount=$(absolute "${1#*=}") ;;
        --no-mount) want_mount=no ;;
        --help | -h)
            usage
            exit 0
            ;;
        *) fail 2 "unknown option $1 (./install.sh --help lists them)" ;;
        esac
        shift
    done
}

choose_folders() {
    here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
    [ -f "$here/pyproject.toml" ] || fail 1 "run it from a checkout of modelfs; $here is none"
    # The XDG rule: a relative path counts as unset.
    case ${XDG_DATA_HOME:-} in
    /*) data=$XDG_DATA_HOME ;;
    *) data=${HOME:?is not set}/.local/share ;;
    esac
    # Beside the store, never in it: the store holds models and nothing else.
    app=$data/modelfs-app
    venv=$app/venv
    log=$app/install.log
    if [ -n "${MODELFS_BIN_DIR:-}" ]; then
        bin=$(absolute "$MODELFS_BIN_DIR")
    elif [ "$(id -u)" = 0 ]; then
        bin=/usr/local/bin
    else
        bin=${HOME:?is not set}/.local/bin
    fi
    link=$bin/modelfs
    # A modelfs that came another way is not ours to replace.
    if [ -e "$link" ] || [ -L "$link" ]; then
        case $(readlink -- "$link") in
        */modelfs-app/venv/bin/modelfs) ;;
        *) fail 1 "$link was not made by this script: move it away, or set MODELFS_BIN_DIR" ;;
        esac
    fi
}

# Runs a command with its output in the log; if it fails, shows the end of that and ends likewise.
logged() {
    printf '\n$ %s\n' "$*" >>"$log"
    before=$(wc -l <"$log")
    status=0
    "$@" >>"$log" 2>&1 </dev/null || status=$?
    [ "$status" -eq 0 ] && return
    tail -n "+$((before + 1))" -- "$log" | tail -n 15 >&2
    fail "$status" "that failed; the whole output is in $log"
}

# ---- what the system must bring

find_manager() {
    for manager in apt-get dnf pacman; do
        command -v "$manager" >/dev/null && return
    done
    manager=''
}

find_python() {
    for python in python3.13 python3.12 python3.11 python3; do
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
    done
    python=''
    command -v python3 >/dev/null || return 0 # none at all: a package brings it
    fail 1 "modelfs needs Python 3.11 or newer; this is $(python3 --version 2>&1)"
}

need() { # DEBIAN FEDORA ARCH: remember the package that is missing here
    case $manager in
    dnf) set -- "$2" ;;
    pacman) set -- "$3" ;;
    esac
    case " $missing " in
    *" $1 "*) ;;
    *) missing="${missing:+$missing }$1" ;;
    esac
}

find_missing() {
    missing=''
    find_python
    # Of several Pythons the chosen one needs the headers; each has packages of its own name.
    name=${python:-python3}
    if [ -z "$python" ]; then
        need python3 python3 python
        need python3-venv python3 python
        need python3-dev python3-devel python
    else
        "$python" -c 'import ensurepip, venv' 2>/dev/null || need "$name-venv" "$name" python
        headers=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
        [ -f "$headers/Python.h" ] || need "$name-dev" "$name-devel" python
    fi
    command -v fusermount3 >/dev/null || need fuse3 fuse3 fuse3
    command -v pkg-config >/dev/null || need pkg-config pkgconf-pkg-config pkgconf
    pkg-config --atleast-version=3.2.0 fuse3 2>/dev/null || need libfuse3-dev fuse3-devel fuse3
    command -v gcc >/dev/null || command -v cc >/dev/null || need gcc gcc gcc
}

install_packages() {
    case $manager in
    apt-get) command="apt-get install -y --no-install-recommends $missing" ;;
    dnf) command="dnf install -y $missing" ;;
    pacman) command="pacman -S --needed --noconfirm $missing" ;;
    *) fail 1 "missing, and no apt, dnf or pacman to get it with; on Debian it is: $missing" ;;
    esac
    if [ "$(id -u)" = 0 ]; then
        as_root=''
    elif command -v sudo >/dev/null; then
        as_root=sudo
    else
        fail 1 "system packages are missing; as root run: $command"
    fi
    say "Installing system packages: $missing"
    # The lists of a fresh machine are empty, those of an old one name what is no longer there.
    # shellcheck disable=SC2086  # the words of a command
    [ "$manager" != apt-get ] || logged $as_root apt-get update
    # shellcheck disable=SC2086
    logged $as_root env DEBIAN_FRONTEND=noninteractive $command
    find_missing
    [ -z "$missing" ] || fail 1 "still missing after that: $missing (see $log)"
}

# ---- the environment

make_venv() {
    # A venv dies with the Python that it was made from, and an interrupted one has no pip.
    if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        say "Making an environment in $venv"
        logged "$python" -m venv --clear "$venv"
    fi
}

# Three steps rather than `pip install .`, so that running again needs no network.
install_modelfs() {
    say "Installing modelfs"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    # From a copy: a build leaves files in its tree, and would pack those of the build before it.
    mkdir "$work/checkout"
    cp -R "$here/pyproject.toml" "$here/setup.py" "$here/LICENSE" "$here/src" "$work/checkout"
    [ ! -f "$here/README.md" ] || cp "$here/README.md" "$work/checkout"
    rm -rf "$work/checkout/src/modelfs.egg-info"
    pip install 'setuptools>=77'
    pip wheel --no-deps --no-build-isolation --wheel-dir "$work" "$work/checkout"
    pip install "$work"/modelfs-*.whl
    # The same version number may be other code: pip would keep what it has.
    pip install --no-deps --force-reinstall "$work"/modelfs-*.whl
}

pip() { logged "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }

link_command() {
    mkdir -p -- "$bin"
    ln -sfn -- "$venv/bin/modelfs" "$link"
    case ":$PATH:" in
    *":$bin:"*) ;;
    *)
        say "$bin is not on your PATH; add this line to ~/.profile:"
        say "  export PATH=\"$bin:\$PATH\""
        ;;
    esac
}

# ---- the library

modelfs() { logged "$venv/bin/modelfs" "$@"; }

status_of() { # KEY
    "$venv/bin/modelfs" status --json |
        "$venv/bin/python" -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

set_up_library() {
    say "Setting the library up"
    modelfs init ${store:+--store "$store"} ${mount:+--mount "$mount"}
    [ "$want_mount" = yes ] || return 0
    if [ "$(status_of mounted)" = True ]; then
        say "Mounted already; the new version serves after: modelfs umount && modelfs mount"
    else
        modelfs mount
    fi
}

say_what_is_there() {
    say ''
    say "$("$venv/bin/modelfs" --version) is ready."
    say "  kept in   $(status_of store)"
    if [ "$(status_of mounted)" = True ]; then
        say "  shown in  $(status_of mountpoint)"
    else
        say "  not mounted; to see your models as folders: modelfs mount"
    fi
    say ''
    say "Next:"
    say "  modelfs add FILE          bring a model in"
    say "  modelfs ls                see what is there"
    say "  modelfs doctor            check that all is well"
    say "  modelfs service install   have it mounted at every login"
}

read_options "$@"
# What a caller set for another Python or pip must not reach ours.
unset PYTHONHOME PYTHONPATH PIP_USER PIP_TARGET PIP_PREFIX
choose_folders
mkdir -p -- "$app"
: >"$log"
find_manager
find_missing
[ -z "$missing" ] || install_packages
make_venv
install_modelfs
link_command
set_up_library
say_what_is_there
