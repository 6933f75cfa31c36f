"""``add``: what would come in, and what came in, from this machine and from others."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelfs.cli import completion, options
from modelfs.cli.additions import (
    added_document,
    document,
    planned_document,
    show_plan,
    tell_added,
    tell_skipped,
)
from modelfs.cli.confirm import confirm
from modelfs.cli.organising import split_commas
from modelfs.cli.output import next_step, note, print_json, warn
from modelfs.cli.progress import bars
from modelfs.errors import BadInput, ModelfsError
from modelfs.units import format_count, parse_size

if TYPE_CHECKING:
    from modelfs.cli.fetching import Fetched, Manner
    from modelfs.fetch.listing import Wishes
    from modelfs.library import Library
    from modelfs.library.add import Added
    from modelfs.library.addition import AddOptions, AddPlan
    from modelfs.library.list_text import Wanted


def add(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE",
            help="Files or folders with models, or addresses to fetch from.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="The model's name; a folder then is one model, whatever is in it."),
    ] = None,
    category: Annotated[
        str | None,
        typer.Option(
            help="Where it belongs, instead of the guess.",
            autocompletion=completion.category_names,
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            help="A tag, or several with commas; may be repeated.",
            autocompletion=completion.tag_names,
            show_default=False,
        ),
    ] = None,
    move: Annotated[
        bool, options.flag("--move", help="Remove the originals once they are safely in.")
    ] = False,
    seal: Annotated[bool, options.flag("--seal", help="Also compute SHA-256 now; slower.")] = False,
    all_variants: Annotated[
        bool, options.flag("--all", help="Of an address: every variant it has.")
    ] = False,
    include: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Of an address: only these files.", show_default=False),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Of an address: not these files.", show_default=False),
    ] = None,
    from_list: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FILE", help="Add what a list says, as export-list writes it."
        ),
    ] = None,
    limit: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="The most to fetch in a second: 5MB."),
    ] = None,
    background: options.Background = False,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Add models from this machine or from the network; what is there already is not taken twice.

    Files and folders stay as they are, unless --move is given. Addresses are hf:ORG/REPO, with
    @REVISION, :QUANT and /FILES behind it where wanted, https://…, ollama:NAME:TAG, civitai:ID,
    ms:ORG/REPO, or a page of these sites. With several variants, a terminal shows them and asks.

    What a model is, and so its category, is read from its bytes; adding the same bytes again says
    so and adds nothing.

    Examples:
      modelfs add ~/Downloads/SmolLM2-135M-Q4_K_M.gguf
      modelfs add ~/ComfyUI/models --dry-run
      modelfs add style.safetensors --category image/lora --tag anime,sdxl
      modelfs add hf:bartowski/SmolLM2-135M-Instruct-GGUF:Q4_K_M
      modelfs add ollama:llama3.2 --background
      modelfs add --from models.toml
    """
    from modelfs.fetch.finding import is_remote
    from modelfs.fetch.listing import Wishes
    from modelfs.library import open_library
    from modelfs.library.addition import AddOptions

    if not sources and from_list is None:
        raise BadInput(
            "there is nothing to add", "give files, folders or addresses, or --from FILE"
        )
    if limit and background:
        raise BadInput(
            "--limit is for a fetch that you wait for",
            "for those in the background: modelfs config download_limit=5MB",
        )
    wishes = Wishes((), all_variants, tuple(include or ()), tuple(exclude or ()))
    chosen = AddOptions(name, category, split_commas(tag or []), move, seal)
    wanted = [(text, wishes, chosen, None) for text in sources or () if is_remote(text)]
    paths = [text for text in sources or () if not is_remote(text)]
    asks = not yes and sys.stdin.isatty() and sys.stderr.isatty()
    manner = _manner(dry_run=dry_run, background=background, asks=asks, as_json=as_json)
    with open_library() as library:
        if limit is not None:
            library.settings = library.settings.with_value("download_limit", str(parse_size(limit)))
        work = _Work(library, manner, yes)
        if paths:
            work.add_files(paths, chosen)
        work.fetch(wanted)
        if from_list is not None:
            work.add_list(from_list, wishes, chosen)
        work.finish()


def _manner(**chosen: bool) -> Manner:
    from modelfs.cli.fetching import Manner

    return Manner(**chosen)


