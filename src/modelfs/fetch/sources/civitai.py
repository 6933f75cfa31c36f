"""CivitAI: versions of models, each with its files, a note beside them and a picture.

The token goes to the site itself, in a header; the storage that it redirects to gets none.
"""

import hashlib
from collections.abc import Sequence
from urllib.parse import urlsplit

from modelfs.errors import AccessDenied, BadInput, NotFound, Unreachable
from modelfs.fetch.listing import Listing, RemoteFile, Variant, Wishes
from modelfs.fetch.probe import look
from modelfs.fetch.sources.civitai_address import CivitaiAddress, is_civitai, parse
from modelfs.fetch.sources.civitai_files import CONFIG, TRAINING_DATA, Offer, labels, offers
from modelfs.fetch.sources.civitai_notes import (
    NOTE_END,
    early_access_until,
    facts,
    note,
    picture_of,
)
from modelfs.fetch.web import Refusal, Web
from modelfs.identify.beside.values import Values, text
from modelfs.names import split_extension

_PICTURES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/gif": ".gif"}


class CivitaiSource:
    """``civitai:<model>[@<version>][/<file pattern>]``, the site's addresses, AIR names."""

    def claims(self, text: str) -> bool:
        """Claim them, and whatever else is on the site's hosts, readable or not."""
        return is_civitai(text)

    def wishes(self, text: str) -> Wishes:
        """Return that all is wanted where the address names files: ``list`` gives those alone."""
        return Wishes(all_variants=parse(text).is_narrow)

    def list(self, text: str, web: Web) -> Listing:
        """Say what a version has, the newest published one unless one is named.

        Asks once for the best file's first byte: whether it is given to this user, and its exact
        size. Otherwise as the protocol says.
        """
        asked = parse(text)
        version = _Version(asked, web)
        found = version.wanted()
        version.check_access(found)
        return version.listing(found)


class _Version:
    """One version of a model, as the site describes it."""

    def __init__(self, asked: CivitaiAddress, web: Web) -> None:
        self._asked, self._web = asked, web
        self._site = web.endpoints.civitai
        self._model, self._version, self._number = _describe(asked, web)
        self._id = self._version["id"]
        self.page = f"{self._site}/models/{self._number}?modelVersionId={self._id}"
        names = (text(self._model, "name") or f"model {self._number}", text(self._version, "name"))
        self.title = " ".join(filter(None, names))
        self._offers = offers(self._version, self._site)
        self._seen: dict[str, int] = {}
        self._doubts_sizes = False

    def wanted(self) -> list[Offer]:
        """Return the files that the address means; raises NotFound where there are none."""
        if not self._offers:
            raise NotFound(
                f"{self.title} has no files to fetch", f"its page may say why: {self.page}"
            )
        if self._asked.is_narrow:
            found = [offer for offer in self._offers if _means(self._asked, offer)]
        else:
            found = [each for each in self._offers if each.type not in (CONFIG, TRAINING_DATA)]
        found = found[:1] if self._asked.qualities else found  # a link is to one file
        if not found:
            names = ", ".join(offer.name for offer in self._offers)
            raise NotFound(f"no file of {self.title} fits", f"it has: {names}")
        return found

    def check_access(self, found: list[Offer]) -> None:
        """Ask for the first file; raises AccessDenied.

        If the site was wrong about its size, the other sizes are not believed either.
        """
        first = found[0]
        try:
            seen = look(self._web, first.url, "civitai")
        except Refusal as refusal:
            if refusal.status in (401, 403):
                raise self._denied() from None
            raise refusal.explained(first.name, "civitai") from None
        if seen.is_web_page:  # it redirects to its login, or to its shop
            raise self._denied()
        if seen.size_bytes is not None:
            self._seen[first.name] = seen.size_bytes
            self._doubts_sizes = first.size_bytes not in (None, seen.size_bytes)

    def _denied(self) -> AccessDenied:
        until = early_access_until(self._version)
        if until is not None:
            when = f" until {until}" if until else ""
            message = f"{self.title} is in early access{when}: only who has bought it may fetch it"
        else:
            message = f"{self.title} is only given to those who have logged in at its site"
        hint = f"its page: {self.page}; with an account that may: modelfs login civitai"
        return AccessDenied(message, hint)

    def listing(self, found: Sequence[Offer]) -> Listing:
        """Return everything, notes and picture included."""
        content = note(self._model, self._version, self._number)
        picture = self._picture()
        files: dict[str, RemoteFile] = {}
        variants = []
        for offer, label in zip(found, labels(found), strict=True):
            group = self._with_notes(offer, content, picture)
            files |= {file.path: file for file in group if file.path not in files}
            variants.append(Variant(label, [file.path for file in group], offer.warning))
        version = self._asked.version
        return Listing(
            f"civitai:{self._number}@{self._id}",
            self.title,
            tuple(files.values()),
            tuple(variants) if len(variants) > 1 else (),
            facts(self._model, content),
            ("nsfw",) if self._model.get("nsfw") is True else (),
            str(version) if version else "latest",
        )

    def _with_notes(
        self, offer: Offer, content: bytes, picture: tuple[str, RemoteFile] | None
    ) -> list[RemoteFile]:
        """Return a file, and what lies beside it under its stem, as other programs have it."""
        found = [self._remote(offer, offer.name)]
        if not (offer.is_model or offer.is_primary):
            return found
        for config in self._offers:
            if config.type == CONFIG and config.url != offer.url:
                end = split_extension(config.name)[1]
                found.append(self._remote(config, offer.stem + end))
        digest = hashlib.sha256(content).hexdigest()
        path = offer.stem + NOTE_END
        found.append(RemoteFile(path, len(content), self.page, digest, content=content))
        if picture:
            end, file = picture
            path = f"{offer.stem}.preview{end}"
            found.append(RemoteFile(path, file.size_bytes, file.url))
        return found

    def _remote(self, offer: Offer, path: str) -> RemoteFile:
        told = None if self._doubts_sizes else offer.size_bytes
        size = self._seen.get(offer.name, told)
        return RemoteFile(path, size, offer.url, offer.sha256, access="civitai")

    def _picture(self) -> tuple[str, RemoteFile] | None:
        """Return the picture and its extension; None where there is none to be had.

        Without a picture a model is as good, so that no failure here matters.
        """
        image = picture_of(self._version)
        if image is None:
            return None
        try:
            seen = look(self._web, str(image["url"]), attempts=1)
        except (Refusal, Unreachable, BadInput):
            return None
        end = _PICTURES.get(seen.content_type)
        return (end, RemoteFile("", seen.size_bytes, str(image["url"]))) if end else None


