"""The form in which two texts are the same revision: what only a typesetter would notice is gone."""

import re
import unicodedata

_DOUBLED = re.compile(r"``|''")
_MARKS = str.maketrans(
    dict.fromkeys("‘’‚‛′`´ʼ‹›", "'")
    | dict.fromkeys("“”„‟″«»", '"')
    | dict.fromkeys("‐‑‒–—―−", "-")
    | dict.fromkeys(map(chr, (0xAD, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF)), "")
)


def canonical(text: str) -> str:
    """The text without blanks, case, and kinds of quotation marks and dashes; equal for equal revisions.

    Marks themselves stay, because a quotation gained or lost is an edit. Two revisions whose canonical forms are
    equal are one revision.

    >>> canonical("It’s “over” – now.Next") == canonical('It\\'s "over" - now. Next')
    True
    """
    text = text.replace("\\n", " ")
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    text = text.casefold()
    if "``" in text or "''" in text:
        text = _DOUBLED.sub('"', text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_MARKS)
    return "".join(text.replace("`", "'").split())
