"""A run that hosts a model, and ends: `model_run.py ADDRESS INTERPRETER normal|error|interrupt|kill|detached`."""

import sys
import time

import ray

from reward_fn import OpenaiLLM
from reward_fn.hosting.models.attach import attach_models, make_models
from reward_fn.hosting.models.settings import ModelSettings

if __name__ == "__main__":
    _, address, interpreter, how = sys.argv
    ray.init(address=address, log_to_driver=False)
    settings = ModelSettings(path="/models/judge", python=interpreter, num_gpus=0, detached=how == "detached")
    attach_models({"judge": settings})
    make_models()
    print(OpenaiLLM(model="judge", hosted=True).simple_chat("who"), flush=True)
    if how == "error":
        raise ValueError("the run broke")
    if how in ("interrupt", "kill"):
        time.sleep(60)
