"""HelpSteer3's preferences (nvidia/HelpSteer3, CC-BY-4.0): general, STEM, code and multilingual conversations.

The preference of a row is what its people agreed on; what each of them wrote is not read.
"""

from __future__ import annotations

from rm_train.data.converters.chat import read_conversation
from rm_train.data.converters.pair import Pair, by_strength
from rm_train.data.fields import Fields


def convert(row: Fields) -> Pair:
    """Convert one row; only the fields that are used are checked: context, both responses and the preference.

    Raises:
        RowProblem: One of them cannot be used.
    """
    answers = row.text("response1"), row.text("response2")
    return by_strength(row, "overall_preference", read_conversation(row, "context"), answers)
