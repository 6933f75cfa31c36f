"""Which models have changed at their source, and fetching what is new of them.

A model follows the branch, tag or version it was fetched by. It is outdated when one of its own
files is another there now: what else changes in a repository does not matter to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from glob import escape
from typing import Literal

from modelfs.catalog import models
from modelfs.catalog.filters import Filter
from modelfs.catalog.jobs import JobId
from modelfs.catalog.records import ModelRecord
from modelfs.errors import Hidden, ModelfsError, NotFound, Refused
from modelfs.fetch.listing import Listing, Wishes
from modelfs.fetch.web import Web
from modelfs.library import jobs
from modelfs.library.changed import Change, compare, lost_paths
from modelfs.library.fetch_plan import FetchPlan, Offer, plan_fetch
from modelfs.library.fetching import create_job, run_job
from modelfs.library.library import Library
from modelfs.library.upstream import Place, ask, place_of, revision_of
from modelfs.progress import Progress, Report, silent

State = Literal["current", "outdated", "pinned", "gone", "unreachable", "local"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a model stands to its source."""

    model: ModelRecord
    state: State
    """``local``: it follows nothing."""
    reason: str = ""
    hint: str = ""
    revision: str = ""
    """The commit, version or digest that it is."""
    new_revision: str = ""
    changed: Sequence[str] = ()
    """Its files that are others now, new or gone, by their paths in the model."""
    plan: FetchPlan | None = None
    """What updating would fetch; None unless it is outdated and can be updated."""


def following(library: Library) -> list[ModelRecord]:
    """Return the living models that follow a source."""
    return [
        model for model in models.find(library.catalog, Filter()) if place_of(model, {}) is not None
    ]


def look(
    library: Library, chosen: Sequence[ModelRecord], web: Web, report: Report = silent
) -> list[Standing]:
    """Say how each of these models stands; asks every repository once and changes nothing.

    What cannot be asked is said of its models alone. ``report`` may raise to end it.
    """
    places = {model.id: place_of(model, models.told(library.catalog, model.id)) for model in chosen}
    asked = {place.address for place in places.values() if place and not place.is_pinned}
    answers = ask(sorted(asked), web, report)
    found = []
    for number, model in enumerate(chosen):
        report(Progress("comparing", model.entry_name, number, len(chosen), "things"))
        found.append(_standing(library, model, places[model.id], answers, report))
    return found


def _standing(
    library: Library,
    model: ModelRecord,
    place: Place | None,
    answers: Mapping[str, Listing | ModelfsError],
    report: Report,
) -> Standing:
    if place is None:
        return Standing(model, "local", "its source has no newer versions to ask for")
    if place.is_pinned:
        reason = f"exactly {place.asked[:12]} was asked for"
        return Standing(model, "pinned", reason, revision=place.revision)
    answer = answers[place.address]
    if isinstance(answer, ModelfsError):
        # It was there: what a stranger may not see any more is as good as gone.
        state: State = "gone" if isinstance(answer, NotFound | Hidden) else "unreachable"
        return Standing(model, state, answer.message, answer.hint, revision=place.revision)
    standing = Standing(model, "current", revision=place.revision, new_revision=revision_of(answer))
    if standing.revision == standing.new_revision and place.kind in ("hf", "ollama"):
        return standing
    change = compare(library, model, place, answer, report)
    if change is None:
        lost = ", ".join(lost_paths(model, place, answer)[:3])
        hint = f"see what there is instead: modelfs add {place.address} --dry-run"
        return replace(standing, state="gone", reason=f"{lost} is not there any more", hint=hint)
    if not change.changed:
        moved_on = standing.revision != standing.new_revision
        return replace(standing, reason="the repository has moved on" if moved_on else "")
    return _outdated(library, standing, place, answer, change)


def _outdated(
    library: Library, standing: Standing, place: Place, listing: Listing, change: Change
) -> Standing:
    found = replace(standing, state="outdated", changed=tuple(change.changed))
    wishes = Wishes()
    if change.wanted is not None:
        listing = _with_our_digests(found.model, listing, change)
        wishes = Wishes(include=[escape(remote.path) for remote in change.wanted.values()])
    try:
        plan = plan_fetch(library, Offer(place.address, listing, Wishes()), wishes)
    except ModelfsError as error:
        return replace(found, reason=error.message, hint=error.hint)
    if change.wanted is None:
        found = replace(found, changed=[file.remote.path for file in plan.files])
    return replace(found, plan=plan)


def _with_our_digests(model: ModelRecord, listing: Listing, change: Change) -> Listing:
    """Say of files without a SHA-256 which have been found the same: they are not sent again."""
    assert change.wanted is not None
    # Of bytes that are not here nothing but the size was compared.
    found = (f for f in model.files if f.path in change.same and f.state == "ok")
    digests = {file.path: file.sha256 for file in found}
    known = {remote.path: digests.get(path) for path, remote in change.wanted.items()}
    return replace(
        listing,
        files=[
            replace(f, sha256=known[f.path]) if f.sha256 is None and known.get(f.path) else f
            for f in listing.files
        ],
    )


def start(library: Library, standing: Standing, *, queued: bool = False) -> JobId:
    """Write the update of an outdated model down as a job, whose end exchanges the two.

    Until then the old one stays as it is; then it is in the trash. Raises Refused for one that
    cannot be updated, NoSpace.
    """
    if standing.plan is None:
        reason = f": {standing.reason}" if standing.reason else ""
        raise Refused(f"{standing.model.entry_name} is not to be updated{reason}", standing.hint)
    return create_job(library, standing.plan, replaces=standing.model.id, queued=queued)


def update(library: Library, standing: Standing, report: Report = silent) -> ModelRecord:
    """Fetch what is new of an outdated model and return the one in its place; as ``start``.

    Raises what fetching raises; then the old one is untouched, and what came is kept for the next
    time.
    """
    return finish(library, standing, start(library, standing), report)


def finish(
    library: Library, standing: Standing, job: JobId, report: Report = silent
) -> ModelRecord:
    """Do an update that was started; as ``update``."""
    added = run_job(library, jobs.find(library, job), report)
    places = (each.model for each in added if each.planned.replaces == standing.model.id)
    return next(places, added[0].model)
