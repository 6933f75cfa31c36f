"""Carrying out an ``AddPlan``: bytes first, durable and in place, then one transaction a model.

A crash or an error leaves each model of the plan wholly in or wholly out; what was staged is
collected, and with ``--move`` an original goes only after the commit that names its bytes.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from modelfs import durable, hashing
from modelfs.catalog import blobs, edit, models
from modelfs.catalog.records import ModelRecord, NewFile, NewModel, State
from modelfs.errors import BadInput, Refused
from modelfs.library import replacing
from modelfs.library.addition import AddPlan, PlannedFile, PlannedModel
from modelfs.library.library import Library, require_store
from modelfs.names import alternatives
from modelfs.progress import Progress, Report, silent
from modelfs.store import Intake, OpenSource, Staged, open_source
from modelfs.store.trouble import explained
from modelfs.types import BlobId, ModelId

Outcome = Literal["added", "already there"]


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one planned model."""

    outcome: Outcome
    model: ModelRecord
    new_bytes: int
    """Bytes that the store did not have."""
    shared_bytes: int
    """Bytes that it had, from whatever model."""
    planned: PlannedModel
    """What it was to be."""
    was: State = "ok"
    """The state it was in, of one that is there already."""
    left_behind: Sequence[Path] = ()
    """Originals that ``--move`` could not remove."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """One file of the model: already a blob, or staged to become one."""

    planned: PlannedFile
    source: OpenSource
    sample: str
    staged: Staged | None
    held: BlobId | None
    sha256: str | None


def add(library: Library, plan: AddPlan, report: Report = silent) -> Iterator[Added]:
    """Bring in the models of a plan one by one, giving each when it is durable.

    Raises NoSpace before the first byte when they will not fit, SourceChanged, Failed or
    Cancelled while one is read: that one and the rest are then not in, those given are.
    """
    require_store(library.paths)
    with library.catalog.write():  # a catalogue that cannot be written shows before the first byte
        pass
    _check_space(library, plan, report)
    for model in plan.models:
        yield _add_one(library, plan, model, report)


def _check_space(library: Library, plan: AddPlan, report: Report) -> None:
    files = [file for model in plan.models for file in model.files]
    fresh = [file for file in files if not file.looks_known and file.staged is None]
    if not fresh or plan.move:
        return  # a move links where it can, and checks each file that it must copy
    with open_source(fresh[0].source) as source, Intake(library.store, report) as intake:
        if intake.can_clone(source):
            return
    durable.require_space(library.paths.staging, plan.likely_new_bytes, library.store.reserve_bytes)


def _add_one(library: Library, plan: AddPlan, model: PlannedModel, report: Report) -> Added:
    with ExitStack() as stack:
        intake = stack.enter_context(Intake(library.store, report))
        pieces: list[_Piece] = []
        for file in map(_settled(library), model.files):
            source = stack.enter_context(open_source(file.source))
            pieces.append(_bring(library, plan, intake, file, source, report))
        added = None
        while added is None:
            for piece in pieces:
                if piece.staged is not None:
                    intake.judge(piece.staged)
                    _check_returning(library, piece.staged)
            with library.store.entering():
                lost = [i for i, piece in enumerate(pieces) if not _still_held(library, piece)]
                if not lost:
                    added = _commit(library, intake, model, pieces, move=plan.move)
                    # Under the lock still: no check shall take this for a move that was cut off.
                    left = _remove_originals(pieces) if plan.move else []
            for i in lost:  # collected since we compared: its bytes must come in after all
                piece = pieces[i]
                pieces[i] = _stage(plan, intake, piece.planned, piece.source, piece.sample)
    return replace(added, left_behind=left)


def _check_returning(library: Library, staged: Staged) -> None:
    """Raise Refused for bytes that would take the place of absent ones with another SHA-256.

    What is not there cannot be compared byte for byte: its seal stands for it.
    """
    absent = blobs.get(library.catalog, BlobId(staged.digests.xxh3))
    if absent is None or absent.sha256 is None or absent.state == "ok":
        return
    sha256 = staged.digests.sha256 or hashing.sha256_of(staged.fd, staged.size_bytes)
    if sha256 != absent.sha256:
        raise Refused(
            f"these bytes have the XXH3 of blob {absent.id}, which is away, and another SHA-256",
            "bring that one back first: modelfs verify names its models",
        )


def _settled(library: Library) -> Callable[[PlannedFile], PlannedFile]:
    """Return what tells of a staged file that another model of the plan has entered already."""

    def settle(file: PlannedFile) -> PlannedFile:
        blob = file.staged.blob if file.staged is not None else None
        if blob is None:
            return file
        return replace(file, source=library.store.path(blob), held=blob, staged=None)

    return settle


def _bring(
    library: Library,
    plan: AddPlan,
    intake: Intake,
    file: PlannedFile,
    source: OpenSource,
    report: Report,
) -> _Piece:
    """Find the bytes of a source among the blobs, byte for byte, or stage them."""
    with explained(f"{source.path} cannot be read"):
        sample = hashing.sample_hash(source.fd, source.size_bytes)
    if file.held is not None:
        return _Piece(file, source, sample, None, file.held, None)
    if file.staged is not None:
        intake.take(file.staged)
        return _Piece(file, source, sample, file.staged, None, file.staged.digests.sha256)
    for candidate in blobs.candidates(library.catalog, source.size_bytes, sample):
        with explained(f"{source.path} cannot be compared with blob {candidate}"):
            is_same = _compare(library, candidate, source, report)
        if is_same:
            return _Piece(file, source, sample, None, candidate, None)
    return _stage(plan, intake, file, source, sample)


def _compare(library: Library, blob: BlobId, source: OpenSource, report: Report) -> bool:
    if not _is_whole(library, blob, source.size_bytes):
        return False
    try:
        fd = library.store.open(blob)
    except OSError:
        return False
    name, total = source.path.name, source.size_bytes
    try:
        same = hashing.same_bytes(
            fd, source.fd, total, lambda done: report(Progress("comparing", name, done, total))
        )
    finally:
        os.close(fd)
    source.check_unchanged()
    return same


def _stage(
    plan: AddPlan, intake: Intake, file: PlannedFile, source: OpenSource, sample: str
) -> _Piece:
    start = file.data_start
    staged = None
    if plan.move:
        staged = intake.in_place(source, sample, seal=plan.seal, data_start=start)
    staged = staged or intake.copy(source, sample, seal=plan.seal, data_start=start)
    return _Piece(file, source, sample, staged, None, staged.digests.sha256)


def _still_held(library: Library, piece: _Piece) -> bool:
    if piece.held is None:
        return True
    known = blobs.get(library.catalog, piece.held)
    return known is not None and _is_whole(library, piece.held, piece.source.size_bytes)


def _is_whole(library: Library, blob: BlobId, size_bytes: int) -> bool:
    """Say whether a blob is there and under no other name, through which it could change."""
    has = library.store.has(blob, size_bytes)
    return has and os.lstat(library.store.path(blob)).st_nlink == 1


def _commit(
    library: Library,
    intake: Intake,
    model: PlannedModel,
    pieces: Sequence[_Piece],
    *,
    move: bool,
) -> Added:
    """Enter the staged bytes and name them, while nothing can be collected."""
    files = [_enter(intake, piece) for piece in pieces]
    new_bytes = sum(p.source.size_bytes for p in pieces if p.staged and p.staged.is_new)
    shared_bytes = sum(piece.source.size_bytes for piece in pieces) - new_bytes
    with library.catalog.write():
        old = replacing.replaced(library, model)
        existing = None if model.name_is_asked or old else _same_model(library, files)
        if existing is not None:
            for file in files:  # heals a blob of it that was damaged or missing
                blobs.remember(library.catalog, file)
            identity = existing.id
        else:
            there = replacing.make_way(library, old, model) if old else model
            identity = edit.add_model(library.catalog, _new_model(library, there, files))
            if old:
                replacing.settle(library, old, identity)
        _annotate(library, identity, model)
        if move:
            originals = {str(p.planned.source): f for p, f in zip(pieces, files, strict=True)}
            edit.log_move(library.catalog, identity, originals)
        record = models.get(library.catalog, [identity])[identity]
    if existing is None:
        return Added("added", record, new_bytes, shared_bytes, model)
    return Added("already there", record, new_bytes, shared_bytes, model, existing.state)


def _annotate(library: Library, identity: ModelId, model: PlannedModel) -> None:
    """Give a model the notes and the pin that it was added with; notes that it has stay."""
    if not (model.notes or model.pinned):
        return
    now = models.get(library.catalog, [identity])[identity]
    if model.notes and not now.notes:
        edit.annotate(library.catalog, now, model.notes)
    if model.pinned and not now.pinned:
        edit.pin(library.catalog, now, pinned=True)


def _new_model(library: Library, model: PlannedModel, files: Sequence[NewFile]) -> NewModel:
    return NewModel(
        name=_free(library, model, files),
        extension=model.extension,
        category=model.category,
        category_by=model.category_by,
        source=model.source,
        facts=model.facts,
        files=files,
        tags=model.tags,
        auto_tags=model.auto_tags,
        family=model.family,
        told=model.told,
    )


def _enter(intake: Intake, piece: _Piece) -> NewFile:
    blob = piece.held
    if piece.staged is not None:
        blob = piece.staged.blob or intake.enter(piece.staged)
    assert blob is not None
    return NewFile(
        piece.planned.path,
        blob,
        piece.source.size_bytes,
        piece.sample,
        piece.sha256,
        piece.source.mtime_ns,
        piece.planned.data_start,
        _data_hash(piece),
    )


def _data_hash(piece: _Piece) -> str | None:
    """Return the hash of the tensors, if it was made from where they begin."""
    staged = piece.staged
    if staged is None or staged.data_start != piece.planned.data_start:
        return None
    return staged.digests.data


def _same_model(library: Library, files: Sequence[NewFile]) -> ModelRecord | None:
    """Return the living model that consists of exactly these bytes, if there is one."""
    wanted = sorted(file.blob for file in files)
    for model in models.with_blobs(library.catalog, wanted[:1]):
        if model.trashed_at is None and sorted(file.blob for file in model.files) == wanted:
            return model
    return None


def _free(library: Library, model: PlannedModel, files: Sequence[NewFile]) -> str:
    """Return the name that the model gets: its own, or a longer one if an older model has it."""
    short_id = max(files, key=lambda file: (file.size_bytes, file.path)).blob[:6]
    for name in alternatives(model.name, None, short_id, model.extension):
        if not edit.entry_taken(library.catalog, name, model.extension):
            return name
        if model.name_is_asked:
            break
    raise BadInput(f"there is a model {model.name!r} already", "choose another name")


def _remove_originals(pieces: Sequence[_Piece]) -> list[Path]:
    """Remove the originals whose bytes are now durable and named; return those that stayed."""
    left = []
    folders = set()
    for piece in pieces:
        path = piece.planned.source
        # Safety: the catalogue names these bytes, and this is still the very file that was read.
        if not piece.source.is_still_at(path):
            left.append(path)
            continue
        try:
            path.unlink()
            folders.add(path.parent)
        except OSError:
            left.append(path)
    for folder in sorted(folders, key=lambda folder: len(folder.parts), reverse=True):
        with suppress(OSError):  # the bytes are safe; only the unlinking may come undone
            durable.fsync_folder(folder)
    return left
