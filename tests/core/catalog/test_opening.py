"""The catalogue's file: its settings, its versions, and what is said when something is wrong."""

import os
from pathlib import Path

import apsw
import pytest

from core import processes
from core.conftest import bring, content, write
from core.soundness import every_model
from modelfs.catalog import blobs, changes, database, edit, models
from modelfs.catalog.database import APPLICATION_ID, Catalog, migrate, migrations
from modelfs.catalog.filters import Filter
from modelfs.errors import BadInput, CatalogBusy, Damaged, Failed, ModelfsError, NotFound
from modelfs.library import Library, open_library

VERSION_1 = Path(__file__).with_name("version-1.sql")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    Catalog.open(tmp_path / "catalog.sqlite3", create=True).close()
    return tmp_path / "catalog.sqlite3"


def schema(file: Path) -> list[object]:
    connection = apsw.Connection(str(file))
    found = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2").fetchall()
    connection.close()
    return found


def test_a_live_connection_is_durable_and_checks_references(file: Path) -> None:
    catalog = Catalog.open(file)
    assert catalog.value("PRAGMA journal_mode") == "wal"
    assert catalog.value("PRAGMA synchronous") == 2, "FULL"
    assert catalog.value("PRAGMA foreign_keys") == 1
    assert catalog.value("PRAGMA application_id") == APPLICATION_ID
    assert catalog.value("PRAGMA user_version") == migrations()[-1][0]
    catalog.close()


def test_every_table_is_strict(file: Path) -> None:
    catalog = Catalog.open(file)
    loose = catalog.rows(
        "SELECT name FROM pragma_table_list "
        "WHERE schema = 'main' AND type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite_%'"
    )
    assert loose == []
    with pytest.raises(apsw.ConstraintError), catalog.write():
        catalog.rows(
            "INSERT INTO blob (id, size_bytes, sample, added_at) VALUES ('id', 'x', '', 0)"
        )
    with pytest.raises(apsw.ConstraintError), catalog.write():
        catalog.rows("INSERT INTO file (model, path, blob, mtime_ns) VALUES (1, 'a', 'none', 0)")
    catalog.close()


def test_migrating_twice_is_harmless(file: Path) -> None:
    before = schema(file)
    connection = apsw.Connection(str(file))
    migrate(connection)
    migrate(connection)
    connection.close()
    assert schema(file) == before


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [number for number, _ in migrations()] == list(range(1, len(migrations()) + 1))


def test_a_catalogue_of_only_the_first_step_is_brought_up_to_date(
    tmp_path: Path, file: Path
) -> None:
    old = tmp_path / "old.sqlite3"
    connection = apsw.Connection(str(old))
    connection.execute(migrations()[0][1])
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1")
    connection.close()
    Catalog.open(old).close()
    assert schema(old) == schema(file)


def restore_version_1(file: Path) -> None:
    connection = apsw.Connection(str(file))
    connection.execute(VERSION_1.read_text("utf-8"))
    connection.close()


def test_a_stored_catalogue_of_version_1_is_read_and_changed_by_todays_code(
    tmp_path: Path,
) -> None:
    restore_version_1(tmp_path / "catalog.sqlite3")
    catalog = Catalog.open(tmp_path / "catalog.sqlite3")
    assert catalog.problems() == []
    found = {model.entry_name: model for model in models.find(catalog, Filter())}
    assert set(found) == {"tiny-llama.Q4_K_M.gguf", "folder"}
    single, folder = found["tiny-llama.Q4_K_M.gguf"], found["folder"]
    assert (single.category, single.category_by) == ("language/llm", "user")
    assert (list(single.tags), single.pinned, single.notes) == (["mine"], True, "from a friend")
    assert [(file.path, file.size_bytes) for file in folder.files] == [
        ("a.bin", 2000),
        ("sub/b.bin", 1000),
    ]
    assert folder.files[1].sha256 is not None
    (gone,) = models.find(catalog, Filter(trashed=True))
    assert (gone.name, gone.trashed_at is not None) == ("gone", True)
    assert changes.newest(catalog)[0] > 0
    assert len(blobs.all_ids(catalog)) == 3
    with catalog.write():
        edit.tag(catalog, single, ["new"])
        edit.restore(catalog, gone, gone.name)
    assert len(models.find(catalog, Filter())) == 3
    catalog.close()


def test_the_dump_of_version_1_is_of_version_1(tmp_path: Path) -> None:
    restore_version_1(tmp_path / "old.sqlite3")
    connection = apsw.Connection(str(tmp_path / "old.sqlite3"))
    assert connection.execute("PRAGMA user_version").get == 1
    assert connection.execute("PRAGMA application_id").get == APPLICATION_ID
    connection.close()


def test_a_catalogue_of_a_newer_program_is_left_alone(file: Path) -> None:
    connection = apsw.Connection(str(file))
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(Failed, match="newer") as caught:
        Catalog.open(file)
    assert "update" in caught.value.hint


def test_a_strangers_database_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "catalog.sqlite3"
    connection = apsw.Connection(str(file))
    connection.execute("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)")
    connection.close()
    before = file.read_bytes()
    for create in (False, True):
        with pytest.raises(Damaged, match="not a modelfs catalogue"):
            Catalog.open(file, create=create)
    assert file.read_bytes() == before


