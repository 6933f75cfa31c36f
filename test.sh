#!/usr/bin/env bash
# Brings what the tests need, checks the code and runs the tests.
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
    cat <<'HELP'
Usage: ./test.sh [--long] [--only-tests] [PYTEST ARGUMENTS]

Installs what is missing (system packages, .cache/test-venv), runs ruff, mypy,
import-linter and shellcheck, then the tests. Fails if any of them does.

  --long        also the tests that take minutes
  --only-tests  no checks, only the tests

Anything else goes to pytest: ./test.sh --only-tests tests/store -k crash
HELP
}

long=no only_tests=no
pytest_arguments=()
for argument in "$@"; do
    case $argument in
    --long) long=yes ;;
    --only-tests) only_tests=yes ;;
    --help | -h)
        usage
        exit 0
        ;;
    *) pytest_arguments+=("$argument") ;;
    esac
done

fail() {
    printf 'test.sh: %s\n' "$*" >&2
    exit 1
}

# mkfs and losetup live where an ordinary user's PATH does not look.
PATH=$PATH:/usr/sbin:/sbin
export DEBIAN_FRONTEND=noninteractive
unset PYTHONHOME PYTHONPATH

system_packages=(
    fuse3 libfuse3-dev pkg-config gcc python3 python3-dev python3-venv # to build and to mount
    strace                                                            # crashes at a chosen system call
    attr util-linux e2fsprogs xfsprogs btrfs-progs                    # file systems in loop files
    systemd                                                           # to run the units, in namespaces
)

install_system_packages() {
    if ! command -v apt-get >/dev/null; then
        echo "no apt here; what the tests expect is, by Debian's names: ${system_packages[*]}"
        return
    fi
    local missing=() package
    for package in "${system_packages[@]}"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
            missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    local as_root=()
    if ((UID)); then
        sudo -n true 2>/dev/null ||
            fail "as root run: apt-get install -y --no-install-recommends ${missing[*]}"
        as_root=(sudo -n)
    fi
    echo "Installing system packages: ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

find_python() {
    # 3.11 first: the CPU build of torch that the tests of real models use is made for it.
    for python in python3.11 python3.12 python3.13 python3; do
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
    done
    fail "needs Python 3.11 or newer"
}

make_venv() {
    venv=$PWD/.cache/test-venv
    local made_from=$venv/made-from wanted
    # The folder is part of it: an editable install points at it.
    wanted=$({ "$python" --version && pwd && cat pyproject.toml setup.py; } | sha256sum)
    if [[ ! -x $venv/bin/python || $(cat "$made_from" 2>/dev/null) != "$wanted" ]]; then
        echo "Making $venv"
        "$python" -m venv --clear "$venv"
        # One command, so that torch's exact version is settled before others ask for any.
        "$venv/bin/python" -m pip --disable-pip-version-check install \
            --progress-bar off --editable '.[test,clients]' >.cache/pip.log 2>&1 ||
            fail "pip failed; .cache/pip.log ends with: $(tail -n 15 .cache/pip.log)"
        printf '%s\n' "$wanted" >"$made_from"
    fi
    PATH=$venv/bin:$PATH
}

say_where_we_are() {
    local fuse=missing
    [[ ! -e /dev/fuse ]] || fuse="there, but not for us"
    [[ ! -r /dev/fuse || ! -w /dev/fuse ]] || fuse=usable
    cat <<FACTS
python:    $(python --version)
system:    $(sed -n 's/^PRETTY_NAME="*\([^"]*\).*/\1/p' /etc/os-release), kernel $(uname -r), $(nproc) cores
user:      uid $(id -u), capabilities $(awk '/^CapEff/ { print $2 }' /proc/self/status)
/dev/fuse: $fuse; $(fusermount3 --version 2>&1 || true)
room:     $(df -h --output=avail . | tail -n 1) here,$(df -h --output=avail "${TMPDIR:-/tmp}" | tail -n 1) in ${TMPDIR:-/tmp}
FACTS
}

failed=()
check() {
    echo "+ $*"
    "$@" || failed+=("$*")
}

install_system_packages
find_python
make_venv
say_where_we_are

if [[ $only_tests == no ]]; then
    check ruff check .
    check ruff format --check --quiet .
    check mypy --strict src
    check lint-imports --no-logo
    check shellcheck install.sh test.sh .ci/run benchmarks/run.sh tests/service/boot.sh
fi

# All of them, by three processes for two cores, as many wait for mounts; what the caller names, by one.
((${#pytest_arguments[@]})) || pytest_arguments=(-n "$(($(nproc) < 4 ? $(nproc) * 3 / 2 : 6))" --dist loadfile)
# A later -m of the caller's wins.
[[ $long == yes ]] || pytest_arguments=(-m "not long" "${pytest_arguments[@]}")
status=0
# -r: why something failed or was skipped, above pytest's own last line.
pytest -r fEsx "${pytest_arguments[@]}" || status=$?
if ((${#failed[@]})); then
    printf 'test.sh: failed before the tests: %s\n' "${failed[@]}" >&2
    exit 1
fi
exit "$status"
