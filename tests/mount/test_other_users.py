"""Whom the mount lets in, and as what: its owner, other users, and users inside namespaces."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelfs.fs import mountinfo
from modelfs.fs.permission import permits_others

from .people import Person, owner_of

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make users")

NOBODY = Person("nobody", 65534, 65534, Path("/"))
FUSE_CONF = Path("/etc/fuse.conf")
CONTENT = b"GGUF of an ordinary user"


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Whose library it is."""
    with owner_of(CONTENT, tmp_path_factory.mktemp("device")) as made:
        yield made


@pytest.fixture
def mountpoint(owner: Person) -> Iterator[Path]:
    """Where the owner's library is mounted; unmounted and with its usual settings afterwards."""
    place = owner.home / "AI" / "models"
    yield place
    while mountinfo.mounts_at(place):
        subprocess.run(["umount", "-l", str(place)], check=True)
    settings = owner.home / ".local/share/modelfs/config.toml"
    settings.unlink(missing_ok=True)


@contextmanager
def fuse_conf(text: str) -> Iterator[None]:
    """Have other words in /etc/fuse.conf; what is there stays as it is below."""
    other = Path("/tmp") / f"fuse-{os.getpid()}.conf"
    other.write_text(text)
    other.chmod(0o644)
    subprocess.run(["mount", "--bind", str(other), str(FUSE_CONF)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(FUSE_CONF)], check=True)
        other.unlink()


def mount(owner: Person, *words: str, capabilities: tuple[str, ...] = ()) -> str:
    """Mount as the owner and return how it is read."""
    done = owner.modelfs("mount", *words, capabilities=capabilities)
    assert done.returncode == 0, done.stderr
    return str(json.loads(owner.modelfs("status", "--json").stdout)["read_path"])


def doctor(owner: Person, name: str) -> dict[str, str]:
    """Return one check of the owner's doctor."""
    checks = json.loads(owner.modelfs("doctor", "--json").stdout)
    (check,) = [check for check in checks if check["name"] == name]
    return dict(check)


def test_the_owner_and_nobody_else_looks_into_a_mount_of_an_ordinary_user(
    owner: Person, mountpoint: Path
) -> None:
    assert mount(owner) == "served"
    file = str(mountpoint / "by-category/language/llm/one.gguf")
    assert owner("cat", file).stdout.encode() == CONTENT
    assert owner("stat", "-c", "%a %u %g", file, str(mountpoint)).stdout.splitlines() == [
        f"444 {owner.uid} {owner.gid}",
        f"555 {owner.uid} {owner.gid}",
    ]
    assert "Permission denied" in NOBODY("cat", file).stderr
    with pytest.raises(PermissionError):
        os.listdir(mountpoint)  # not even root
    check = doctor(owner, "other users")
    assert check["verdict"] == "ok" and "kept out" in check["found"]
    assert "sudo tee -a /etc/fuse.conf" in check["found"]


def test_who_is_the_owner_inside_a_user_namespace_is_the_owner(
    owner: Person, mountpoint: Path
) -> None:
    """As in a container that runs without root: its root is who started it."""
    mount(owner)
    file = str(mountpoint / "by-category/language/llm/one.gguf")
    for options, seen in ((["-r"], "0 0"), ([], "65534 65534")):
        inside = ["unshare", "-U", *options]
        assert owner(*inside, "cat", file).stdout.encode() == CONTENT
        assert owner(*inside, "stat", "-c", "%u %g", file).stdout == f"{seen}\n"
    # Root of another user's namespace is that user, and root inside is nobody's root here.
    assert "Permission denied" in NOBODY("unshare", "-U", "-r", "cat", file).stderr


def test_others_are_let_in_once_the_machine_permits_it(owner: Person, mountpoint: Path) -> None:
    assert owner.modelfs("config", "allow_other=true").returncode == 0
    with fuse_conf("# nothing\n"):
        refused = doctor(owner, "other users")
        assert refused["verdict"] == "problem"
        assert refused["mend"] == "echo user_allow_other | sudo tee -a /etc/fuse.conf"
        done = owner.modelfs("mount")
        assert done.returncode == 1 and not mountinfo.mounts_at(mountpoint)
    with fuse_conf("# nothing\n  user_allow_other   # for services\n"):
        assert doctor(owner, "other users")["verdict"] == "ok"
        mount(owner)
        file = mountpoint / "by-category/language/llm/one.gguf"
        assert file.read_bytes() == CONTENT
        assert NOBODY("cat", str(file)).stdout.encode() == CONTENT
        assert NOBODY("unshare", "-U", "-r", "cat", str(file)).stdout.encode() == CONTENT
        assert NOBODY("stat", "-c", "%a %u", str(file)).stdout == f"444 {owner.uid}\n"
        assert "Read-only" in NOBODY("touch", str(mountpoint / "by-tag" / "mine")).stderr
        assert doctor(owner, "other users")["found"] == "may read the mount"


def test_passthrough_needs_no_leave_to_let_others_in(owner: Person, mountpoint: Path) -> None:
    with fuse_conf("# nothing\n"):
        done = mount(owner, "--allow-other", capabilities=("sys_admin",))
    assert done == "passthrough"
    file = mountpoint / "by-category/language/llm/one.gguf"
    assert NOBODY("cat", str(file)).stdout.encode() == CONTENT
    assert owner("stat", "-c", "%a %u %g", str(file)).stdout == f"444 {owner.uid} {owner.gid}\n"
    assert mountinfo.lets_others_in(mountpoint)
    assert doctor(owner, "other users")["found"] == "may read the mount"
    # The capability is not needed any more: the mount is the owner's.
    assert owner.modelfs("umount").returncode == 0
    assert not mountinfo.mounts_at(mountpoint)


def test_doctor_says_that_what_is_wanted_comes_with_the_next_mount(
    owner: Person, mountpoint: Path
) -> None:
    mount(owner)
    with fuse_conf("user_allow_other\n"):
        assert owner.modelfs("config", "allow_other=true").returncode == 0
        check = doctor(owner, "other users")
    assert (check["verdict"], check["mend"]) == ("warning", "modelfs umount && modelfs mount")


@pytest.mark.parametrize(
    ("text", "permits"),
    [
        ("user_allow_other", True),
        ("\t user_allow_other # yes\n", True),
        ("#user_allow_other\n", False),
        ("user_allow_other = 1\n", False),
        ("mount_max = 1000\n", False),
    ],
)
def test_fuse_conf_is_read_as_fusermount_reads_it(tmp_path: Path, text: str, permits: bool) -> None:
    file = tmp_path / "fuse.conf"
    file.write_text(text)
    assert permits_others(file) is permits
    assert not permits_others(tmp_path / "none")
