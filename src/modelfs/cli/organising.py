"""``tag``, ``untag``, ``tags``, ``set``, ``pin`` and ``unpin``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from modelfs.cli import completion, options
from modelfs.cli.choosing import chosen, models_and_words
from modelfs.cli.output import note, print_json, say
from modelfs.cli.tables import Column, is_drawn, print_plain, print_table
from modelfs.errors import BadInput
from modelfs.units import format_count

if TYPE_CHECKING:
    from modelfs.catalog.records import ModelRecord

ModelAndTags = Annotated[
    list[str],
    typer.Argument(
        metavar="MODEL TAG",
        help="A model and its tags; with --query only tags.",
        autocompletion=completion.model_then_tags,
    ),
]
ModelAndValues = Annotated[
    list[str],
    typer.Argument(
        metavar="MODEL KEY=VALUE",
        help="A model, then category=…, name=… or notes=…; with --query only these.",
        autocompletion=completion.model_then_values,
    ),
]


def tag(words: ModelAndTags, query: options.Query = None) -> None:
    """Put tags on a model, or on all that a query means.

    Examples:
      modelfs tag SmolLM2-135M-Q4_K_M.gguf small chat
      modelfs tag "my model" work,german
      modelfs tag --query "category:lora name:*anime*" anime
    """
    from modelfs.library import open_library, organise

    with open_library() as library:
        models, tags = models_and_words(library, words, query, "tag")
        tags = split_commas(tags)
        organise.tag(library, models, tags)
    say(f"tagged {_named(models)}: {', '.join(tags)}")


def untag(words: ModelAndTags, query: options.Query = None) -> None:
    """Take tags off a model, or off all that a query means.

    Examples:
      modelfs untag SmolLM2-135M-Q4_K_M.gguf chat
      modelfs untag --query tag:old old
    """
    from modelfs.library import open_library, organise

    with open_library() as library:
        models, tags = models_and_words(library, words, query, "tag")
        tags = split_commas(tags)
        taken = organise.untag(library, models, tags)
    if taken:
        say(f"took {format_count(taken, 'tag')} off {_named(models)}: {', '.join(tags)}")
    else:
        say(f"{_named(models)} had none of these tags")


def tags(plain: options.Plain = False, as_json: options.Json = False) -> None:
    """List the tags with their number of models.

    Piped, it prints name, number of models, and "typed" or "auto", with tabs between.

    Examples:
      modelfs tags
      modelfs tags --json
    """
    from modelfs.library import open_library, organise

    with open_library(read_only=True) as library:
        counts = organise.tag_counts(library)
    rows = [(name, number, "typed" if typed else "auto") for name, number, typed in counts]
    if as_json:
        print_json([{"tag": name, "models": n, "typed": typed} for name, n, typed in counts])
    elif not is_drawn(plain=plain):
        print_plain(rows)
    elif rows:
        columns = [Column("Tag", shrinks=2), Column("Models", "right"), Column("Put on")]
        print_table(columns, [[name, str(number), how] for name, number, how in rows])
    else:
        note("no model has a tag; next: modelfs tag MODEL TAG")


def set_values(words: ModelAndValues, query: options.Query = None) -> None:
    """Set a model's category, name or notes.

    Examples:
      modelfs set SmolLM2-135M-Q4_K_M.gguf category=language/draft
      modelfs set model-00001 name="SDXL base" notes="the one from May"
      modelfs set --query "source:*/loras/*" category=image/lora
    """
    from modelfs.library import open_library, organise

    with open_library() as library:
        models, texts = models_and_words(library, words, query, "KEY=VALUE")
        values = _values(texts)
        if "name" in values and len(models) > 1:
            raise BadInput(f"one name for {len(models)} models", "name them one by one")
        for model in models:
            organise.assign(library, model, values)
    say(f"set {_named(models)}: {', '.join(f'{key}={value}' for key, value in values.items())}")


def _values(texts: Sequence[str]) -> dict[str, str]:
    wrong = [text for text in texts if "=" not in text]
    if wrong:
        raise BadInput(f"{wrong[0]!r} sets nothing", "write KEY=VALUE, as in category=image/lora")
    return dict(text.split("=", 1) for text in texts)


def pin(names: options.Models = None, query: options.Query = None) -> None:
    """Pin models: they are not removed unless that is asked for by name.

    Examples:
      modelfs pin SmolLM2-135M-Q4_K_M.gguf
      modelfs pin --query category:llm
    """
    _pin(names, query, pinned=True)


def unpin(names: options.Models = None, query: options.Query = None) -> None:
    """Unpin models.

    Examples:
      modelfs unpin SmolLM2-135M-Q4_K_M.gguf
      modelfs unpin --query pinned:yes
    """
    _pin(names, query, pinned=False)


def _pin(names: Sequence[str] | None, query: str | None, *, pinned: bool) -> None:
    from modelfs.library import open_library, organise

    with open_library() as library:
        models = chosen(library, names or [], query)
        organise.pin(library, models, pinned=pinned)
    say(f"{'pinned' if pinned else 'unpinned'} {_named(models)}")


def split_commas(texts: Sequence[str]) -> list[str]:
    """Return the tags of words in which several may stand with commas, each once."""
    parts = (part.strip() for text in texts for part in text.split(","))
    return list(dict.fromkeys(part for part in parts if part))


def _named(models: Sequence[ModelRecord]) -> str:
    return models[0].entry_name if len(models) == 1 else format_count(len(models), "model")
