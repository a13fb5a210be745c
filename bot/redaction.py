"""Takes secrets and personal data out of text that others wrote, before people see it. Pure.

What is found gives way to `[secret]`, `[email]`, `[card]` or `[ip]`. It errs towards taking out: a line of a log is
read by a whole channel. Private IP addresses stay, since they say which task or database is meant, and so do 32
hexadecimal digits by themselves, which are the ids of tasks and traces.

Every pattern takes time linear in the text: repetitions are bounded or possessive, and none begins inside a word that
an earlier try has read already.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address

SECRET, EMAIL, CARD, IP = "[secret]", "[email]", "[card]", "[ip]"
_ROUNDS = 4  # what gives way may uncover a neighbour: `token=` before a mark, say

# fmt: off
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r".*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)", re.DOTALL,
)
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids, and vendors' own
_KNOWN = re.compile(
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}|\b(?:"
    r"xox[a-z]{1,3}-[\w-]{6,}+|xapp-[\w-]{6,}+"
    r"|gh[a-z]_\w{10,}+|github_pat_\w{10,}+|glpat-[\w-]{10,}+|npm_\w{20,}+"
    r"|[sr]k_(?:live|test)_\w{8,}+|sk-[\w-]{16,}+|AIza[\w-]{30,}+"
    r"|eyJ[\w-]{8,}+(?:\.[\w-]*+){0,4}"
    r")|(?<=hooks\.slack\.com/services/)(?!\[)[\w/-]{6,}+"
)
_IN_URL = re.compile(r"(?<=://)(?!\[secret\]@)[^\s/:@]{0,128}:[^\s/]{1,256}@")
_SCHEME = re.compile(r"""(?i)\b(Bearer|Basic|Digest|Negotiate)(\s{1,4})(?!\[secret\])[^\s,;"'\\\]}]{6,}+""")
_COOKIES = re.compile(r"""(?i)\b((?:set-)?cookie["']?\s{0,4}[:=]\s{0,4}+["']?+)(?!\[secret\])[^\r\n"']{1,}+""")
_NAMED = re.compile(
    r"(?i)((?:pass(?:word|wd|phrase)|(?<![a-z])pwd|secret|token(?!s)|api[_-]?key|access[_-]?key(?![_-]?id)|private[_-]?key"
    r"|credential|signature|session[_-]?id|(?<![a-z])sid|authorization|(?<![a-z])otp)"
    r"[\w.-]{0,24}?\\?[\"']?\s{0,4}(?:=>|[:=])\s{0,4})"
    r"(?:(\\?\")((?!\[secret\])[^\"\\\r\n]{1,})|(')((?!\[secret\])[^'\\\r\n]{1,})"
    r"|(?!\[secret\]|\\?[\"']|(?:Bearer|Basic|Digest|Negotiate)\b)[^\s,;&\"'\\)}\]]{2,}+)"
)
_HEX = re.compile(r"(?<![\w+/-])(?<!sha256:)(?:[0-9a-f]{33,}+|[0-9A-F]{33,}+)(?![\w+/-])")
_BASE64 = re.compile(r"(?<![\w+/-])[A-Za-z0-9+/_-]{40,}+={0,2}")
_ADDRESS = re.compile(r"[\w.%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9-])")
_DIGITS = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])")
# fmt: on


def redacted(text: str) -> str:
    """The text without what looks like a secret, an e-mail or public IP address, or a card number.

    What was redacted before stays as it is.
    """
    for _ in range(_ROUNDS):
        before, text = text, _once(text)
        if text == before:
            break
    return text


def _once(text: str) -> str:
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def _named(found: re.Match[str]) -> str:
    """The name and an opening quote stay; the closing quote was not taken."""
    return f"{found[1]}{found[2] or found[4] or ''}{SECRET}"


def _base64(found: re.Match[str]) -> str:
    """Paths and long names are as long as keys, but seldom mix capitals, small letters and digits."""
    text = found[0]
    mixed = any(c.isupper() for c in text) and any(c.islower() for c in text) and any(c.isdigit() for c in text)
    is_path = text.count("/") > 3 and max(map(len, text.split("/"))) < 24
    return SECRET if mixed and not is_path else text


def _card(found: re.Match[str]) -> str:
    digits = [int(c) for c in found[0] if c.isdigit()]
    doubled = [sum(divmod(2 * d, 10)) for d in digits[-2::-2]]
    return CARD if len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 else found[0]


def _ip(found: re.Match[str]) -> str:
    try:
        return IP if ip_address(found[0]).is_global else found[0]
    except ValueError:  # a version, a time of day
        return found[0]


_RULES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (_PRIVATE_KEY, SECRET),
    (_IN_URL, f"{SECRET}@"),
    (_SCHEME, rf"\1\2{SECRET}"),
    (_COOKIES, rf"\1{SECRET}"),
    (_NAMED, _named),
    (_KNOWN, SECRET),
    (_ADDRESS, EMAIL),
    (_HEX, SECRET),
    (_BASE64, _base64),
    (_DIGITS, _card),
    (_IPV4, _ip),
    (_IPV6, _ip),
)
