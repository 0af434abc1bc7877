"""Words of others, harmless in Slack: escaped exactly once, never read as formatting, cut within its limits.

Foreign words stand in `plain_text` objects, which show them as they are; `struck` is the one exception. Lengths are
UTF-16 units, the larger way to count, because Slack does not say which it means.
"""

import re
from urllib.parse import quote, urlsplit

from agents.delivery.wording import one_line

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_COST = {"&": 5, "<": 4, ">": 4}
_GROUP = re.compile(r"@(?=channel|here|everyone|group)", re.IGNORECASE)
_JOINER = "@\u2060"  # an unseen word joiner: nobody is called
_EMOJI = re.compile(r":(?=[A-Za-z0-9_+'-]{1,100}:)")
_LOOKALIKES = str.maketrans({"*": "∗", "_": "ˍ", "~": "∼", "`": "ˋ"})
_URL_MAX = 2000
_URL = re.compile(r"https?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.IGNORECASE)


def length(text: str) -> int:
    """UTF-16 units of a text without lone surrogates."""
    return len(text.encode("utf-16-le")) // 2


def fit(text: str, limit: int) -> str:
    """Foreign words on one line, escaped, at most `limit` long after that; what is missing is an ellipsis.

    >>> fit("<!channel> R&D", 40)
    '&lt;!channel&gt; R&amp;D'
    >>> fit("a & b & c", 8)
    'a &amp;…'
    """
    line = _GROUP.sub(_JOINER, one_line(text, limit))
    escaped = line.translate(_ENTITIES)
    if length(escaped) <= limit:
        return escaped
    room, end = limit - 1, 0
    for char in line:
        room -= _COST.get(char, 2 if char > "\uffff" else 1)
        if room < 0:
            break
        end += 1
    return line[:end].rstrip().translate(_ENTITIES) + "…"


def struck(text: str, limit: int) -> str:
    """Foreign words struck through, as `mrkdwn`; empty if there are none.

    Marks of formatting become letters that look like them: where a parser sees a word end, its makers do not say.
    """
    words = fit(text, limit - 2).translate(_LOOKALIKES)
    words = _EMOJI.sub("∶", words)
    return f"~{words}~" if words else ""


def link(url: str | None, words: str) -> str | None:
    """A link with words of our own as `mrkdwn`; None if the address is not plainly one of the web.

    >>> link("https://news.example/a?b=1&c=2", "source")
    '<https://news.example/a?b=1&amp;c=2|source>'
    >>> link("https://bank.example|evil", "source") is None
    True
    """
    if not url or len(url) > _URL_MAX or not url.isprintable():
        return None
    encoded = "".join(char if char.isascii() else quote(char, safe="") for char in url)
    if len(encoded) > _URL_MAX or _URL.fullmatch(encoded) is None:
        return None
    try:
        parts = urlsplit(url)
        is_web = bool(parts.hostname) and parts.netloc.isascii() and "@" not in parts.netloc
    except ValueError:  # a port or an address in brackets that is none
        return None
    return f"<{encoded.translate(_ENTITIES)}|{words}>" if is_web else None
