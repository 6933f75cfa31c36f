"""What Ollama calls the library's models: legal, and the same as it calls what it pulls itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.views.ollama_rules import listing, manifests, violations
from core.views.ollama_shelves import WEIGHTS, file, model, ollama_bodies, served
from modelfs.catalog.records import ModelRecord
from modelfs.types import Facts
from modelfs.views.ollama_names import MAX_PART, MAX_TAG, name_of


@pytest.mark.parametrize(
    ("source", "name", "path", "shown"),
    [
        ("hf:org/Foo-GGUF@abc", "x", "Foo-Q4_K_M.gguf", "hf.co/org/Foo-GGUF:Q4_K_M"),
        ("hf:org/Foo-GGUF", "x", "foo.q4_k_m.gguf", "hf.co/org/Foo-GGUF:Q4_K_M"),
        ("hf:org/Foo@refs/pr/1", "x", "UD-Q2_K_XL/foo.gguf", "hf.co/org/Foo:UD-Q2_K_XL"),
        ("hf:org/Foo@abc", "Q8_0", "foo.gguf", "hf.co/org/Foo:latest"),
        ("hf:o.rg/Foo@abc", "Foo", "foo-Q8_0.gguf", "foo:q4_k_m"),
        ("hf:gpt2@abc", "GPT 2", "x.gguf", "gpt-2:q4_k_m"),
        ("hf:../..@abc", "a", "x.gguf", "a:q4_k_m"),
        ("ollama:llama3.2", "x", "x.gguf", "llama3.2:latest"),
        ("ollama:llama3.2:1b", "x", "x.gguf", "llama3.2:1b"),
        ("ollama:me/mine:v1", "x", "x.gguf", "me/mine:v1"),
        ("ollama:hf.co/org/Foo:Q8_0", "x", "x.gguf", "hf.co/org/Foo:Q8_0"),
        ("ollama:registry.ollama.ai/library/a:b", "x", "x.gguf", "a:b"),
        ("ollama:ollama.com/library/a:b", "x", "x.gguf", "a:b"),
        ("ollama:localhost:5000/me/a:b", "x", "x.gguf", "localhost:5000/me/a:b"),
        ("ollama:a/b/c/d:e", "Foo", "x.gguf", "foo:q4_k_m"),
        ("ollama:a b", "Foo", "x.gguf", "foo:q4_k_m"),
        ("local:/x", "Foo 7B (new) Q8_0", "x.gguf", "foo-7b-new:q8_0"),
        ("local:/x", "Q8_0", "x.gguf", "q8_0:q8_0"),
        ("local:/x", ".Straße--Ünïcode.", "x.gguf", "strasse-unicode:q4_k_m"),
        ("https://a/b.gguf", "日本語", "x.gguf", "model-{id}:q4_k_m"),
    ],
)
def test_names_are_what_ollama_calls_them(source: str, name: str, path: str, shown: str) -> None:
    one = model(name=name, source=source, files=(file(path, WEIGHTS[1]),))
    assert list(listing(served(one))) == [shown.format(id=one.short_id)]


def test_without_any_quantisation_the_tag_is_latest() -> None:
    one = model(name="Foo", facts=Facts("gguf", "llama"))
    assert list(listing(served(one))) == ["foo:latest"]


def test_of_one_name_the_older_keeps_it_and_the_other_gains_its_id() -> None:
    older, newer = model(1), model(2)
    assert set(listing(served(newer, older))) == {
        "foo-7b:q4_k_m",
        f"foo-7b:q4_k_m-{newer.short_id}",
    }


@given(ollama_bodies())
def test_every_name_is_legal_and_has_room_to_be_told_apart(body: ModelRecord) -> None:
    name = name_of(body, body.files[0].path)
    assert name.is_legal
    assert len(name.tag) <= MAX_TAG < MAX_PART


@given(st.integers(2, 20))
def test_models_of_one_name_all_stay_legal(times: int) -> None:
    source = f"ollama:{'h' * 80}/{'n' * 80}/{'m' * 80}:{'t' * 80}"
    models = [model(n, source=source) for n in range(1, times + 1)]
    made = served(*models)
    assert violations(made) == []
    assert len(manifests(made)) == len(models)
