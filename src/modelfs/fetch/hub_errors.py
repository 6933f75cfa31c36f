"""What went wrong at the hub, said so that a person knows what to do."""

from urllib.parse import urlsplit

import httpx2
from huggingface_hub import errors

from modelfs.errors import AccessDenied, BadInput, Hidden, ModelfsError, NotFound, Unreachable
from modelfs.fetch.tokens import told_by_environment
from modelfs.fetch.web import Refusal
from modelfs.identify.reading import plain_text


def explained(
    error: Exception, endpoint: str, repository: str, revision: str | None, with_token: bool
) -> ModelfsError:
    """Return the error a person should see; it holds no word of the request, which had a token.

    Raises ``error`` again where it is none of huggingface_hub's and none of a bad answer's.
    """
    host = urlsplit(endpoint).hostname or endpoint
    page = f"{endpoint}/{repository}"
    match error:
        case errors.GatedRepoError():
            return AccessDenied(
                f"{repository} is gated: accept its terms at {page}",
                "then run the same command again" if with_token else "then: modelfs login",
            )
        case errors.DisabledRepoError():
            return AccessDenied(f"{host} has switched off {repository}", f"{page} may say why")
        case errors.RevisionNotFoundError():
            return NotFound(
                f"{repository} has no branch, tag or commit {plain_text(revision or 'main', 80)}",
                f"{page}/tree/main lists them",
            )
        case errors.RepositoryNotFoundError():
            return _no_repository(host, repository, with_token)
        case errors.HfHubHTTPError():
            return _refused(error, host, repository, with_token)
        case errors.OfflineModeIsEnabled():
            return Unreachable(
                f"{host} is not asked while HF_HUB_OFFLINE is set", "unset it, or set it to 0"
            )
        case errors.HFValidationError():
            return BadInput(f"{plain_text(repository, 120)} is no name of a repository")
        case httpx2.HTTPError() | httpx2.InvalidURL():
            return Unreachable(f"{host} sends us to and fro: {type(error).__name__}")
        case ValueError() | KeyError() | TypeError() | AttributeError() | RecursionError():
            return Unreachable(f"{host} answered with something that is no description of a model")
    raise error


def _no_repository(host: str, repository: str, with_token: bool) -> ModelfsError:
    if with_token:
        return NotFound(
            f"{host} has no model {repository}, or it is private and your token may not see it",
            "check the spelling; a private one needs a token of an account that may",
        )
    return Hidden(
        f"{host} has no model {repository}, or it is private: without a token it does not say",
        "check the spelling; if it is private: modelfs login",
    )


def _refused(
    error: errors.HfHubHTTPError, host: str, repository: str, with_token: bool
) -> ModelfsError:
    answer = error.response
    if answer.status_code == 401 and with_token:
        variable = told_by_environment("hub")
        where = f"the token in {variable}" if variable else "the stored token"
        return AccessDenied(
            f"{host} does not accept {where if repository else 'that token'}: wrong or expired",
            "make one at https://huggingface.co/settings/tokens, then: modelfs login",
        )
    refusal = Refusal(answer.status_code, str(answer.url), answer.headers, "")
    return refusal.explained(repository or "an answer", "hub")
