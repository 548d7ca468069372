"""The exception that ended a process, found in its log.

An error in a Ray worker arrives as one exception inside another, the innermost last, among lines that Ray forwards from
other workers before and after it.
"""

from __future__ import annotations

import re

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_FORWARDED = re.compile(r"\((?:raylet|autoscaler|gcs_server|(?:[^()]* )?pid=\d+[^()]*)\)")
"""How a line begins that Ray copies from another process; a worker's error comes in the driver's traceback too."""
_CARETS = re.compile(r"\s+[~^]+\s*")
"""Python's marks under a line of source; Ray leaves them where it hides the line."""
_BESIDE = re.compile(r"Exception (?:ignored in|in thread).*\n(?:Traceback.*\n(?:[ \t].*\n)*.*\n?)?", re.MULTILINE)
"""An exception that does not end a process."""
_HEAD = re.compile(r"Traceback \(most recent call last\)|(?:^|: |, )ray::\S+\(\) \(pid=")
_LOGGED = re.compile(r"\[?\d{4}-\d\d-\d\d|(?:DEBUG|INFO|WARNING|ERROR)\b|\S+:\d+: \w*Warning: |\*\*\* ")
"""How lines begin that are no part of an exception's message."""
_LINKS = {
    "The above exception was the direct cause of the following exception:": "caused by",
    "During handling of the above exception, another exception occurred:": "while handling",
}
_FRAME_LINES, _MESSAGE_LINES = 6, 12


def last_error(log: str, lines: int = 15) -> str:
    """Return the innermost exception of the last traceback, with its last frames and its causes.

    Args:
        log: What the process has written.
        lines: How many of the last lines to return instead, when there is no traceback.
    """
    # A progress bar writes its line again and again.
    shown = [line.rpartition("\r")[2] for line in _ANSI.sub("", log).replace("\r\n", "\n").split("\n")]
    own = [line for line in shown if not _FORWARDED.match(line) and not _CARETS.fullmatch(line)]
    own = _BESIDE.sub("", "\n".join(own)).split("\n")
    heads = [number for number, line in enumerate(own) if _HEAD.search(line)]
    if not heads:
        return "\n".join([line for line in shown if line.strip()][-lines:])
    frames, message = _parts(own[heads[-1] + 1 :])
    return "\n".join([*frames[-_FRAME_LINES:], *message[:_MESSAGE_LINES], *_causes(own, heads)])


def _parts(lines: list[str]) -> tuple[list[str], list[str]]:
    """Return the frames that follow a head, and the lines of the exception after them."""
    start = next((number for number, line in enumerate(lines) if line.strip() and not line[0].isspace()), len(lines))
    message = lines[start : start + 1]
    for line in lines[start + 1 :]:
        if _LOGGED.match(line) or line in _LINKS:
            break
        message.append(line)
    return lines[:start], "\n".join(message).rstrip().split("\n")


def _causes(lines: list[str], heads: list[int]) -> list[str]:
    """Return the first line of each exception that led to the last one, the nearest first."""
    causes = []
    for before, head in zip(reversed(heads[:-1]), reversed(heads[1:]), strict=True):
        link = next((_LINKS[line] for line in lines[before + 1 : head] if line in _LINKS), None)
        if link is None:
            break
        causes.append(f"{link} {_parts(lines[before + 1 : head])[1][0]}")
    return causes
