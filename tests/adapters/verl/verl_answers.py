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


def rows(tokenizer, *answers, ground_truth="4", group=1):
    """Answers as verl's rollouts hand them over, padded to one length: as many to each prompt as `group` says.

    A ground truth is for all or for each.
    """
    ids = [tokenizer.convert_tokens_to_ids(answer.split()) for answer in answers]
    pad = tokenizer.pad_token_id
    responses = torch.tensor([one + [pad] * (LONGEST - len(one)) for one in ids])
    mask = torch.tensor([[1] * len(one) + [0] * (LONGEST - len(one)) for one in ids])
    prompts = torch.full((len(ids), 2), 7)
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
                "attention_mask": torch.cat([torch.ones_like(prompts), mask], dim=1),
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