class _Work:
    """What one command adds, and what it says of it in the end."""

    def __init__(self, library: Library, manner: Manner, yes: bool) -> None:
        self._library = library
        self._manner = manner
        self._yes = yes
        self._plans: list[AddPlan] = []
        self._added: list[Added] = []
        self._fetched: list[Fetched] = []
        self._errors: list[ModelfsError] = []

    def add_files(self, paths: Sequence[str], chosen: AddOptions) -> None:
        """Add files and folders of this machine."""
        from modelfs.library.addition import plan_add

        try:
            plan = plan_add(self._library, paths, chosen)
        except ModelfsError as error:
            self._errors.append(error)
            return
        self._plans.append(plan)
        if self._manner.dry_run:
            if not self._manner.as_json:
                show_plan(plan, aside=False)
            return
        if chosen.move:
            show_plan(plan, aside=True)
            files = sum(len(model.files) for model in plan.models)
            confirm(f"add them and then remove {format_count(files, 'original')}?", yes=self._yes)
        self._carry_out(plan, paths, chosen)

    def _carry_out(self, plan: AddPlan, paths: Sequence[str], chosen: AddOptions) -> None:
        from modelfs.library.add import add as add_planned
        from modelfs.library.local_work import adding

        library = self._library
        try:
            with bars() as drawn, adding(library, paths, chosen, drawn.report) as report:
                for result in add_planned(library, plan, report):
                    self._added.append(result)
                    if not self._manner.as_json:
                        with drawn.hidden():
                            tell_added(result)
        except ModelfsError as error:
            self._errors.append(error)

    def fetch(self, wanted: Sequence[tuple[str, Wishes, AddOptions, Wanted | None]]) -> None:
        """Fetch from addresses, one after the other; one that fails leaves the others be."""
        if not wanted:
            return
        from modelfs.cli.fetching import fetch
        from modelfs.library import access

        with access.web(self._library) as web:
            for text, wishes, chosen, entry in wanted:
                result = fetch(self._library, web, text, wishes, chosen, self._manner, entry)
                self._fetched.append(result)
                self._added += result.added
                if result.error is not None and len(wanted) > 1 and not self._manner.as_json:
                    warn(f"{text}: {result.error.message}")

    def add_list(self, file: Path, wishes: Wishes, chosen: AddOptions) -> None:
        """Add what a list says."""
        from modelfs.fetch.finding import is_remote
        from modelfs.library.lists import is_here, make_category, options_for, wanted_from

        entries = wanted_from(file)
        missing = [entry for entry in entries if not is_here(self._library, entry)]
        if len(missing) < len(entries) and not self._manner.as_json:
            here = len(entries) - len(missing)
            note(f"already here: {here} of {format_count(len(entries), 'model')}")
        remote = []
        for entry in missing:
            if not self._manner.dry_run:
                make_category(self._library, entry)
            options = options_for(self._library, entry, chosen)
            if is_remote(entry.source):
                remote.append((entry.source, entry.wishes(wishes), options, entry))
            else:
                self.add_files([entry.source], options)
        self.fetch(remote)

    def finish(self) -> None:
        """Print what is printed at the end, and raise the first error."""
        fetched = (result.error for result in self._fetched if result.error is not None)
        error = next(iter([*self._errors, *fetched]), None)
        manner = self._manner
        if manner.as_json:
            self._print(error)
        else:
            tell_skipped([skipped for plan in self._plans for skipped in plan.skipped])
        if error is not None:
            raise error
        if not manner.as_json and not manner.dry_run:
            _suggest(self._library, self._added)

    def _print(self, error: ModelfsError | None) -> None:
        from modelfs.cli.fetching import fetch_document

        models = [added_document(each) for each in self._added]
        if self._manner.dry_run:
            models = [planned_document(model) for plan in self._plans for model in plan.models]
        fetches = [fetch_document(result) for result in self._fetched]
        skipped = [each for plan in self._plans for each in plan.skipped]
        message = error.message if error else None
        print_json(document(skipped, models, fetches, message, dry_run=self._manner.dry_run))


def _suggest(library: Library, done: Sequence[Added]) -> None:
    from modelfs.fs.state import mount_state

    fresh = [each for each in done if each.outcome == "added"]
    guessed = [each.model for each in fresh if each.planned.confidence == "guess"]
    if guessed:
        note(f'wrong category? modelfs set "{guessed[0].entry_name}" category=…')
    if fresh and not mount_state(library.paths).mounted:
        next_step("modelfs mount")
