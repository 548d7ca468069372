r"""RRM's form: `\boxed{Assistant 1}` or `\boxed{Assistant 2}` (arXiv 2505.14674); there are no ties."""

from __future__ import annotations

from collections.abc import Sequence

from reward_fn.judges.forms.ends import only_box
from reward_fn.judges.forms.form import Form
from reward_fn.judges.pairwise import PairwiseVerdict, Preference
from reward_fn.judges.verdict_text import Message, asked, sections, unparseable
from reward_fn.schema import Failure

_VERDICTS: dict[str, Preference] = {"Assistant 1": "A", "Assistant 2": "B"}
_NAMES = {preference: name for name, preference in _VERDICTS.items()}


def messages(conversation: Sequence[Message], answers: Sequence[str]) -> list[Message]:
    """Ask which of two assistants answered better."""
    return asked(
        "Which assistant answered better? What counts is whether the answer follows the instruction, and is helpful, "
        "right and harmless. Neither the order of the answers nor their length is a merit.",
        sections(conversation, assistant_1=answers[0], assistant_2=answers[1]),
        r"Analyse step by step, and end with \boxed{Assistant 1} or \boxed{Assistant 2}.",
    )


def parse(text: str) -> PairwiseVerdict | Failure:
    """Read the only box, which names an assistant and nothing else."""
    found = only_box(text)
    if isinstance(found, Failure):
        return found
    reason, name = found
    if name not in _VERDICTS:
        return unparseable("the box holds neither Assistant 1 nor Assistant 2")
    return PairwiseVerdict(_VERDICTS[name], reason)


def write(verdict: PairwiseVerdict) -> str:
    """Write a verdict; a tie cannot be written."""
    return f"{verdict.reason}\n\\boxed{{{_NAMES[verdict.preference]}}}"


FORM = Form(answers=2, ask=messages, parse=parse, write=write)
