"""Finding models: every field, its negation, and words of any length and any characters."""

import time
from pathlib import Path

import pytest

from core.conftest import bring, content, write
from modelfs.catalog import edit, models
from modelfs.catalog.records import NewFile, NewModel
from modelfs.errors import BadInput, NotFound
from modelfs.library import Library, organise, removal, select
from modelfs.types import BlobId, Facts

DAY_S = 86400


def put(library: Library, name: str, **values: object) -> None:
    """Write a model straight into the catalogue."""
    facts = Facts(
        format=str(values.get("format", "gguf")),
        architecture=values.get("architecture"),  # type: ignore[arg-type]
        quant=values.get("quant"),  # type: ignore[arg-type]
        parameters=values.get("parameters"),  # type: ignore[arg-type]
    )
    blob = BlobId(f"{abs(hash(name)):032x}"[-32:])
    size = int(str(values.get("size", 1000)))
    with library.catalog.write():
        edit.add_model(
            library.catalog,
            NewModel(
                name=name,
                extension=".gguf",
                category=str(values.get("category", "language/llm")),
                category_by="guess",
                source=str(values.get("source", f"local:/in/{name}.gguf")),
                facts=facts,
                files=[NewFile(f"{name}.gguf", blob, size, "sample", None, 0)],
                tags=values.get("tags", ()),  # type: ignore[arg-type]
            ),
        )


@pytest.fixture
def stocked(library: Library) -> Library:
    put(library, "llama", architecture="llama", quant="Q4_K_M", parameters=7_000_000_000)
    put(library, "lora", category="image/lora", format="safetensors", tags=["style", "Wide"])
    put(library, "big_one", size=5_000_000_000, source="hf:org/repo@main", parameters=70_000_000)
    put(library, "50%*off", tags=['say "hi"'])
    (chosen,) = models.named(library.catalog, "big_one")
    with library.catalog.write():
        edit.pin(library.catalog, chosen, pinned=True)
        edit.count_use(library.catalog, chosen.id, "tool", 1, time.time() - DAY_S)
    return library


def found(library: Library, query: str) -> set[str]:
    return {model.name for model in select.matching(library, query)}


ALL = {"llama", "lora", "big_one", "50%*off"}
QUERIES = {
    "": ALL,
    "category:lora": {"lora"},
    "category:image": {"lora"},
    "category:image/lora": {"lora"},
    "category:lang*": ALL - {"lora"},
    "tag:style": {"lora"},
    "tag:STYLE": {"lora"},
    "tag:sty*": {"lora"},
    "format:safetensors": {"lora"},
    "arch:llama": {"llama"},
    "architecture:LLaMA": {"llama"},
    "quant:q4_k_m": {"llama"},
    "quant:q4*": {"llama"},
    "name:llama": {"llama"},
    "name:llama.gguf": {"llama"},
    "name:l*": {"llama", "lora"},
    "name:big?one": set(),
    "name:big_one": {"big_one"},
    "name:bigxone": set(),
    "name:50%*": {"50%*off"},
    "name:5%": set(),
    "source:hf*": {"big_one"},
    "state:ok": ALL,
    "state:damaged": set(),
    "pinned:yes": {"big_one"},
    "pinned:no": ALL - {"big_one"},
    "size>4GB": {"big_one"},
    "size<4GB": ALL - {"big_one"},
    "parameters>1B": {"llama"},
    "parameters<1B": {"big_one"},
    "used<30d": {"big_one"},
    "used>30d": ALL - {"big_one"},
    "used<1h": set(),
    "added<1h": ALL,
    "added>1h": set(),
    "lla": {"llama"},
    "LLAM": {"llama"},
    "ig_on": {"big_one"},
    "ll": ALL - {"lora"},
    "l": ALL,
    "%": {"50%*off"},
    "0%": {"50%*off"},
    "50%": {"50%*off"},
    '"hi"': {"50%*off"},
    '"': {"50%*off"},
    "%*o": {"50%*off"},
    "repo": {"big_one"},
    "Q4_K": {"llama"},
    "lora style": {"lora"},
    "lora llama": set(),
    "tag:style category:lora": {"lora"},
    "tag:style category:llm": set(),
    "AND": set(),
    "NOT": set(),
    "foo:bar": set(),
    "(((": set(),
    "^llama": set(),
    "'; DROP TABLE model; --": set(),
}


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_finds_what_it_means(stocked: Library, query: str) -> None:
    assert found(stocked, query) == QUERIES[query]


