"""Many programs at once, by read and by page fault, all get the right bytes and none hangs."""

from contextlib import ExitStack
from typing import Any

import pytest

from real.client import Client, ask, needs
from real.models import EMBEDDING, LANGUAGE
from real.shelf import Shelf

pytestmark = pytest.mark.timeout(600)

_FAULTERS = 4


def _together(shelf: Shelf, *requests: tuple[str, dict[str, Any]]) -> list[Any]:
    """Start clients all at once; return their answers."""
    with ExitStack() as stack:
        clients = [
            stack.enter_context(Client(script, shelf.environment, request))
            for script, request in requests
        ]
        return [client.answer() for client in clients]


def test_eight_programs_load_two_models_at_once(shelf: Shelf) -> None:
    needs("safetensors", "xllamacpp")
    tensors = shelf.category_path(EMBEDDING) / "model.safetensors"
    original = shelf.original(EMBEDDING) / "model.safetensors"
    language = shelf.category_path(LANGUAGE)
    loads = [("load_safetensors", {"path": tensors, "how": how}) for how in ("safe_open", "read")]
    sentence = {"path": language, "prompt": "One, two, three, four,", "mapped": True}
    pairs = [(tensors, original), (language, shelf.original(LANGUAGE))]
    compares = [("compare", {"pairs": pairs, "how": how}) for how in ("read", "mmap")]
    answers = _together(shelf, *loads * 2, *[("run_llama", sentence)] * 2, *compares)
    expected = ask("load_safetensors", shelf.environment, path=original, how="read")
    assert {answer["digest"] for answer in answers[:4]} == {expected["digest"]}
    assert [answer["text"].startswith(" five") for answer in answers[4:6]] == [True, True]
    size_bytes = sum(each.stat().st_size for _, each in pairs)
    assert answers[6:] == [{"different": [], "bytes": size_bytes}] * 2


def _fault(shelf: Shelf, seconds: float) -> None:
    request = {
        "path": shelf.category_path(EMBEDDING) / "model.safetensors",
        "original": shelf.original(EMBEDDING) / "model.safetensors",
        "seconds": seconds,
    }
    answers = _together(
        shelf, *[("fault_randomly", {**request, "seed": seed}) for seed in range(_FAULTERS)]
    )
    assert [answer["wrong"] for answer in answers] == [[]] * _FAULTERS
    assert min(answer["compared"] for answer in answers) > 10 * seconds


def test_four_programs_fault_all_over_one_file(shelf: Shelf) -> None:
    _fault(shelf, 4)


@pytest.mark.long
def test_four_programs_fault_all_over_one_file_for_a_minute(shelf: Shelf) -> None:
    _fault(shelf, 60)