def _means(asked: CivitaiAddress, offer: Offer) -> bool:
    return asked.means(offer.name, offer.number, offer.qualities)


def _describe(asked: CivitaiAddress, web: Web) -> tuple[Values, Values, int]:
    """Return the model, the version meant, and the model's number."""
    version: Values = {}
    number = asked.model
    if number is None:
        version = _ask(web, f"model-versions/{asked.version}", f"version {asked.version}", asked)
        number = _whole(version.get("modelId"), web)
    model = _ask(web, f"models/{number}", f"model {number}", asked)
    listed = model.get("modelVersions")
    versions = [each for each in listed if _is_one(each)] if isinstance(listed, list) else []
    if asked.version is None:
        if not versions:
            raise NotFound(f"model {number} has no published version")
        return model, _newest(versions), number
    # The model's own entry before the version's answer: its links are for certain files.
    chosen = next((each for each in versions if each["id"] == asked.version), version)
    if not chosen:
        chosen = _ask(web, f"model-versions/{asked.version}", f"version {asked.version}", asked)
    if not _is_one(chosen) or chosen.get("modelId", number) != number:
        there = ", ".join(f"{each['id']} ({text(each, 'name')})" for each in versions[:12])
        raise NotFound(f"model {number} has no version {asked.version}", f"it has: {there}")
    return model, chosen, number


def _ask(web: Web, path: str, what: str, asked: CivitaiAddress) -> Values:
    site = web.endpoints.civitai
    try:
        answer = web.json(f"{site}/api/v1/{path}", what, "civitai")
    except NotFound as error:
        # The names of the site do not show the same.
        other = asked.host.removeprefix("www.")
        if other and other != (urlsplit(site).hostname or "").removeprefix("www."):
            hint = f"{other} may show it: MODELFS_CIVITAI=https://{other}"
            raise NotFound(error.message, hint) from None
        raise
    if not isinstance(answer, dict):
        raise Unreachable(f"{urlsplit(site).hostname} answered oddly when asked for {what}")
    return answer


def _whole(value: object, web: Web) -> int:
    if type(value) is int:
        return value
    raise Unreachable(
        f"{urlsplit(web.endpoints.civitai).hostname} does not say whose version it is"
    )


def _is_one(value: object) -> bool:
    return isinstance(value, dict) and type(value.get("id")) is int


def _newest(versions: Sequence[Values]) -> Values:
    """Return the version published last that has files; the site lists them as its author likes."""

    def rank(version: Values) -> tuple[bool, bool, str]:
        is_public = version.get("status", "Published") == "Published"
        return (
            bool(version.get("files")),
            is_public,
            text(version, "publishedAt", "createdAt") or "",
        )

    return max(versions, key=rank)
