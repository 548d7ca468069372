"""The rollout server without Ray: batching, weights that wait, errors that reach callers, abort and shutdown."""

import asyncio
import copy
from threading import Event
from types import SimpleNamespace

import pytest

from rm_train.cpu import server as server_module
from rm_train.cpu.server import RolloutServer

EOS = 1
SAMPLING = {"temperature": 1.0, "top_k": -1, "top_p": 1.0, "repetition_penalty": 1.0, "logprobs": True}


@pytest.fixture
def make(llama, monkeypatch):
    """Make a server of the tiny model; its generator notes the sizes of its batches."""
    monkeypatch.setenv("RM_TRAIN_CPU_THREADS", "1")
    monkeypatch.setattr(server_module, "omega_conf_to_dataclass", lambda config: config)
    monkeypatch.setattr(
        server_module.AutoModelForCausalLM, "from_pretrained", lambda *args, **kwargs: copy.deepcopy(llama)
    )
    tokenizer = SimpleNamespace(eos_token_id=EOS)
    model_config = SimpleNamespace(local_path="", trust_remote_code=False, tokenizer=tokenizer)

    def call(**options):
        settings = {
            "seed": 0,
            "max_num_seqs": 64,
            "max_num_batched_tokens": 8192,
            "max_model_len": None,
            "prompt_length": 16,
            "response_length": 24,
            "ignore_eos": True,
        }
        made = RolloutServer(SimpleNamespace(**{**settings, **options}), model_config, replica_rank=0)
        sizes, generate = [], made._generator.generate

        def noting(requests, abort):
            sizes.append(len(requests))
            return generate(requests, abort)

        made._generator.generate = noting
        return made, sizes

    return call


def ask(server, prompt=(5, 6, 7), **sampling):
    return server.generate(prompt_ids=list(prompt), sampling_params={**SAMPLING, **sampling}, request_id="r")


def run(scenario):
    return asyncio.run(asyncio.wait_for(scenario, timeout=60))


def test_requests_of_a_step_make_one_batch(make):
    async def scenario():
        server, sizes = make()
        await server.start()
        outputs = await asyncio.gather(*(ask(server, logprobs=i % 2 == 0) for i in range(40)))
        await server.shutdown()
        return outputs, sizes

    outputs, sizes = run(scenario())
    assert sizes == [40]
    assert all(len(output.token_ids) == 24 and output.stop_reason == "length" for output in outputs)
    assert [output.log_probs is None for output in outputs] == [False, True] * 20
    assert len({tuple(output.token_ids) for output in outputs}) > 30


def test_batches_have_a_limit(make):
    async def scenario():
        server, sizes = make(max_num_seqs=16)
        await server.start()
        await asyncio.gather(*(ask(server) for _ in range(40)))
        await server.shutdown()
        return sizes

    assert run(scenario()) == [16, 16, 8]


def test_new_weights_wait_for_the_running_batch(make):
    async def scenario():
        server, _ = make()
        await server.start()
        running, finish, generate = Event(), Event(), server._generator.generate

        def slow(requests, abort):
            running.set()
            assert finish.wait(30)
            return generate(requests, abort)

        server._generator.generate = slow
        targets = server._weights._targets
        before = {name: tensor.clone() for name, tensor in targets.items()}
        old = asyncio.create_task(ask(server))
        await asyncio.to_thread(running.wait, 30)
        new = [(name, tensor + 1) for name, tensor in before.items()]
        loading = asyncio.create_task(server.load_weights(new, first=True, last=True, version=7))
        await asyncio.sleep(0.1)
        assert not loading.done()
        assert all(targets[name].equal(tensor) for name, tensor in before.items())
        finish.set()
        await loading
        assert all(targets[name].equal(tensor) for name, tensor in new)
        return await old, await ask(server)

    old, new = run(scenario())
    assert old.extra_fields["global_steps"] is None
    assert new.extra_fields["global_steps"] == 7


def test_errors_reach_every_caller_and_the_server_goes_on(make):
    async def scenario():
        server, _ = make()
        await server.start()
        generate = server._generator.generate

        def broken(requests, abort):
            server._generator.generate = generate
            raise MemoryError("the batch was too large")

        server._generator.generate = broken
        failed = await asyncio.gather(*(ask(server) for _ in range(5)), return_exceptions=True)
        return failed, await ask(server)

    failed, answer = run(scenario())
    assert [repr(error) for error in failed] == ["MemoryError('the batch was too large')"] * 5
    assert len(answer.token_ids) == 24


def test_requests_that_cannot_be_served_are_refused(make):
    async def scenario():
        server, sizes = make()
        await server.start()
        with pytest.raises(ValueError, match="leaves no room"):
            await ask(server, prompt=range(2, 42))
        with pytest.raises(ValueError, match="repetition_penalty"):
            await ask(server, repetition_penalty=1.1)
        with pytest.raises(ValueError, match="text only"):
            await server.generate([1], SAMPLING, "r", image_data=["x"])
        assert sizes == []
        return await ask(server, prompt=range(2, 32))

    assert len(run(scenario()).token_ids) == 40 - 30


def test_abort_ends_requests_and_holds_later_ones_until_resumed(make):
    async def scenario():
        server, sizes = make(response_length=5000, max_num_seqs=2)
        await server.start()
        asked = [asyncio.create_task(ask(server)) for _ in range(3)]
        while not sizes:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.2)
        await server.abort_all_requests()
        aborted = await asyncio.gather(*asked)
        later = asyncio.create_task(ask(server, max_tokens=3))
        await asyncio.sleep(0.1)
        held = not later.done()
        await server.resume_generation()
        return aborted, held, await later

    aborted, held, later = run(scenario())
    assert [output.stop_reason for output in aborted] == ["aborted"] * 3
    assert 0 < len(aborted[0].token_ids) < 5000
    assert aborted[2].token_ids == []
    assert held
    assert (later.stop_reason, len(later.token_ids)) == ("length", 3)


def test_shutdown_turns_requests_away(make):
    async def scenario():
        server, _ = make()
        await server.start()
        await ask(server)
        await server.shutdown()
        with pytest.raises(RuntimeError, match="turns requests away"):
            await ask(server)

    run(scenario())
