#!/usr/bin/env bash
# Measures modelfs beside its named peers and prints one table of ratios; with "read" as its first
# word, one file read in every way there is. See README.md here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    printf 'benchmarks/run.sh: %s\n' "$*" >&2
    exit 2
}

# mkfs lives where an ordinary user's PATH does not look.
PATH=$PATH:/usr/sbin:/sbin
unset PYTHONHOME PYTHONPATH

packages=(
    git git-annex bindfs mergerfs rclone xfsprogs curl fio            # the peers
    fuse3 libfuse3-dev pkg-config gcc python3 python3-dev python3-venv # to build and to mount
)

install_packages() {
    if ! command -v apt-get >/dev/null; then
        echo "no apt here; what is measured against is, by Debian's names: ${packages[*]}" >&2
        return
    fi
    local missing=() package as_root=()
    for package in "${packages[@]}"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
            missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    if ((EUID != 0)); then
        command -v sudo >/dev/null || fail "as root run: apt-get install ${missing[*]}"
        as_root=(sudo -n)
    fi
    echo "Installing system packages: ${missing[*]}" >&2
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

find_python() {
    for python in python3.13 python3.12 python3.11 python3; do
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
    done
    fail "needs Python 3.11 or newer"
}

# Installed as a person has it, compiled and from a wheel: an editable install starts slower.
make_venv() {
    venv=$PWD/.cache/bench-venv
    local made_from=$venv/made-from wanted copy
    wanted=$({ "$python" --version && cat pyproject.toml setup.py &&
        find src -type f -not -name '*.pyc' -not -path '*.egg-info/*' -print0 |
        sort -z | xargs -0 cat; } | sha256sum)
    [[ ! -x $venv/bin/python || $(cat "$made_from" 2>/dev/null) != "$wanted" ]] || return 0
    echo "Making $venv" >&2
    mkdir -p .cache
    "$python" -m venv --clear "$venv"
    # From a copy: a build leaves files in its tree.
    copy=$(mktemp -d)
    cp -R pyproject.toml setup.py LICENSE README.md src "$copy"
    rm -rf "$copy/src/modelfs.egg-info"
    "$venv/bin/python" -m pip --disable-pip-version-check install --quiet "$copy" \
        >.cache/bench-pip.log 2>&1 ||
        fail "pip failed; .cache/bench-pip.log ends with: $(tail -n 15 .cache/bench-pip.log)"
    rm -rf "$copy"
    printf '%s\n' "$wanted" >"$made_from"
}

# What people load with, in the versions that the tests take.
install_clients() {
    local wanted
    "$venv/bin/python" -c 'import numpy, safetensors, gguf' 2>/dev/null && return
    mapfile -t wanted < <("$python" -c 'import tomllib
for wanted in tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["clients"]:
    if wanted.startswith(("numpy~", "safetensors~", "gguf~")):
        print(wanted)')
    "$venv/bin/python" -m pip --disable-pip-version-check install --quiet "${wanted[@]}" \
        >.cache/bench-pip.log 2>&1 ||
        fail "pip failed; .cache/bench-pip.log ends with: $(tail -n 15 .cache/bench-pip.log)"
}

install_packages
find_python
make_venv
if [[ ${1-} == read ]]; then
    install_clients
    exec "$venv/bin/python" -m benchmarks.read "${@:2}"
fi
exec "$venv/bin/python" -m benchmarks "$@"
