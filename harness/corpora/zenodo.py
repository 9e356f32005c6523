"""Zenodo's REST API: the files of a record, with the rights that the environment's tokens give.

A personal token of an account that was granted access goes into a header; the token of a share
link into the query, as InvenioRDM reads it. A record without rights has no list of files.
"""

import os
import re
from fnmatch import fnmatch
from urllib.parse import parse_qs, quote, urlsplit

from pydantic import BaseModel, Field, ValidationError

from harness.corpora.partial import Remote
from harness.corpora.transport import Client, Token
from harness.errors import AccessError, CorpusError

API = "https://zenodo.org/api"
ADDRESS = r"^https?://[\w.:-]+(/[\w.-]+)*$"
BEARER = "ZENODO_TOKEN"


class _File(BaseModel):
    key: str
    size: int = Field(ge=0)
    checksum: str = Field(pattern="^(md5:[0-9a-fA-F]{32}|sha256:[0-9a-fA-F]{64})$")


class _Record(BaseModel):
    files: list[_File] = []


def client(api: str, link: str | None = None) -> Client:
    """A client with the tokens in the environment: ZENODO_TOKEN, and `link` names another."""
    bearer, shared = _token(BEARER), _token(link) if link else ""
    return Client(Token(urlsplit(api).netloc, bearer, shared))


def files(client: Client, api: str, record: str, patterns: list[str], remedy: str) -> list[Remote]:
    """The files of a record whose names fit one of `patterns` (*, ?), sorted by name.

    Raises AccessError ending in `remedy` where there are no rights, CorpusError where nothing fits.
    """
    url = f"{api}/records/{record}"
    try:
        node = client.json(url)
        listed = _Record.model_validate(node).files
    except AccessError as error:
        raise AccessError(f"{url} answers {error.status}; {remedy}", error.status) from None
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise CorpusError(
            f"{url} answers with no Zenodo record (at '{place}'); correct corpus.api and the record"
        ) from None
    if not listed:
        raise AccessError(f"{url} lists no files, so there are no rights; {remedy}", 403)
    chosen = [f for f in listed if any(fnmatch(f.key, pattern) for pattern in patterns)]
    if not chosen:
        names = ", ".join(f.key for f in listed)
        raise CorpusError(f"{url} has only {names}; correct corpus.files")
    return [
        Remote(f.key, f"{url}/files/{quote(f.key, safe='')}/content", f.size, f.checksum)
        for f in sorted(chosen, key=lambda f: f.key)
    ]


def _token(variable: str) -> str:
    value = os.environ.get(variable, "").strip()
    if "token=" in value:  # the share link as a whole
        value = parse_qs(urlsplit(value).query).get("token", [""])[0]
    if not re.fullmatch(r"[\w.~+/=-]*", value, re.ASCII):
        raise CorpusError(f"{variable} holds characters that no token has; copy it again")
    return value
