"""Whatever is in a file: ours goes in beside it and out of it again, and nothing else moves."""

import json
import string
import tomllib
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from modelfs.connect import edits
from modelfs.connect.edits import (
    Edit,
    FdsList,
    JsonKeys,
    MarkedLines,
    SectionKeys,
    YamlSection,
    environment_file,
)
from modelfs.errors import BadInput, Refused

PROFILE = settings.get_profile("connect")
FOLDER = "/home/ada/my models/by-tool/x"

words = st.text(string.ascii_letters + "äöß_", min_size=1, max_size=8).filter(
    lambda word: word != "modelfs"  # a section of that name is refused
)
any_text = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12)
scalars = st.one_of(any_text, st.integers(-99, 99), st.booleans(), st.none())
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(words, values, max_size=5)
newlines = st.sampled_from(["\n", "\r\n"])


def subsequence(part: bytes, whole: bytes) -> bool:
    """Say whether all bytes of one are in the other, in their order."""
    rest = iter(whole)
    return all(byte in rest for byte in part)


def there_and_back(edit: Edit, content: bytes) -> bytes:
    """Join, join again, part with and without knowing the original; return what joining gave."""
    after = edit.joined(content)
    assert edit.joined(after) == after, "doing it again changes nothing"
    return after


@st.composite
def json_files(draw: st.DrawFn) -> bytes:
    """JSON in any spacing, with escapes or without."""
    value = draw(objects)
    if draw(st.booleans()):
        value["dirs"] = draw(st.lists(any_text, max_size=3) | any_text)
    indent = draw(st.sampled_from([None, 0, 2, 4, "\t"]))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")]))
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=draw(st.booleans()))
    end = draw(st.sampled_from(["", "\n", " \n"]))
    return (
        draw(st.sampled_from(["", " ", "\n"])) + text.replace("\n", draw(newlines)) + end
    ).encode("utf-8", "surrogatepass")


JSON_EDIT = JsonKeys({"models_dir": FOLDER}, {"dirs": FOLDER}, {"dirs": ("usual",)})


@settings(PROFILE)
@given(json_files())
def test_json_keeps_every_other_member(content: bytes) -> None:
    before = json.loads(content)
    after = there_and_back(JSON_EDIT, content)
    meant = json.loads(after)
    assert meant.pop("models_dir") == FOLDER
    added = meant.pop("dirs")
    old = before.pop("dirs", ["usual"])
    assert added == [*([old] if isinstance(old, str) else old), FOLDER]
    before.pop("models_dir", None)
    assert meant == before and list(meant) == list(before)
    assert subsequence(content.strip(), after) or b"models_dir" in content


@settings(PROFILE)
@given(json_files(), words, any_text)
def test_json_is_parted_after_somebodys_edit(content: bytes, key: str, value: str) -> None:
    after = json.loads(JSON_EDIT.joined(content))
    after[key] = value
    edited = json.dumps(after, indent=1).encode()
    rest = JSON_EDIT.parted(edited, content)
    assert rest is not None
    assert json.loads(rest) == {**json.loads(content), key: value}


@settings(PROFILE)
@given(json_files())
def test_json_is_parted_to_the_same_members(content: bytes) -> None:
    rest = JSON_EDIT.parted(JSON_EDIT.joined(content), content)
    assert rest is not None and json.loads(rest) == json.loads(content)
    assert b"".join(rest.split()) == b"".join(content.split())


@st.composite
def yaml_files(draw: st.DrawFn) -> bytes:
    """YAML of named sections in any style, with comments between them."""
    pieces = []
    for name, value in draw(objects).items():
        comment = draw(st.sampled_from(["", "# a comment\n", "\n#: >>> [\n"]))
        text = yaml.safe_dump({name: value}, default_flow_style=False, allow_unicode=True)
        if draw(st.booleans()):
            text = f"{name}: {json.dumps(value)}\n"
        pieces.append(comment + text)
    if draw(st.booleans()):
        pieces.append("lines: |\n  one\n  two\n")
    text = "".join(pieces)
    return (text[:-1] if draw(st.booleans()) else text).replace("\n", draw(newlines)).encode()


YAML_EDIT = YamlSection("modelfs", {"base_path": FOLDER, "loras": "loras", "clip": "a\nb\n"})


def parsed(content: bytes) -> Any:
    try:
        return yaml.safe_load(content)
    except yaml.YAMLError:
        return ...


@settings(PROFILE)
@given(yaml_files())
def test_yaml_keeps_every_other_section_byte_for_byte(content: bytes) -> None:
    before = parsed(content)
    if before is not ... and (before is None or isinstance(before, dict)):
        after = there_and_back(YAML_EDIT, content)
        assert content in after
        section = {"base_path": FOLDER, "loras": "loras", "clip": "a\nb\n"}
        assert yaml.safe_load(after) == {**(before or {}), "modelfs": section}
        rest = YAML_EDIT.parted(after, content)
        assert rest == content
    else:
        with pytest.raises((BadInput, Refused)):
            YAML_EDIT.joined(content)