def test_garbage_instead_of_a_catalogue_is_damage(file: Path) -> None:
    file.write_bytes(b"\xde\xad\xbe\xef" * 5000)
    with pytest.raises(Damaged):
        Catalog.open(file)


@pytest.mark.parametrize("page", range(1, 40, 3))
def test_a_catalogue_with_a_bad_page_is_an_error_and_no_crash(
    library: Library, tmp_path: Path, page: int
) -> None:
    """Whatever the page holds: opening, listing, adding and checking say something sensible."""
    bring(library, write(tmp_path / "a.gguf", content("a")))
    library.close()
    size_bytes = library.paths.catalog.stat().st_size
    if page * 4096 >= size_bytes:
        assert page > 20, "the catalogue is smaller than the test thinks"
        return
    with library.paths.catalog.open("r+b") as raw:
        raw.seek(page * 4096)
        raw.write(bytes([0xA5]) * 4096)
    problems: list[object] = []

    def attempt(work: object) -> None:
        assert callable(work)
        try:
            work()
        except (Damaged, Failed) as error:
            problems.append(error)
        except ModelfsError as error:
            raise AssertionError(f"it was called {type(error).__name__}") from error

    def everything() -> None:
        with open_library(library.paths.root) as again:
            attempt(lambda: every_model(again))
            attempt(lambda: models.tag_counts(again.catalog))
            attempt(lambda: list(blobs.everything(again.catalog)))
            attempt(lambda: blobs.unnamed(again.catalog))
            attempt(lambda: bring(again, write(tmp_path / "b.gguf", content("b"))))
            attempt(lambda: problems.extend(again.catalog.problems()))

    attempt(everything)
    assert problems, "nobody noticed"


def test_where_there_is_none_it_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Catalog.open(tmp_path / "catalog.sqlite3")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_its_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite3").mkdir()
    with pytest.raises(Failed):
        Catalog.open(tmp_path / "catalog.sqlite3")


def test_an_empty_file_in_its_place_is_only_taken_over_to_create_one(tmp_path: Path) -> None:
    """A crash right at its creation leaves it, and so does a disk that lost a library's."""
    (tmp_path / "catalog.sqlite3").touch()
    with pytest.raises(Damaged, match="empty"):
        Catalog.open(tmp_path / "catalog.sqlite3")
    Catalog.open(tmp_path / "catalog.sqlite3", create=True).close()
    Catalog.open(tmp_path / "catalog.sqlite3").close()


def test_a_catalogue_that_another_process_holds_is_busy(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "a.gguf", content("a"))
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.1)
    with (
        processes.start("hold-catalog", library.paths.root) as holder,
        open_library(library.paths.root) as second,
    ):
        assert holder.stdout and holder.stdout.readline() == "held\n"
        with pytest.raises(CatalogBusy):
            bring(second, source)
        assert every_model(second) == [], "readers go on"
        holder.communicate("", timeout=10)
        (added,) = bring(second, source)
        assert added.outcome == "added"


def test_a_change_that_fails_half_way_changes_nothing(library: Library, tmp_path: Path) -> None:
    (added,) = bring(library, write(tmp_path / "a.gguf", content("a")))
    before = changes.newest(library.catalog)
    with pytest.raises(ZeroDivisionError), library.catalog.write():
        edit.pin(library.catalog, added.model, pinned=True)
        raise ZeroDivisionError
    assert changes.newest(library.catalog) == before
    assert not every_model(library)[0].pinned


def test_the_data_version_moves_with_a_commit_of_somebody_else(
    library: Library, tmp_path: Path
) -> None:
    (added,) = bring(library, write(tmp_path / "a.gguf", content("a")))
    with open_library(library.paths.root) as other:
        before = other.catalog.data_version()
        assert other.catalog.data_version() == before
        with library.catalog.write():
            edit.pin(library.catalog, added.model, pinned=True)
        assert other.catalog.data_version() != before


def test_a_reader_sees_one_state(library: Library, tmp_path: Path) -> None:
    (added,) = bring(library, write(tmp_path / "a.gguf", content("a")))
    with open_library(library.paths.root) as other:
        with other.catalog.read():
            assert not every_model(other)[0].pinned
            with library.catalog.write():
                edit.pin(library.catalog, added.model, pinned=True)
            assert not every_model(other)[0].pinned
        assert every_model(other)[0].pinned


def test_a_read_only_connection_changes_nothing(library: Library) -> None:
    with open_library(library.paths.root, read_only=True) as other:
        assert every_model(other) == []
        with pytest.raises(Failed), other.catalog.write():
            changes.log(other.catalog, "init", 0, None, None)  # type: ignore[arg-type]


def test_ids_are_never_used_again(library: Library, tmp_path: Path) -> None:
    """A file's row is its inode in the mount."""
    seen: list[int] = []
    for number in range(3):
        (added,) = bring(library, write(tmp_path / "a.gguf", content(number)))
        seen += [added.model.files[0].id]
        with library.catalog.write():
            edit.forget(library.catalog, added.model)
    assert len(set(seen)) == 3


def test_text_that_is_no_text_is_refused_by_name(library: Library) -> None:
    with pytest.raises((BadInput, UnicodeEncodeError)):
        models.named(library.catalog, os.fsdecode(b"\xff"))
