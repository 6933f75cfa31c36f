"""Libraries with real models, mounted; made once, as adding a third of a gigabyte takes a while."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from real.models import MORE, USUAL, RealModel
from real.packages import ModelCache, VanishedError, default_cache
from real.shelf import Shelf


@pytest.fixture(scope="session")
def model_cache() -> ModelCache:
    """The packages with the models, downloaded when asked for."""
    return ModelCache(default_cache())


@pytest.fixture(scope="session")
def recording(model_cache: ModelCache) -> Path:
    """Eleven seconds of a speech of 1961, as whisper.cpp ships it."""
    return model_cache.folder("pywhispercpp") / "whisper.cpp/samples/jfk.wav"


@pytest.fixture(scope="session")
def need(model_cache: ModelCache) -> Callable[..., None]:
    """Skip when a model that somebody uploaded on the side has vanished."""

    def check(*models: RealModel) -> None:
        for model in models:
            try:
                model_cache.folder(model.package)
            except VanishedError as error:
                pytest.skip(str(error))

    return check


@contextmanager
def _open_shelf(root: Path, cache: ModelCache) -> Iterator[Shelf]:
    if not os.path.exists("/dev/fuse"):
        pytest.skip("no /dev/fuse here: nothing can be mounted")
    shelf = Shelf(root, cache)
    try:
        yield shelf
    finally:
        shelf.close()
        shutil.rmtree(root)


def _fill(shelf: Shelf, models: tuple[RealModel, ...], cache: ModelCache) -> Shelf:
    for model in models:
        try:
            cache.folder(model.package)
        except VanishedError:
            continue
        shelf.add(model)
    return shelf


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory, model_cache: ModelCache) -> Iterator[Shelf]:
    """The library with the usual models, mounted. Tests leave it as it is."""
    with _open_shelf(tmp_path_factory.mktemp("shelf"), model_cache) as shelf:
        _fill(shelf, USUAL, model_cache)
        shelf.mount()
        yield shelf


@pytest.fixture(scope="session")
def linked_shelf(
    tmp_path_factory: pytest.TempPathFactory, model_cache: ModelCache
) -> Iterator[Shelf]:
    """The same library, mounted with every file as a link into the store."""
    with _open_shelf(tmp_path_factory.mktemp("linked"), model_cache) as shelf:
        _fill(shelf, USUAL, model_cache)
        shelf.mount("--links")
        yield shelf


@pytest.fixture(scope="session")
def big_shelf(tmp_path_factory: pytest.TempPathFactory, model_cache: ModelCache) -> Iterator[Shelf]:
    """A library with the models of the long run, mounted."""
    with _open_shelf(tmp_path_factory.mktemp("big"), model_cache) as shelf:
        _fill(shelf, MORE, model_cache)
        shelf.mount()
        yield shelf


@pytest.fixture
def new_shelf(tmp_path: Path, model_cache: ModelCache) -> Iterator[Shelf]:
    """An empty library of the test's own, mounted."""
    with ExitStack() as stack:
        shelf = stack.enter_context(_open_shelf(tmp_path / "new", model_cache))
        shelf.mount()
        yield shelf
