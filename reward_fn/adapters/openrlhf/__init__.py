"""Rewards for OpenRLHF: as the `reward_func` of a file that it loads, and behind its HTTP protocol for rewards.

    from reward_fn.adapters.openrlhf import reward_func_of
    reward_func = reward_func_of("/data/mix.yaml")

`rm-train serve` is the server. OpenRLHF is not imported; its protocol is that of 0.11.
"""

from reward_fn.adapters.openrlhf.function import reward_func_of

__all__ = ["reward_func_of"]
