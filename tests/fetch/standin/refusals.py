"""What the hub says when it does not give what is asked for."""

from collections.abc import Mapping
from dataclasses import replace

from fetch.standin.repository import Commit, Repository
from fetch.standin.serving import Reply, json_reply


def error(
    status: int, message: str, code: str = "", headers: Mapping[str, str] | None = None
) -> Reply:
    """Refuse, with the headers that huggingface_hub finds its errors by."""
    said = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
    return replace(json_reply({"error": message}, said | dict(headers or {})), status=status)


def bad_token() -> Reply:
    """Refuse a token that nobody has."""
    return error(401, "Invalid credentials in Authorization header")


def nobody() -> Reply:
    """Refuse to say who asks without a token."""
    return error(401, "Invalid username or password.")


def no_repository(user: str | None) -> Reply:
    """Refuse what is missing, or private, which must not be told apart."""
    if user is None:
        return error(401, "Invalid username or password.", "RepoNotFound")
    return error(404, "Repository not found", "RepoNotFound")


def no_revision(revision: str) -> Reply:
    """Refuse a revision that the repository does not have."""
    return error(404, f"Invalid rev id: {revision}", "RevisionNotFound")


def no_entry(commit: Commit, path: str) -> Reply:
    """Refuse a path that the commit does not have."""
    return error(404, f"{path} does not exist", "EntryNotFound", {"X-Repo-Commit": commit.hash})


def gate(repository: Repository, user: str | None) -> Reply | None:
    """Refuse the files of a gated repository to those who have not accepted its terms."""
    if not repository.gated or user in repository.allowed:
        return None
    text = f"Access to model {repository.id} is restricted"
    if user is None:
        return error(401, f"{text}. You must be authenticated to access it.", "GatedRepo")
    return error(403, f"{text} and you are not in the authorized list.", "GatedRepo")
