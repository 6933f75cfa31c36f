"""Settings: read as written, wrong ones refused by key, written whole or not at all."""

from pathlib import Path

import pytest

from core.conftest import write
from modelfs import config, paths
from modelfs.config import Settings, load_settings, save_settings
from modelfs.errors import BadInput, Failed


def test_without_a_file_there_are_the_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "config.toml") == Settings()


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    chosen = Settings(mount='/mnt/"ü\\ 1"', reserve="5%", grace="2d", allow_other=True)
    save_settings(file, chosen)
    assert load_settings(file) == chosen
    save_settings(file, Settings())
    assert file.read_bytes() == b"", "only what differs is written"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("colour", "red"),
        ("mount", "relative"),
        ("reserve", "lots"),
        ("reserve", "-5%"),
        ("reserve", "101%"),
        ("reserve", "inf%"),
        ("reserve", "nan%"),
        ("reserve", "-1"),
        ("grace", "soon"),
        ("download_limit", "much"),
        ("stall", "soon"),
        ("xet", "sometimes"),
        ("allow_other", "maybe"),
    ],
)
def test_a_wrong_value_is_refused_by_its_key(tmp_path: Path, key: str, text: str) -> None:
    with pytest.raises(BadInput, match=key):
        Settings().with_value(key, text)
    with pytest.raises(BadInput, match=key):
        load_settings(write(tmp_path / "config.toml", f'{key} = "{text}"'.encode()))


def test_the_reserve() -> None:
    disk = 1000 * 10**9
    assert Settings().reserve_bytes(disk) == 30 * 10**9
    assert Settings().reserve_bytes(10 * 10**9) == 2 << 30, "at least 2 GiB"
    assert Settings(reserve="5%").reserve_bytes(disk) == 50 * 10**9
    assert Settings(reserve="7GB").reserve_bytes(disk) == 7 * 10**9
    assert Settings(reserve="0").reserve_bytes(disk) == 0


@pytest.mark.parametrize("raw", [b"= =", b'mount = "\xff"', b"mount = 'unfinished"])
def test_a_broken_file_is_named(tmp_path: Path, raw: bytes) -> None:
    file = write(tmp_path / "config.toml", raw)
    with pytest.raises(BadInput, match=str(file)):
        load_settings(file)


def test_a_folder_in_its_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(Failed, match="cannot be read"):
        load_settings(tmp_path / "config.toml")


def test_the_store_is_the_environments_then_the_users_then_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary_home: Path
) -> None:
    assert config.configured_store() == temporary_home / "xdg_data_home" / "modelfs"
    config.remember_store(tmp_path / "mine")
    assert config.configured_store() == tmp_path / "mine"
    monkeypatch.setenv(paths.LIBRARY_VARIABLE, str(tmp_path / "other"))
    assert config.configured_store() == tmp_path / "other"


def test_remembering_a_store_keeps_the_other_lines(tmp_path: Path) -> None:
    file = write(paths.user_config_file(), b'editor = "vi"\nstore = "/old"\n')
    config.remember_store(tmp_path / "new")
    assert 'editor = "vi"' in file.read_text()
    assert config.configured_store() == tmp_path / "new"


def test_a_relative_xdg_folder_is_ignored(
    monkeypatch: pytest.MonkeyPatch, temporary_home: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert paths.user_config_file() == temporary_home / ".config/modelfs/config.toml"


def test_the_mountpoint_is_absolute(temporary_home: Path) -> None:
    assert Settings().mountpoint == temporary_home / "AI" / "models"
    assert Settings(mount="~/here/../there").mountpoint == temporary_home / "there"
