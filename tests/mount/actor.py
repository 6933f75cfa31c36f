"""One of many processes that use a library at once.

``python -m mount.actor ROLE STORE SEED UNTIL``; ``UNTIL`` is a moment of the monotonic clock, which
all processes share. What a person could meet in good order (a name that is taken) is counted;
anything else ends the process with an error. The last line of standard output is a JSON object:
what was done, and what became of models.
"""

import json
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from modelfs.catalog import models
from modelfs.catalog.filters import Filter
from modelfs.catalog.records import ModelRecord
from modelfs.errors import BadInput, NotFound
from modelfs.library import Library, check, open_library, organise, removal
from modelfs.library.add import add
from modelfs.library.addition import AddOptions, plan_add
from modelfs.library.checked import CheckSummary
from modelfs.library.collect import collect, plan_collection
from mount import onlooker
from mount.weights import COUNT, number_of

_MOST_MODELS = 90
_FEWEST_MODELS = 30
_PAUSE_S = 0.02
_CATEGORIES = ("image/lora", "image/vae", "language/llm", "other/unsorted")


class Actor:
    """Does one thing after the other, by chance, and keeps count of it."""

    def __init__(self, library: Library, seed: str) -> None:
        self.library = library
        self.chance = random.Random(seed)
        self.seed = seed
        self.done: Counter[str] = Counter()
        self.added: dict[int, list[int]] = {}
        """Models by number, with the numbers of their contents."""
        self.trashed: set[int] = set()
        self.emptied: set[int] = set()

    def add(self) -> None:
        """Add a file or a folder; sometimes move it, or give it a name that is taken perhaps."""
        if len(self._models()) >= _MOST_MODELS:
            time.sleep(_PAUSE_S)
            return
        source = self._original()
        move = self.chance.random() < 0.4
        name = f"w{number_of(source.name)}-named-{self.chance.randrange(400)}"
        options = AddOptions(
            name=name if source.is_dir() or self.chance.random() < 0.2 else None,
            category=self.chance.choice(_CATEGORIES),
            tags=[f"t{self.chance.randrange(5)}"],
            move=move,
            seal=self.chance.random() < 0.2,
        )
        try:
            plan = plan_add(self.library, [str(source)], options)
            for added in add(self.library, plan):
                held = [number_of(file.path) for file in added.model.files]
                self.added[added.model.id] = held
                self.done[f"{'move' if move else 'add'}: {added.outcome}"] += 1
        except BadInput:
            self.done["add: name taken"] += 1
        if source.is_dir():
            shutil.rmtree(source)
        else:
            source.unlink(missing_ok=True)

    def _original(self) -> Path:
        """Write what somebody would have downloaded: a file mostly, a folder of three at times."""
        originals = self.library.paths.root.parent / "originals" / self.seed
        number = self.chance.randrange(1, COUNT)
        # Few names, so that adders clash: the same name over the same and over other bytes.
        path = originals / f"w{number}-{self.chance.randrange(3)}.safetensors"
        if self.chance.random() < 0.15:
            path = originals / f"w{number}-folder"
        folder = path.suffix == ""
        (path if folder else originals).mkdir(parents=True, exist_ok=True)
        for each in (number, 1, 2) if folder else (number,):
            target = path / f"w{each}-{each}.safetensors" if folder else path
            shutil.copyfile(originals.parent.parent / "pool" / str(each), target)
        return path

    def organise(self) -> None:
        """Tag, untag, file under another category or rename."""
        model = self._one_of(self._models())
        if model is None:
            return
        tag, what = f"u{self.chance.randrange(9)}", self.chance.random()
        if what < 0.4:
            organise.tag(self.library, [model], [tag])
        elif what < 0.7:
            organise.untag(self.library, [model], [tag])
        else:
            name = f"w{number_of(model.name)}-renamed-{self.chance.randrange(60)}"
            category = self.chance.choice(_CATEGORIES)
            self._assign(model, {"name": name} if what < 0.85 else {"category": category})
        self.done["organise"] += 1

    def _assign(self, model: ModelRecord, values: dict[str, str]) -> None:
        try:
            organise.assign(self.library, model, values)
        except BadInput:
            self.done["rename: name taken"] += 1
        except NotFound:
            self.done["organise: gone"] += 1

    def remove(self) -> None:
        """Trash some, restore some, empty some, as long as there are enough models."""
        known = self._models()
        if len(known) < _FEWEST_MODELS:
            time.sleep(_PAUSE_S)
            return
        chosen = self.chance.sample(known, 3)
        self.trashed |= {model.id for model in chosen}
        removal.remove(self.library, removal.plan_removal(self.library, chosen))
        self.done["trash"] += 1
        waiting = models.find(self.library.catalog, Filter(trashed=True))
        if waiting and self.chance.random() < 0.4:
            removal.restore(self.library, self.chance.sample(waiting, 1))
            self.done["restore"] += 1
        if waiting and self.chance.random() < 0.7:
            plan = removal.plan_removal(self.library, waiting[:4])
            self.emptied |= {model.id for model in plan.models}
            removal.empty_trash(self.library, plan)
            self.done["empty"] += 1

    def collect(self) -> None:
        """Collect without any grace."""
        collect(self.library, plan_collection(self.library, 0))
        self.done["gc"] += 1

    def verify(self) -> None:
        """Look at everything, or read everything; there is no damage to be found."""
        summary = CheckSummary()
        if self.chance.random() < 0.7:
            found = list(check.look(self.library, summary))
            self.done["verify"] += 1
        else:
            found = list(check.read(self.library, summary, seal=self.chance.random() < 0.5))
            self.done["verify --data"] += 1
        if found:
            raise AssertionError(f"nothing is wrong, and yet: {found}")

    def _models(self) -> list[ModelRecord]:
        return [m for m in models.find(self.library.catalog, Filter()) if not m.pinned]

    def _one_of(self, known: list[ModelRecord]) -> ModelRecord | None:
        return self.chance.choice(known) if known else None


def act(role: str, store: Path, seed: str, until: float) -> dict[str, object]:
    """Play a role that changes the library until the time is up; return what was done."""
    with open_library(store) as library:
        actor = Actor(library, seed)
        step: Callable[[], None] = getattr(actor, role)
        while time.monotonic() < until:
            step()
    return {
        "done": actor.done,
        "added": list(actor.added.items()),
        "trashed": sorted(actor.trashed),
        "emptied": sorted(actor.emptied),
    }


def main(role: str, store: Path, seed: str, until: float) -> None:
    """Play a role and say how it went."""
    onlookers = {"read": onlooker.read, "probe": onlooker.probe, "remount": onlooker.remount}
    if role in onlookers:
        told = onlookers[role](store, seed, until)
    else:
        told = act(role, store, seed, until)
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], float(sys.argv[4]))
