"""The hub's cache of any catalogue: what its readers rely on, and what each model adds to it."""

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id
from hypothesis import given
from hypothesis import strategies as st

from core.strategies import EXTRA_CATEGORIES, Shelf, apply_round, model_bodies, shelf
from core.views.cache import Looks, walk
from modelfs.catalog.records import FileRecord, ModelRecord
from modelfs.layouts import fill, load_layouts
from modelfs.types import BlobId, Facts, FileId, ModelId
from modelfs.views import STORES, FileNode, FolderNode, FolderPath, Node, Placer, TextNode, Tree
from modelfs.views.hub import absent_because, places, waits_for

TOP = ("by-tool", "huggingface", "hub")
PLACER = Placer(load_layouts(), fill, STORES, "/models")
OLD, NEW = "a" * 40, "0123456789" * 4

_REPOSITORIES = ["org/repo", "org/other", "Org/repo", "gpt2", "org", "a.b/c_d-e"]
_REVISIONS = [OLD, NEW, OLD + "/vae", NEW + "/vae/deep", "main", "", OLD[1:], NEW + "0", "A" * 40]
_ELSEWHERE = ["local:/x", f"hf:datasets/some@{OLD}", f"hf:a--b/c@{OLD}", f"ollama:a@{OLD}", "hf:"]
_CLOSE = [f"hf:org/repo@{OLD}", f"hf:org/repo@{OLD}/vae", f"hf:org/repo@{NEW}"]
HUB_SOURCES = st.sampled_from(_ELSEWHERE) | st.builds(
    "hf:{}@{}".format, st.sampled_from(_REPOSITORIES), st.sampled_from(_REVISIONS)
)
_MEETING_PATHS = [("a",), ("a/b", "b"), ("vae",), ("a", "b", "vae/a"), ("vae/a",)]
"""Some are a file in one model and a folder in another, which no real commit can have."""


@st.composite
def meeting_models(draw: st.DrawFn) -> ModelRecord:
    """Draw a living model that has a commit in common with most others, and often files too."""
    model = draw(model_bodies())
    paths = draw(st.sampled_from(_MEETING_PATHS))
    return replace(
        model,
        source=draw(st.sampled_from(_CLOSE)),
        trashed_at=None,
        files=tuple(replace(model.files[0], path=path) for path in paths),
        extension="",
    )


def hub_models() -> st.SearchStrategy[ModelRecord]:
    """Draw models of which most are from the hub."""
    anywhere = st.builds(
        lambda model, source: replace(model, source=source), model_bodies(), HUB_SOURCES
    )
    return anywhere | meeting_models()


SHELVES = st.lists(hub_models(), max_size=8).map(shelf)
_STEP = st.tuples(st.sampled_from(["put", "alter", "forget"]), st.integers(0, 99), hub_models())
ROUNDS = st.lists(st.lists(_STEP, min_size=1, max_size=3), max_size=4)


def build(*models: ModelRecord) -> Tree:
    return Tree.build(PLACER, models, 1000, EXTRA_CATEGORIES)


def living(made: Shelf) -> list[ModelRecord]:
    return [model for model in made.models.values() if model.trashed_at is None]


def cache(tree: Tree) -> dict[FolderPath, Node]:
    """Return everything in the cache, by its path there."""
    top = tree.node(TOP)
    assert isinstance(top, FolderNode)
    nodes = [(path[len(TOP) :], node) for path, node in walk(tree, top)]
    assert len(nodes) == len(dict(nodes)), "a name twice in a folder"
    return dict(nodes)


def inside(nodes: Mapping[FolderPath, Node], *folder: str) -> dict[str, Node]:
    """Return the entries of one folder of the cache."""
    return {path[-1]: node for path, node in nodes.items() if path[:-1] == folder}


def problems(nodes: Mapping[FolderPath, Node]) -> list[str]:
    """Return what in a cache is against the rules of those who read it."""
    found = [f"{p} is no folder" for p, n in nodes.items() if len(p) < 4 and _is_file(n, p)]
    repositories = inside(nodes).keys() - {".locks"}
    if inside(nodes, ".locks").keys() != repositories or any(len(p) > 2 for p in _locks(nodes)):
        found.append("the folders of locks are not those of the repositories, or not empty")
    for repository in repositories:
        kind, _, name = repository.partition("--")
        if kind != "models" or not _is_valid(name.replace("--", "/")):
            found.append(f"{repository} is no repository of models")
        found += [f"{repository}: {text}" for text in _problems_of(nodes, repository)]
    return found


def _problems_of(nodes: Mapping[FolderPath, Node], repository: str) -> list[str]:
    found = []
    if inside(nodes, repository).keys() != {"blobs", "refs", "snapshots"}:
        found.append("not the three folders")
    if inside(nodes, repository, "blobs"):
        found.append("a blob that no link leads to")
    snapshots = inside(nodes, repository, "snapshots")
    for name, ref in inside(nodes, repository, "refs").items():
        if not isinstance(ref, TextNode) or ref.text.decode() not in snapshots:
            found.append(f"{name} leads nowhere")
    for commit in snapshots:
        if not re.fullmatch("[0-9a-f]{40}", commit):
            found.append(f"{commit} is no commit")
        below = [n for p, n in nodes.items() if p[:3] == (repository, "snapshots", commit)]
        if not any(isinstance(node, FileNode) for node in below):
            found.append(f"{commit} is empty")
        if any(isinstance(node, TextNode) for node in below):
            found.append(f"{commit} has a file that is made up")
    return found