@st.composite
def ini_files(draw: st.DrawFn) -> bytes:
    """INI with comments, blank lines, keys that look like ours in other sections."""
    names = draw(st.lists(words | st.just("General"), max_size=4, unique=True))
    lines = draw(st.lists(st.sampled_from(["version=1", "", "# top"]), max_size=2))
    for name in names:
        lines.append(f"[{name}]")
        keys = draw(st.lists(words | st.just("modelPath"), max_size=4, unique=True))
        for key in keys:
            value = draw(st.text(string.ascii_letters + ' =;#%$[]"\\', max_size=10)).strip()
            lines.append(f"{key}{draw(st.sampled_from(['=', ' = ']))}{value}")
            if draw(st.booleans()):
                lines.append(draw(st.sampled_from(["", "# note", "; modelPath=no"])))
    newline = draw(newlines)
    return (newline.join(lines) + draw(st.sampled_from(["", newline]))).encode()


@settings(PROFILE)
@given(ini_files())
def test_ini_changes_one_line(content: bytes) -> None:
    edit = SectionKeys("General", {"modelPath": FOLDER}, "qt")
    after = there_and_back(edit, content)
    ours = f'"{FOLDER}"'.encode()
    assert after.count(ours) == 1
    before_lines, after_lines = content.splitlines(), after.splitlines()
    kept = [line for line in after_lines if ours not in line]
    lost = [line for line in before_lines if line not in kept]
    assert len(lost) <= 1 and all(line.startswith(b"modelPath") for line in lost)
    rest = edit.parted(after, content)
    assert rest is not None and rest.split() == content.split()


@st.composite
def toml_files(draw: st.DrawFn) -> bytes:
    """TOML with tables, arrays of several lines, and texts that look like headings."""
    lines = ["# top", "a = 1"] if draw(st.booleans()) else []
    for name in draw(
        st.lists(words.filter(str.isascii) | st.just("model"), max_size=4, unique=True)
    ):
        lines.append(f"[{name}]  # {name}")
        lines += draw(
            st.lists(
                st.sampled_from([
                    "x = [", '  "[model]",', "]", "models_dir = './m' # mine", 'y = """', "[model]",
                    '"""', "", "# note", "vae_dir = 3", "vae = {a = 1}", "[model.sub]",
                ]),
                max_size=5,
            )
        )  # fmt: skip
    return "\n".join(lines).encode()


@settings(PROFILE)
@given(toml_files())
def test_toml_changes_only_ours_or_refuses(content: bytes) -> None:
    edit = SectionKeys("model", {"models_dir": FOLDER}, "toml")
    try:
        before = tomllib.loads(content.decode())
    except tomllib.TOMLDecodeError:
        with pytest.raises(BadInput):
            edit.joined(content)
        return
    try:
        after = there_and_back(edit, content)
    except Refused:
        assert b"model" in content
        return
    expected = {**before, "model": {**before.get("model", {}), "models_dir": FOLDER}}
    assert tomllib.loads(after.decode()) == expected
    rest = edit.parted(after, content)
    assert rest is not None and rest.split() == content.split()


@settings(PROFILE)
@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_marked_lines_go_in_and_out_of_anything(text: str) -> None:
    edit, content = MarkedLines(("--model-dir x",)), text.encode()
    after = there_and_back(edit, content)
    assert after.startswith(content)
    assert edit.parted(after, content) == content


@settings(PROFILE)
@given(st.lists(words, max_size=3), st.booleans(), newlines)
def test_fds_lists_gain_and_lose_one_text(paths: list[str], has_key: bool, newline: str) -> None:
    lines = [
        "#c",
        "Paths:",
        "  A: b",
        *([f"  ModelRoot: {';'.join(paths)}"] * has_key),
        "N:",
        "  P: 1",
    ]
    content = newline.join(lines).encode()
    edit = FdsList("Paths", "ModelRoot", FOLDER, "Models")
    after = there_and_back(edit, content)
    assert after.count(FOLDER.encode()) == 1
    assert [line for line in after.splitlines() if b"ModelRoot" not in line] == [
        line for line in content.splitlines() if b"ModelRoot" not in line
    ]
    rest = edit.parted(after, content)
    assert rest is not None and rest.split() == content.split()


@pytest.mark.parametrize(
    "edit",
    [
        JSON_EDIT,
        YAML_EDIT,
        MarkedLines(("a", "b")),
        SectionKeys("s", {"k": "v"}, "toml"),
        FdsList("Paths", "ModelRoot", "/x", "Models"),
        environment_file({"A": "/b"}),
    ],
    ids=lambda edit: edit.kind,
)
def test_an_edit_is_remembered_through_json(edit: Edit) -> None:
    assert edits.from_record(json.loads(json.dumps(edits.to_record(edit)))) == edit
    made = edit.joined(None)
    assert edit.parted(made, None) is None, "what was only ours goes whole"
    assert edit.by_hand().strip()
