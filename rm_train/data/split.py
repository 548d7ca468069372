"""Which side a row belongs to, decided by its prompt alone.

Rows of one prompt never fall on both sides. In `side_of` a prompt also keeps its side when rows are added, as nothing
but its own text is looked at; `split_samples` makes two parts of a wanted size.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Sequence

from reward_fn.judges.verdict_text import Message
from reward_fn.schema import DataSample
from rm_train.data.hashing import hash64
from rm_train.data.settings import Side

_KEYS = 1 << 64


def prompt_key(conversation: Sequence[Message]) -> int:
    """Return 64 bits that stand for a conversation, whatever its letter case, white space and Unicode form."""
    return hash64("\0".join(part for turn in conversation for part in (turn["role"], _normal(turn["content"]))))


def side_of(key: int, val_fraction: float) -> Side:
    """Return the side of a prompt; `val_fraction` of all prompts, in (0, 1), are held out."""
    return "validation" if key < val_fraction * _KEYS else "train"


def sample_key(sample: DataSample) -> int:
    """Return the `prompt_key` of a sample's conversation; a turn that is no text counts as it is printed."""
    return prompt_key([{"role": str(turn.role), "content": str(turn.content)} for turn in sample.input])


def split_samples(
    samples: Sequence[DataSample], ratio: float = 0.1, seed: int = 0
) -> tuple[list[DataSample], list[DataSample]]:
    """Return samples to learn from and samples to test on; each sample is in one of the two, in an order of the seed's.

    All samples of a prompt are on one side, so what is learned is not tested on prompts that were seen. The first side
    therefore has `ratio` of the samples where each has its own prompt, and else what whole prompts fill of it. No side
    is empty: at the least, the first one gets the prompt with the fewest samples. Only where all samples have the same
    prompt, or none, are they divided one by one; and a single sample is one to test on.

    Args:
        samples: The samples.
        ratio: The share of the first side, in (0, 1): 100 samples become 10 to learn from and 90 to test on.
        seed: Another seed draws other prompts.

    Raises:
        ValueError: The ratio is no share.
    """
    if not 0 < ratio < 1:
        raise ValueError(f"ratio={ratio}: write a share between 0 and 1, such as 0.1")
    prompts: dict[str, list[DataSample]] = defaultdict(list)
    for sample in samples:
        prompts[str(sample_key(sample))].append(sample)
    if len(prompts) == 1:
        prompts = {str(place): [sample] for place, sample in enumerate(samples)}
    groups = [prompts[key] for key in sorted(prompts, key=lambda key: hash64(f"{seed}:{key}"))]
    wanted = min(round(ratio * len(samples)), len(samples) - 1)
    train: list[DataSample] = []
    test: list[DataSample] = []
    for group in groups:
        (train if len(train) + len(group) <= wanted else test).extend(group)
    if not train and len(groups) > 1:
        train = min(groups, key=len)
        test = [sample for group in groups if group is not train for sample in group]
    return train, test


def _normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
