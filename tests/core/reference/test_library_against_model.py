"""Two processes do what comes to mind; after every step all agrees with plain dictionaries."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from core.reference.bench import Bench
from core.reference.machine import TwoLibraries

_USUAL = settings(
    deadline=None,
    max_examples=25,
    stateful_step_count=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("bench"))
    yield made
    made.stop()


@pytest.mark.timeout(900)  # a failure is shrunk for up to five minutes
def test_the_library_agrees_with_a_dictionary_of_bytes_after_every_step(bench: Bench) -> None:
    run_state_machine_as_test(lambda: TwoLibraries(bench), settings=_USUAL)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_it_agrees_over_longer_programs_from_other_seeds(bench: Bench, number: int) -> None:
    """The number is the seed: a failure comes again."""
    longer = settings(_USUAL, derandomize=False, max_examples=30, stateful_step_count=60)

    @seed(number)
    def machine() -> TwoLibraries:
        return TwoLibraries(bench)

    run_state_machine_as_test(machine, settings=longer)