def _is_file(node: Node, path: FolderPath) -> bool:
    return not isinstance(node, FolderNode) and path[1:2] != ("refs",)


def _locks(nodes: Mapping[FolderPath, Node]) -> list[FolderPath]:
    return [path for path in nodes if path[0] == ".locks"]


def _is_valid(repository: str) -> bool:
    try:
        validate_repo_id(repository)
    except HFValidationError:
        return False
    return True


@given(SHELVES, ROUNDS)
def test_any_catalogue_makes_a_cache_that_its_readers_accept(
    made: Shelf, rounds: list[list[tuple[str, int, ModelRecord]]]
) -> None:
    tree = build(*made.models.values())
    assert problems(cache(tree)) == []
    for steps in rounds:
        tree, _ = tree.changed(*apply_round_to(made, steps), 1001)
        assert problems(cache(tree)) == []
        fresh = build(*made.models.values())
        assert cache(tree).keys() == cache(fresh).keys()
        assert dict(tree.links) == dict(fresh.links)
    empty, _ = tree.changed((), list(made.models), 1002)
    assert cache(empty) == {}, "what nobody needs any more is gone"


def apply_round_to(
    made: Shelf, steps: list[tuple[str, int, ModelRecord]]
) -> tuple[list[ModelRecord], set[ModelId]]:
    changed, gone = apply_round(made, steps)
    return list(changed.values()), gone


@given(SHELVES, ROUNDS, st.integers(-2, 2))
def test_who_forgets_just_what_the_diffs_say_sees_the_cache_of_now(
    made: Shelf, rounds: list[list[tuple[str, int, ModelRecord]]], drift: int
) -> None:
    tree = build(*made.models.values())
    seen = Looks(tree)
    for number, steps in enumerate(rounds, 1):
        tree, diff = tree.changed(*apply_round_to(made, steps), 1000 + number * drift)
        seen.forget(diff)
        seen.look_again(tree)
        fresh = Looks(tree)
        assert (seen.names, seen.times, seen.links) == (fresh.names, fresh.times, fresh.links)


@given(SHELVES)
def test_links_are_counted_where_models_share_files(made: Shelf) -> None:
    tree = build(*made.models.values())
    shown: dict[FileId, int] = {}
    for _, node in walk(tree):
        if isinstance(node, FileNode):
            shown[node.file.id] = shown.get(node.file.id, 0) + 1
    assert shown == dict(tree.links)


@given(SHELVES)
def test_the_cache_is_the_sum_of_what_each_model_adds(made: Shelf) -> None:
    """So no name depends on who comes and goes."""
    alone = [cache(build(model)).keys() for model in made.models.values()]
    assert cache(build(*made.models.values())).keys() == set().union(*alone)


@given(SHELVES)
def test_every_file_is_at_its_path_in_the_commit(made: Shelf) -> None:
    nodes = cache(build(*made.models.values()))
    for model in living(made):
        found = re.fullmatch("hf:([^@]*)@([0-9a-f]{40})((?:/.*)?)", model.source)
        if found is None or model.source in _ELSEWHERE:
            assert not list(places(model, ()))
            continue
        repository, commit, folder = found.groups()
        start = f"models--{repository.replace('/', '--')}/snapshots/{commit}{folder}"
        for file in model.files:
            node = nodes[tuple(f"{start}/{file.path}".split("/"))]
            if isinstance(node, FileNode):
                assert node.file.id <= file.id, "the oldest of equal paths is shown"
            else:
                assert isinstance(node, FolderNode), "another model's folder keeps its name"


@given(SHELVES)
def test_the_newest_model_of_a_repository_says_which_commit_main_is(made: Shelf) -> None:
    nodes = cache(build(*made.models.values()))
    newest: dict[str, str] = {}
    for model in sorted(living(made), key=lambda model: model.id):
        for place in places(model, ()):
            if place.folder[2:3] == ("snapshots",):
                newest[place.folder[1]] = place.folder[3]
    refs = {p[0]: n for p, n in nodes.items() if p[1:] == ("refs", "main")}
    assert {name: ref.text.decode() for name, ref in refs.items() if isinstance(ref, TextNode)} == (
        newest
    )
    assert all(inside(nodes, name, "refs").keys() == {"main"} for name in newest)


@given(st.text(st.sampled_from("ab0-_./é\n "), max_size=8) | st.text("a/.", max_size=100))
def test_a_repository_is_what_the_hub_takes_for_one(name: str) -> None:
    model = replace(_model(1, "m.gguf"), source=f"hf:{name}@{OLD}")
    assert bool(list(places(model, ()))) == _is_valid(name)


