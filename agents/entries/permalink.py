"""URLs as names: without what only tracks, with the fragment that tells one post from the next."""

import re
from urllib.parse import urlsplit, urlunsplit

_TRACKING = re.compile(
    r"(?:utm_\w+|fbclid|gclid|dclid|msclkid|igshid|mc_[ce]id|cmp|cmpid|ocid|ref|ref_src|referrer|source|smid|smtyp|"
    r"at_\w+|ito|taid|guccounter|_ga|s|xtor|ns_\w+|intcmp|icid|sh|share|__twitter_impression)=",
    re.IGNORECASE,
)


def permalink(url: str) -> str:
    """The URL without tracking parameters, host in lower case. What cannot be parsed stays as it is.

    >>> permalink("https://News.example/live/1?utm_source=x&page=2#block-7")
    'https://news.example/live/1?page=2#block-7'
    """
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return url.strip()
    query = "&".join(one for one in parts.query.split("&") if one and not _TRACKING.match(one))
    return urlunsplit((parts.scheme.lower(), parts.netloc.lower(), parts.path, query, parts.fragment))


def same_page(url: str | None, page: str | None) -> bool:
    """Whether a post's URL is merely its page's and so names nothing."""
    return not url or (page is not None and permalink(url) == permalink(page))


def is_url(name: str) -> bool:
    """Whether a name is a web address."""
    return name.startswith(("http://", "https://"))
