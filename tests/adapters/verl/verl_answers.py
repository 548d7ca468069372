"""Answers as verl's rollouts hand them to reward workers."""

import numpy as np
import torch
from tensordict import TensorDict
from verl import DataProto

LONGEST = 6
MANAGER = [
    "reward.reward_manager.source=importlib",
    "reward.reward_manager.name=GalleryRewardManager",
    "reward.reward_manager.module.path=pkg://reward_fn.adapters.verl",
]


def rows(tokenizer, *answers, ground_truth="4", group=1, prompt="the the", padded="left"):
    """Answers as verl's rollouts hand them over, padded to one length: as many to each prompt as `group` says.

    A ground truth is for all or for each. The rendered prompt is that of all.
    """
    ids = [tokenizer.encode(answer, add_special_tokens=False) for answer in answers]
    pad, longest = tokenizer.pad_token_id, max(LONGEST, *map(len, ids))
    responses = torch.tensor([one + [pad] * (longest - len(one)) for one in ids])
    mask = torch.tensor([[1] * len(one) + [0] * (longest - len(one)) for one in ids])
    asked = torch.tensor([tokenizer.encode(prompt, add_special_tokens=False)] * len(ids))
    padding = torch.full((len(ids), 20), pad)
    sides = [padding, asked] if padded == "left" else [asked, padding]
    prompts = torch.cat(sides, dim=1)
    prompt_mask = torch.cat([torch.full_like(side, int(side is asked)) for side in sides], dim=1)
    truths = ground_truth if isinstance(ground_truth, list) else [ground_truth] * len(ids)

    def column(values):
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array

    return DataProto(
        batch=TensorDict(
            {
                "prompts": prompts,
                "responses": responses,
                "attention_mask": torch.cat([prompt_mask, mask], dim=1),
            },
            batch_size=len(ids),
        ),
        non_tensor_batch={
            "data_source": column(["sums"] * len(ids)),
            "reward_model": column([{"style": "rule", "ground_truth": truth} for truth in truths]),
            "extra_info": column([{"index": index} for index in range(len(ids))]),
            "raw_prompt": column([[{"role": "user", "content": f"sum {index // group}"}] for index in range(len(ids))]),
            "uid": column([f"u{index // group}" for index in range(len(ids))]),
            "session_id": column([index % group for index in range(len(ids))]),
            "global_steps": column([3] * len(ids)),
        },
    )