@given(hub_models())
def test_a_model_from_the_hub_is_there_or_says_why_not(model: ModelRecord) -> None:
    named = model.source.partition(":")[2].partition("@")[0]
    is_from_hub = model.source.startswith("hf:") and named in _REPOSITORIES
    assert is_from_hub == (bool(list(places(model, ()))) != bool(absent_because(model)))
    assert waits_for(model, ()) == ()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (f"hf:org/repo@{OLD}", None),
        (f"hf:org/repo@{OLD}/vae", None),
        ("local:/home/me/x.gguf", None),
        ("hf:datasets/org/name@main", None),
        ("hf:org/repo@main", "its source names 'main', and the hub's cache needs the commit"),
        (f"hf:org/repo@{OLD[:8]}", f"its source names '{OLD[:8]}', and"),
        ("hf:org/repo", "its source names no revision, and the hub's cache needs the commit"),
    ],
)
def test_why_a_model_is_not_there_is_said_in_words(source: str, said: str | None) -> None:
    why = absent_because(replace(_model(1, "m.gguf"), source=source))
    assert why is None if said is None else why is not None and why.startswith(said)


def _model(number: int, *paths: str, commit: str = OLD, at: str = "") -> ModelRecord:
    return ModelRecord(
        id=ModelId(number),
        name=f"renamed by a person {number}",
        extension=".gguf" if len(paths) == 1 else "",
        category="language/llm",
        category_by="guess",
        source=f"hf:org/repo@{commit}{at}",
        facts=Facts(),
        notes="",
        pinned=False,
        added_at=float(number),
        changed_at=0.0,
        trashed_at=None,
        files=tuple(
            FileRecord(FileId(number * 10 + n), path, BlobId(f"{number:032x}"), 10, 0)
            for n, path in enumerate(paths)
        ),
        tags=(),
        auto_tags=(),
    )


def test_two_quantisations_of_a_repository_share_its_folder() -> None:
    nodes = cache(build(_model(1, "m-Q4_K_M.gguf"), _model(2, "m-Q8_0.gguf")))
    assert inside(nodes).keys() == {".locks", "models--org--repo"}
    assert inside(nodes, "models--org--repo", "snapshots").keys() == {OLD}
    assert inside(nodes, "models--org--repo", "snapshots", OLD).keys() == {
        "m-Q4_K_M.gguf",
        "m-Q8_0.gguf",
    }


def test_two_commits_keep_their_files_apart_and_the_newer_is_main() -> None:
    nodes = cache(build(_model(1, "m.gguf", commit=NEW), _model(2, "m.gguf", commit=OLD)))
    assert inside(nodes, "models--org--repo", "snapshots").keys() == {OLD, NEW}
    ref = nodes["models--org--repo", "refs", "main"]
    assert isinstance(ref, TextNode) and ref.text == OLD.encode()
    assert problems(nodes) == []


def test_a_file_that_two_models_of_a_commit_have_is_shown_once() -> None:
    old, new = _model(1, "config.json", "a.bin"), _model(2, "config.json", "b.bin")
    tree = build(old, new)
    folder = (*TOP, "models--org--repo", "snapshots", OLD)
    shown = tree.node((*folder, "config.json"))
    assert isinstance(shown, FileNode) and shown.file == old.files[0]
    assert (tree.links[old.files[0].id], tree.links[new.files[0].id]) == (2, 1)
    tree, diff = tree.changed((), [old.id], 2000)
    shown = tree.node((*folder, "config.json"))
    assert isinstance(shown, FileNode) and shown.file == new.files[0]
    assert (folder, "config.json") in diff.names
    assert tree.links[new.files[0].id] == 2


def test_a_model_in_a_folder_of_its_repository_is_shown_there() -> None:
    nodes = cache(build(_model(1, "config.json", "w.safetensors", at="/vae")))
    folder = ("models--org--repo", "snapshots", OLD)
    assert inside(nodes, *folder).keys() == {"vae"}
    assert inside(nodes, *folder, "vae").keys() == {"config.json", "w.safetensors"}


def test_a_repository_without_an_organisation_has_a_folder_of_its_own() -> None:
    nodes = cache(build(replace(_model(1, "m.gguf"), source=f"hf:gpt2@{OLD}")))
    assert inside(nodes).keys() == {".locks", "models--gpt2"}


def test_a_folder_takes_the_name_of_a_file_and_gives_it_back() -> None:
    """No commit has both; a source that somebody wrote by hand may say so."""
    file, folder = _model(1, "a", "b"), _model(2, "a/inner")
    path = (*TOP, "models--org--repo", "snapshots", OLD)
    alone = build(file)
    both, diff = alone.changed([folder], (), 2000)
    assert isinstance(both.node((*path, "a")), FolderNode)
    assert (path, "a") in diff.names
    assert both.links[file.files[0].id] == 1
    again, _ = both.changed((), [folder.id], 3000)
    shown = again.node((*path, "a"))
    assert isinstance(shown, FileNode) and shown.file == file.files[0]
    assert dict(again.links) == dict(alone.links)