NEGATABLE = [query for query in QUERIES if query and " " not in query and query != "-"]


@pytest.mark.parametrize("query", NEGATABLE)
def test_its_negation_finds_all_the_others(stocked: Library, query: str) -> None:
    """Also those of which the field is not known."""
    assert found(stocked, f"-{query}") == ALL - QUERIES[query]


@pytest.mark.parametrize(
    "query",
    [
        "size:4GB",
        "size>lots",
        "nofield>3",
        "name>a",
        "pinned:maybe",
        "used<soon",
        "parameters>many",
        "category:nothing-like-it",
        f"size>{'9' * 30}",
        f"size>{'9' * 400}",
        f"used<{'9' * 400}",
        f"parameters>{'9' * 400}",
    ],
)
def test_what_cannot_be_meant_is_refused(stocked: Library, query: str) -> None:
    try:
        assert found(stocked, query) <= ALL
    except BadInput as error:
        assert error.message
    else:
        assert "9999" in query, "it was taken for something"


def test_search_follows_every_change(stocked: Library) -> None:
    (model,) = models.named(stocked.catalog, "llama")
    organise.assign(stocked, model, {"name": "alpaca", "notes": "my favourite"})
    (model,) = models.named(stocked.catalog, "alpaca")
    organise.tag(stocked, [model], ["shiny"])
    assert found(stocked, "alpac") == found(stocked, "favour") == found(stocked, "shiny")
    assert found(stocked, "alpac") == {"alpaca"}
    (model,) = models.named(stocked.catalog, "alpaca")
    organise.untag(stocked, [model], ["shiny"])
    assert found(stocked, "shiny") == set()
    plan = removal.plan_removal(stocked, [model])
    removal.remove(stocked, plan)
    assert found(stocked, "alpac") == set()
    assert [m.name for m in select.matching(stocked, "alpac", trashed=True)] == ["alpaca"]
    removal.empty_trash(stocked, plan)
    assert stocked.catalog.value("SELECT count(*) FROM model_text") == 3


def test_one_model_is_named_by_name_entry_name_or_number(stocked: Library) -> None:
    for text in ("llama", "llama.gguf", "#1"):
        assert select.one(stocked, text).name == "llama"
    with pytest.raises(NotFound) as caught:
        select.one(stocked, "lama")
    assert "llama.gguf" in caught.value.hint
    for text in ("#99", f"#{'9' * 40}", "", "#"):
        with pytest.raises(NotFound):
            select.one(stocked, text)


def test_a_name_that_several_have_is_ambiguous(library: Library, tmp_path: Path) -> None:
    for extension in ("gguf", "safetensors"):
        bring(library, write(tmp_path / f"same.{extension}", content(extension)))
    with pytest.raises(BadInput, match="2 models"):
        select.one(library, "same")
    assert select.one(library, "same.gguf").extension == ".gguf"


def test_two_living_models_never_have_one_entry_name(library: Library, tmp_path: Path) -> None:
    (first,) = bring(library, write(tmp_path / "1" / "Same.gguf", content(1)))
    (second,) = bring(library, write(tmp_path / "2" / "same.GGUF".lower(), content(2)))
    assert first.model.entry_name == "Same.gguf"
    assert second.model.entry_name == f"same-{second.model.short_id}.gguf"
    with pytest.raises(BadInput):
        organise.assign(library, second.model, {"name": "SAME"})
