"""What goes, comes back and is found damaged in a plain library."""

from collections.abc import Sequence

from core.reference.choosing import chosen_of, free_name, put_in_trash
from core.reference.plain import Line, PlainLibrary, PlainModel, Unable, blob_id


def rm(
    plain: PlainLibrary, ids: Sequence[int], pinned_too: bool = False, remembered: bool = False
) -> object:
    """To the trash, which frees nothing; pinned ones only when asked for."""
    chosen = chosen_of(plain, ids, remembered)
    if not pinned_too and any(model.pinned for model in chosen):
        raise Unable("Refused")
    numbers = _freed_and_shared(plain, chosen)
    for model in chosen:
        put_in_trash(plain, model)
    plain.committed()
    return None if remembered else numbers


def _freed_and_shared(plain: PlainLibrary, chosen: Sequence[PlainModel]) -> list[int]:
    going = plain.only_in(model.id for model in chosen)
    everything = {data for model in chosen for data in model.files.values()}
    here = {data for data in everything if plain.states[data] != "missing"}
    return [sum(map(len, here & going)), sum(map(len, here - going))]


def restore(plain: PlainLibrary, ids: Sequence[int], remembered: bool = False) -> object:
    """Back under its name, or, when that was taken meanwhile, the next one."""
    restored = []
    for model in chosen_of(plain, ids, remembered, trashed=True):
        model.name = free_name(plain, model)
        model.trashed = False
        plain.log.append(Line("restore", model.id, {"trashed_at": None, "name": None}))
        restored.append([model.id, model.entry_name])
    plain.committed()
    return restored


def empty(
    plain: PlainLibrary, ids: Sequence[int] | None = None, remembered: bool = False
) -> object:
    """For good, with the bytes that nothing else names."""
    wanted = [model.id for model in plain.trash()] if ids is None else ids
    chosen = chosen_of(plain, wanted, remembered, trashed=True)
    numbers = _freed_and_shared(plain, chosen)
    going = plain.only_in(model.id for model in chosen)
    for model in chosen:
        del plain.models[model.id]
        plain.log.append(Line("empty", model.id))
    plain.committed()
    if going:
        _delete(plain, going)
        plain.committed()
    return None if remembered else numbers


def _delete(plain: PlainLibrary, going: set[bytes]) -> None:
    for data in going:
        plain.states.pop(data, None)
        plain.disk.pop(data, None)
        plain.sealed.discard(data)
        plain.loose.discard(data)


def gc(plain: PlainLibrary) -> object:
    """Everything goes that nothing names; nothing else."""
    going = (set(plain.states) | set(plain.disk)) - plain.named()
    if going:
        _delete(plain, going)
        plain.committed()
    for data, junk in list(plain.set_aside):
        if plain.states.get(data, "ok") == "ok":
            del plain.set_aside[data, junk]
    return None


def verify(plain: PlainLibrary, data: bool, seal: bool, order: Sequence[str] = ()) -> object:
    """Damage is recorded, then set aside; ``order`` is the one in which blobs are looked at."""
    findings = []
    known = sorted(plain.states, key=lambda each: order.index(blob_id(each)))
    for each in known:
        kind = _look(plain, each, read=data)
        if kind in (None, "mode") and data:
            if seal and each not in plain.sealed:
                plain.sealed.add(each)
                plain.log += [Line("seal", id_) for id_ in plain.holders(each)]
            plain.set_state(each, "ok")
        if kind is not None:
            findings.append([blob_id(each), kind])
        plain.committed()
    return sorted(findings)


def _look(plain: PlainLibrary, data: bytes, *, read: bool) -> str | None:
    there = plain.disk.get(data)
    if there is None:
        plain.set_state(data, "damaged" if plain.states[data] == "damaged" else "missing")
        return "missing"
    if len(there) != len(data) or (read and there != data):
        plain.set_state(data, "damaged")
        plain.set_aside[data, there] += 1
        del plain.disk[data]
        plain.loose.discard(data)
        return "size" if len(there) != len(data) else "data"
    if data in plain.loose:
        plain.loose.discard(data)
        return "mode"
    if not read and plain.states[data] == "missing":
        plain.set_state(data, "ok")
        return "back"
    return None
