"""Tags, values, pins, categories, settings and taking changes back."""

from .conftest import LORA, SMALL, Program


def test_tags_go_on_one_model_or_on_all_of_a_query(shelf: Program) -> None:
    assert "chat" in shelf.ok("tag", SMALL, "chat,small", "two words").stdout
    assert set(shelf.model(SMALL)["tags"]) >= {"chat", "small", "two words"}
    shelf.ok("tag", "--query", "category:llm", "text")
    assert len(shelf.names("tag:text")) == 5
    shelf.ok("untag", "--query", "tag:text name:SmolLM2*", "text", "chat")
    assert len(shelf.names("tag:text")) == 4
    assert "chat" not in shelf.model(SMALL)["tags"]
    assert shelf("tag", "--query", "tag:no-such-tag", "x").returncode == 3


def test_a_model_is_renamed_moved_and_annotated(shelf: Program) -> None:
    shelf.ok("categories", "add", "image/texture", "--title", "Textures")
    shelf.ok("set", LORA, "category=image/texture", "name=Détail", "notes=from = May")
    model = shelf.model("Détail")
    assert model["entry_name"] == "Détail.safetensors" and model["category"] == "image/texture"
    assert model["notes"] == "from = May"
    assert shelf("set", "--query", "category:llm", "name=same").returncode == 2
    assert shelf.ok("path", "Détail").stdout.endswith(
        "by-category/image/texture/Détail.safetensors\n"
    )


def test_changes_are_listed_and_taken_back(shelf: Program) -> None:
    shelf.ok("pin", SMALL)
    assert shelf.model(SMALL)["pinned"]
    assert "pin" in shelf.ok("undo").stdout
    assert not shelf.model(SMALL)["pinned"]
    shelf.ok("rm", LORA, "--yes")
    (latest,) = shelf.json("history", "1")
    assert latest["action"] == "rm" and latest["model"] == LORA
    assert LORA in shelf.ok("undo", str(latest["id"])).stdout
    assert shelf.model(LORA)["state"] == "ok"


def test_settings_are_shown_changed_and_checked(program: Program) -> None:
    assert program.ok("config", "grace").stdout == "1h\n"
    program.ok("config", "grace=2d", "reserve=1GB")
    assert program.json("config", "grace", "reserve") == {"grace": "2d", "reserve": "1GB"}
    inside = f"mount={program.store}/inside"
    assert program("config", inside).returncode == 2
    assert program.json("config")["mount"] == str(program.mountpoint)


def test_quiet_leaves_data_and_errors(shelf: Program) -> None:
    assert shelf.ok("show", SMALL, "--quiet").stderr == ""
    assert "modelfs: there is no model" in shelf("show", "absent", "--quiet").stderr
