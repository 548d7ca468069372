"""Rows of pairs in the exact form of their authors, and how to prepare files of them."""

import json

from rm_train.data import PrepareSettings, prepare
from tests.data.preferences import rmb
from tests.data.ratings import read_rows


def helpsteer2_preference(number=0, **changes):
    return {
        "split": "val" if number % 5 == 0 else "train",
        "prompt": f"question {number}?",
        "response_1": f"first answer {number}",
        "response_2": f"second answer {number}",
        "preference_strength": number % 7 - 3,
        "preference_statement": "@Response 2 is better than @Response 1.",
        "preference_elaboration": "It names both bodies.",
        "three_most_similar_preferences": [{"statement": "@Response 2 is better.", "elaboration": "", "strength": 2}],
        "all_preferences_unprocessed": [{"strength": -100, "justification": "neither is valid"}],
        **changes,
    }


def helpsteer3(number=0, **changes):
    return {
        "domain": "code",
        "language": "python",
        "context": [
            {"role": "user", "content": f"question {number}?"},
            {"role": "assistant", "content": "Which way?"},
            {"role": "user", "content": "Upwards."},
        ],
        "response1": f"first answer {number}",
        "response2": f"second answer {number}",
        "overall_preference": number % 7 - 3,
        "individual_preference": [{"score": -3, "reasoning": "a", "feedback1": "b", "feedback2": "c"}],
        **changes,
    }


def rmb_pair(number=0, **changes):
    turns = [{"role": "user", "content": f"question {number}?", "language": "English"}]
    answers = {"chosen": {"answer": f"good answer {number}"}, "reject": {"answer": f"bad answer {number}"}}
    return rmb(**{"conversation_input": turns, **answers, **changes})


def chosen_rejected(number=0, **changes):
    return {
        "prompt": f"question {number}?",
        "chosen": f"good answer {number}",
        "rejected": f"bad answer {number}",
        **changes,
    }


def ultrafeedback(number=0, **changes):
    """A row of UltraFeedback's binarized form: both lists repeat the prompt, and `messages` is the chosen one."""
    asked = {"role": "user", "content": f"question {number}?"}
    chosen = [asked, {"role": "assistant", "content": f"good answer {number}"}]
    return {
        "prompt": asked["content"],
        "prompt_id": f"{number:x}",
        "chosen": chosen,
        "rejected": [asked, {"role": "assistant", "content": f"bad answer {number}"}],
        "messages": chosen,
        "score_chosen": 8.5,
        "score_rejected": 3,
        **changes,
    }


MAKERS = {
    "helpsteer2_preference": helpsteer2_preference,
    "helpsteer3": helpsteer3,
    "rmb_pairs": rmb_pair,
    "chosen_rejected": chosen_rejected,
}
"""Data set -> what makes a good row of a number."""


def prepare_pairs(dataset, path, out_dir, **settings):
    return prepare(PrepareSettings(dataset, out_dir, path, **{"val_fraction": 0.3, **settings}))


def all_rows(prepared):
    return [*read_rows(prepared.train), *read_rows(prepared.validation)]


def pairs_of(rows):
    """Return rows two by two, as they stand."""
    return list(zip(rows[::2], rows[1::2], strict=True))


def swapped_row(row):
    """Return what a row must be when its answers have changed places; its number and its prompt aside."""
    extra = row["extra_info"]
    facts = json.loads(extra["facts"]) if extra["facts"] else None
    return {
        "truth": {"A": "B", "B": "A", "tie": "tie"}[row["reward_model"]["ground_truth"]],
        "strength": None if extra["strength"] is None else -extra["strength"],
        "scores": (extra["score_b"], extra["score_a"]),
        "lengths": (extra["length_b"], extra["length_a"]),
        "facts": facts and {"A": facts["B"], "B": facts["A"]},
        "conversation": json.loads(extra["conversation"]),
        "answers": json.loads(extra["answers"])[::-1],
    }


def seen_row(row):
    """Return the same of a row as it is."""
    extra = row["extra_info"]
    return {
        "truth": row["reward_model"]["ground_truth"],
        "strength": extra["strength"],
        "scores": (extra["score_a"], extra["score_b"]),
        "lengths": (extra["length_a"], extra["length_b"]),
        "facts": json.loads(extra["facts"]) if extra["facts"] else None,
        "conversation": json.loads(extra["conversation"]),
        "answers": json.loads(extra["answers"]),
    }
