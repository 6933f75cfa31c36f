"""In a folder of many models, one that cannot be added does not keep the others out."""

from pathlib import Path

import pytest

from core.conftest import content, write
from modelfs.errors import Refused
from modelfs.library import Library
from modelfs.library.addition import AddOptions, plan_add


def _planned(library: Library, folder: Path) -> tuple[list[str], dict[str, str]]:
    plan = plan_add(library, [str(folder)], AddOptions())
    return [model.name for model in plan.models], {s.path: s.reason for s in plan.skipped}


def test_a_model_with_missing_parts_is_left_out_and_said(library: Library, tmp_path: Path) -> None:
    write(tmp_path / "in" / "whole.gguf", b"GGUF" + content(1, 5000))
    part = write(tmp_path / "in" / "big-00001-of-00002.gguf", b"GGUF" + content(2, 5000))
    names, left_out = _planned(library, tmp_path / "in")
    assert names == ["whole"]
    assert "is missing" in left_out["big-00001-of-00002.gguf"]
    with pytest.raises(Refused, match="is missing"):
        plan_add(library, [str(part)], AddOptions())


def test_small_files_that_only_look_like_models_are_left_out(
    library: Library, tmp_path: Path
) -> None:
    write(tmp_path / "in" / "whole.gguf", b"GGUF" + content(1, 5000))
    debris = write(tmp_path / "in" / "precedence.pth", b"import os")
    write(tmp_path / "in" / "unknown.pth", content(3, 5000))
    names, left_out = _planned(library, tmp_path / "in")
    assert (names, list(left_out)) == (["unknown", "whole"], ["precedence.pth"])
    assert plan_add(library, [str(debris)], AddOptions()).models, "who names it gets it"
