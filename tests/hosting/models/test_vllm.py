"""A model hosted by vLLM as it is, on the CPU: the one engine that the other tests only stand in for."""

import os
from pathlib import Path

import psutil
import pytest
import ray

from reward_fn import ChatMessage, DataOutput, DataSample, OpenaiLLM, RewardRegistry, Step
from reward_fn.hosting.models import attach
from reward_fn.hosting.models.attach import attach_models
from reward_fn.hosting.models.settings import ModelSettings
from reward_fn.judges.llm.hosted import use_models
from reward_fn.schema import FailureKind, RewardError
from rm_train.launch.config import compose_config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
CACHE = Path(os.environ.get("RM_TRAIN_CACHE", Path.home() / ".cache" / "rm-train"))
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_HOST_IP": "127.0.0.1",
    "GLOO_SOCKET_IFNAME": "lo",
}


@pytest.fixture
def llm():
    folder = Path(compose_config("pointwise", ["base_model=smollm2"]).base_model_path)
    ready = list(CACHE.glob("vllm-cpu-*/ready"))
    if not ready or not folder.exists():
        pytest.skip("scripts/serve_small_model.sh, once, makes the model and vLLM's environment")
    ray.init("local", num_cpus=2, log_to_driver=False)
    settings = ModelSettings(
        path=str(folder),
        num_gpus=0,
        num_cpus=2,
        python=ready[0].parent / "bin" / "python",
        arguments=["--max-model-len", "4096", "--dtype", "bfloat16", "--enforce-eager"],
        environment=ENVIRONMENT,
    )
    attach_models({"judge": settings})
    yield OpenaiLLM(model="judge", hosted=True, temperature=0.0, max_tokens=300)
    processes = psutil.Process(os.getpid()).children(recursive=True)
    attach._models.pop("judge")
    use_models(None)
    ray.shutdown()
    _, left = psutil.wait_procs(processes, timeout=30)
    assert not left
    assert not [one for one in psutil.process_iter(["cmdline"]) if str(folder) in (one.info["cmdline"] or [])]


def test_judges_by_a_model_that_vllm_hosts(llm):
    sample = DataSample(
        input=[ChatMessage(content="What is the capital of France?")],
        output=[DataOutput(answer=Step(content="Paris.")), DataOutput(answer=Step(content="I like bananas."))],
    )
    reward = RewardRegistry.get("factuality_listwise_reward")(llm=llm)
    results = reward.score_batch([sample] * 8)
    assert all(result.score in (0, 1) for one in results for result in one)
    assert llm.takes_schemas and llm.usage.most_in_flight == 8
    with pytest.raises(RewardError) as caught:
        llm.simple_chat("x " * 9000)
    assert caught.value.failure.kind is FailureKind.REJECTED
    status = ray.get(ray.get_actor("reward_fn model judge").status.remote())
    assert (status["engine"], status["replicas_ready"]) == ("vllm", 1)
