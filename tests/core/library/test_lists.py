"""A list is read as it was written, by hands or by us, and says where it is wrong."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.conftest import bring, content, write
from core.strategies import CATEGORIES, LEGAL_NAMES, TAGS
from modelfs.catalog import models
from modelfs.catalog.records import ModelRecord
from modelfs.errors import BadInput, NotFound
from modelfs.fetch.listing import Wishes
from modelfs.library import Library, categories, lists, organise, select
from modelfs.library.addition import AddOptions
from modelfs.library.list_text import NotListed, Wanted, read_list, write_list

COMMIT = "0123456789abcdef" * 2 + "01234567"
HUB = f"hf:org/repo@{COMMIT}"
LIST = Path("/lists/models.txt")
TOML = LIST.with_suffix(".toml")

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
SEVERAL = st.lists(TEXTS, max_size=4).map(tuple)
ADDRESSES = st.sampled_from([HUB, "ollama:llama3:8b", "https://x.org/a.gguf#sha256=" + "ab" * 32])
NAMES = st.none() | LEGAL_NAMES


@st.composite
def entries(draw: st.DrawFn) -> Wanted:
    """Draw an entry as a person or a library might have it."""
    said = Wanted(
        draw(ADDRESSES),
        name=draw(NAMES),
        category=draw(st.none() | CATEGORIES),
        category_title=draw(st.none() | TEXTS),
        tags=tuple(draw(st.lists(TAGS, max_size=3))),
        follows=draw(st.none() | TEXTS),
        notes=draw(st.text(st.characters(exclude_categories=["Cs"]))),
        pinned=draw(st.booleans()),
    )
    if draw(st.booleans()):
        return replace(said, source="/models/" + draw(st.sampled_from(["a.gguf", "日本 #1", "'"])))
    variants, files, include, exclude = (draw(SEVERAL) for _ in range(4))
    return replace(said, variants=variants, files=files, include=include, exclude=exclude)


HOSTILE = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("\n\r#[]\"'"))
)
COMMENTS = st.builds(NotListed, HOSTILE, HOSTILE, HOSTILE)


@given(st.lists(entries(), unique=True, max_size=4), st.lists(COMMENTS, max_size=2))
def test_what_is_written_is_read_as_the_same(wanted: list[Wanted], rest: list[NotListed]) -> None:
    text = write_list(wanted, rest)
    assert read_list(text, TOML) == wanted
    assert read_list(text, LIST) == wanted, "whatever its file is called"
    assert read_list("\ufeff" + text.replace("\n", "\r\n"), TOML) == wanted
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", text)


def test_the_plain_form_has_one_source_a_line() -> None:
    text = (
        "\ufeff# what everybody needs\r\n"
        "hf:org/repo:Q4_K_M   # a comment\r\n"
        "\r\n"
        "   # and another\n"
        f"https://x.org/a.gguf#sha256={'ab' * 32}\t# checked\n"
        "hf:org/repo#1\n"
        "hf:org/repo:Q4_K_M\n"
        "own models/x#1.gguf\n"
        "../other/y.gguf"
    )
    assert [wanted.source for wanted in read_list(text, LIST)] == [
        "hf:org/repo:Q4_K_M",
        f"https://x.org/a.gguf#sha256={'ab' * 32}",
        "hf:org/repo#1",
        "/lists/own models/x#1.gguf",
        "/other/y.gguf",
    ]


def test_a_path_may_begin_at_home_or_at_the_root(temporary_home: Path) -> None:
    found = read_list("~/x.gguf\n/y.gguf", LIST)
    assert [wanted.source for wanted in found] == [f"{temporary_home}/x.gguf", "/y.gguf"]
    assert read_list('[[model]]\nsource = "x.gguf"', LIST) == [Wanted("/lists/x.gguf")]


def test_an_empty_list_is_no_error() -> None:
    assert read_list("", LIST) == read_list("", TOML) == read_list("# nothing\n", LIST) == []


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("hf:a/b\n\nhf:a/\x1bb", "models.txt, line 3:", "an address or a path"),
        ("https://x/y  #sha256=abc", "models.txt, line 1:", "remove the blank"),
        ('[[model]]\nsource = "hf:a/b', "models.txt:", "mend that line"),
        ('[[models]]\nsource = "hf:a/b"', "models.txt: there is no key 'models'", "model?"),
        ('[model]\nsource = "hf:a/b"', "models.txt: a model is a table", "[[model]]"),
        ("# x\n[[model]]\nname = 'x'", "model 1 (line 2): it has no source", "hf:org/repo"),
        (
            '[[model]]\nsource = "hf:a/b"\n\n[[model]]\nsource = "hf:a/c"\ncatgory = "vae"',
            "models.txt, model 2 (line 4): there is no key 'catgory'",
            "did you mean category?",
        ),
        ('[[model]]\nsource = "hf:a/b"\nzzz = 1', "there is no key 'zzz'", "known: source,"),
        ('[[model]]\nsource = "hf:a/b"\ntags = "a"', "tags is a list of texts", ""),
        ('[[model]]\nsource = "hf:a/b"\ntags = ["a/b"]', "cannot be a tag", ""),
        ('[[model]]\nsource = "hf:a/b"\nfiles = [1]', "files is a list of texts", ""),
        ('[[model]]\nsource = "hf:a/b"\npinned = 1', "pinned is true or false", ""),
        ('[[model]]\nsource = "hf:a/b"\nname = 1', "name is a text", ""),
        ('[[model]]\nsource = "hf:a/b"\nname = "a/b"', "cannot be a name", "a_b"),
        ('[[model]]\nsource = "x.gguf"\nfiles = ["y"]', "only chosen at an address", ""),
        ('[[model]]\nsource = " "', "is no source", "an address or a path"),
    ],
)
def test_an_error_says_where_and_what_instead(text: str, message: str, hint: str) -> None:
    with pytest.raises(BadInput) as raised:
        read_list(text, LIST)
    assert message in raised.value.message and "models.txt" in raised.value.message
    assert hint in raised.value.hint


def test_what_is_no_list_is_refused_without_being_read_whole(tmp_path: Path) -> None:
    write(tmp_path / "latin.txt", b"hf:a/b # \xe9")
    write(tmp_path / "model.gguf", b"GGUF\0\0")
    for name in ("latin.txt", "model.gguf"):
        with pytest.raises(BadInput, match=f"{name} is no list"):
            lists.wanted_from(tmp_path / name)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(BadInput, match="is no list"):
        lists.wanted_from(tmp_path / "large")
    with pytest.raises(NotFound, match=r"gone\.txt"):
        lists.wanted_from(tmp_path / "gone.txt")


def test_the_list_goes_before_what_is_given_for_all() -> None:
    wanted = Wanted(HUB, name="n", tags=("a",), files=("x[1].gguf",), include=("*.json",))
    given = Wishes(("Q8",), True, ("*.bin",), ("*.md",))
    assert wanted.wishes(given) == Wishes(("Q8",), False, ("x[[]1].gguf", "*.json"), ("*.md",))
    assert Wanted(HUB).wishes(given) == given
    options = wanted.options(AddOptions(None, "image/vae", ("b", "a"), seal=True))
    assert options == AddOptions("n", "image/vae", ("a", "b"), seal=True)


def _model(library: Library, folder: Path, source: str, *names: str) -> ModelRecord:
    """Bring a model in, and say that it is from elsewhere."""
    for name in names:
        write(folder / name, content((source, name)))
    path = folder if len(names) > 1 else folder / names[0]
    title = re.sub(r"\W", "-", source)[-20:] + names[0][0]
    (added,) = bring(library, path, name=title)
    with library.catalog.write():
        library.catalog.rows("UPDATE model SET source = ? WHERE id = ?", [source, added.model.id])
    return models.get(library.catalog, [added.model.id])[added.model.id]


def _exported(library: Library) -> lists.ListDocument:
    return lists.export_list(library, select.matching(library, ""))


def test_every_kind_of_source_is_written_so_that_it_gives_these_files(
    library: Library, tmp_path: Path
) -> None:
    url, digest = "https://x.org/d/m.gguf", "ab" * 32
    _model(library, tmp_path / "a", f"{HUB}/deep/er", "b.bin", "a.bin")
    _model(library, tmp_path / "b", HUB, "x[1].gguf")
    _model(library, tmp_path / "c", "ollama:llama3:8b", "m.gguf")
    linked = _model(library, tmp_path / "d", url, "m.gguf")
    _model(library, tmp_path / "e", "civitai:12@34", "w[v2].gguf", "w.civitai.info")
    _model(library, tmp_path / "f", "ms:org/name@master", "q.gguf")
    _model(library, tmp_path / "g", "unheard:of", "u.gguf")
    with library.catalog.write():
        blob = linked.files[0].blob
        library.catalog.rows("UPDATE blob SET sha256 = ? WHERE id = ?", [digest, blob])
    document = _exported(library)
    found = {(wanted.source, wanted.files) for wanted in document.wanted}
    assert found == {
        (HUB, ("deep/er/a.bin", "deep/er/b.bin")),
        (HUB, ("x[1].gguf",)),
        ("ollama:llama3:8b", ()),
        (f"{url}#sha256={digest}", ()),
        ("civitai:12@34/w[[]v2].gguf", ()),
        ("ms:org/name@master", ("q.gguf",)),
    }
    assert [(each.source, each.reason) for each in document.not_listed] == [
        ("unheard:of", "no address is known")
    ]
    assert all(lists.is_here(library, wanted) for wanted in read_list(document.text, TOML))


def test_what_people_said_is_in_the_list_and_what_was_read_from_bytes_is_not(
    library: Library, tmp_path: Path
) -> None:
    model = _model(library, tmp_path / "a", HUB, "x.gguf")
    categories.add(library, "mine/deep", "My deep ones")
    organise.tag(library, [model], ["fav", "日本"])
    organise.assign(library, model, {"category": "mine/deep", "notes": 'say "hi"\n\\o/'})
    organise.pin(library, [model], pinned=True)
    with library.catalog.write():
        library.catalog.rows("""UPDATE model SET told = '{"asked": "main"}'""")
    _model(library, tmp_path / "b", "ollama:llama3:8b", "y.gguf")
    first, second = sorted(read_list(_exported(library).text, TOML), key=lambda each: each.source)
    assert first == Wanted(
        HUB,
        name=model.entry_name,
        category="mine/deep",
        category_title="My deep ones",
        tags=("fav", "日本"),
        files=("x.gguf",),
        follows="main",
        notes='say "hi"\n\\o/',
        pinned=True,
    )
    assert (second.category, second.category_title, second.tags) == (None, None, ())


def test_the_same_models_give_the_same_text(library: Library, tmp_path: Path) -> None:
    _model(library, tmp_path / "b", "ollama:b:8b", "y.gguf")
    _model(library, tmp_path / "a", "ollama:a:8b", "y.gguf")
    bring(library, write(tmp_path / "own.gguf", content("own")))
    chosen = select.matching(library, "")
    text = lists.export_list(library, chosen).text
    assert text == lists.export_list(library, chosen[::-1]).text
    assert text.index("ollama:a:8b") < text.index("ollama:b:8b") < text.index("# own.gguf: it was")
    assert str(tmp_path) not in text, "whose folders they were is nobody's business"


def test_only_what_is_certainly_whole_and_the_same_is_here(
    library: Library, tmp_path: Path
) -> None:
    model = _model(library, tmp_path / "a", f"{HUB}/sub", "x.gguf", "y.gguf")
    here = Wanted(HUB, files=("sub/x.gguf", "sub/y.gguf"))
    assert lists.is_here(library, here)
    assert lists.is_here(library, replace(here, files=("sub/x.gguf",)))
    assert lists.is_here(library, Wanted(f"{HUB}/sub"))
    for other in (
        replace(here, files=("sub/x.gguf", "z.gguf")),
        replace(here, source=HUB[:-1] + "8"),
        replace(here, variants=("Q4",)),
        replace(here, include=("*",)),
        Wanted(HUB),
        Wanted("hf:org/repo"),
        Wanted(str(tmp_path / "a/x.gguf")),
    ):
        assert not lists.is_here(library, other), other
    with library.catalog.write():
        blob = model.files[0].blob
        library.catalog.rows("UPDATE copy SET state = 'remote' WHERE blob = ?", [blob])
    assert not lists.is_here(library, here), "it was let go"
    assert lists.is_here(library, replace(here, files=("sub/y.gguf",)))


def test_an_address_with_a_digest_is_here_only_with_that_digest(
    library: Library, tmp_path: Path
) -> None:
    url = "https://x.org/m.gguf"
    model = _model(library, tmp_path / "a", url, "m.gguf")
    with library.catalog.write():
        row = ["ab" * 32, model.files[0].blob]
        library.catalog.rows("UPDATE blob SET sha256 = ? WHERE id = ?", row)
    assert lists.is_here(library, Wanted(url))
    assert lists.is_here(library, Wanted(f"{url}#sha256={'AB' * 32}"))
    assert not lists.is_here(library, Wanted(f"{url}#sha256={'cd' * 32}"))


@pytest.mark.parametrize(
    ("stored", "asked", "stands"),
    [
        (HUB, "hf:org/repo:Q4_K_M", False),
        (f"{HUB}/sub", "https://huggingface.co/org/repo/tree/main", False),
        ("ollama:llama3:latest", "ollama:llama3", False),
        ("civitai:12@34", "civitai:12", False),
        (HUB, "hf:org/other", True),
        ("ollama:llama3:8b", "ollama:llama3:70b", True),
        ("local:/x/y.gguf", "hf:org/repo", True),
    ],
)
def test_a_name_does_not_stand_in_the_way_of_the_model_that_got_it(
    library: Library, tmp_path: Path, stored: str, asked: str, stands: bool
) -> None:
    model = _model(library, tmp_path / "a", stored, "x.gguf")
    wanted = Wanted(asked, name=model.entry_name, tags=("a",))
    name = model.entry_name if stands else None
    assert lists.options_for(library, wanted) == AddOptions(name, tags=("a",))


def test_notes_and_pins_are_given_and_never_taken(library: Library, tmp_path: Path) -> None:
    file = write(tmp_path / "x.gguf", content("x"))
    for wanted in (Wanted(HUB, notes="first", pinned=True), Wanted(HUB, notes="second")):
        options = wanted.options()
        bring(library, file, notes=options.notes, pinned=options.pinned)
    (now,) = models.named(library.catalog, "x.gguf")
    assert (now.notes, now.pinned) == ("first", True)


def test_a_category_is_made_only_if_the_list_calls_it_its_own(library: Library) -> None:
    lists.make_category(library, Wanted(HUB, category="lroa"))
    assert "lroa" not in library.taxonomy
    own = Wanted(HUB, category="mine/deep", category_title="Deep")
    lists.make_category(library, own)
    lists.make_category(library, replace(own, category_title="Other"))
    (made,) = (each for each in library.taxonomy.categories if each.id == "mine/deep")
    assert made.title == "Deep"
