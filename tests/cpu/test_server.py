"""The rollout server without Ray: joining, weights that wait, errors that reach callers, abort and shutdown."""

import asyncio
import copy
from threading import Event
from types import SimpleNamespace

import pytest
import torch

from rm_train.cpu import server as server_module
from rm_train.cpu.server import RolloutServer

EOS = 1
SAMPLING = {"temperature": 1.0, "top_k": -1, "top_p": 1.0, "repetition_penalty": 1.0, "logprobs": True}


@pytest.fixture
def make(llama, monkeypatch):
    """Make a server of the tiny model; its generator notes how many sequences join at once."""
    monkeypatch.setenv("RM_TRAIN_CPU_THREADS", "1")
    monkeypatch.setattr(server_module, "omega_conf_to_dataclass", lambda config: config)
    monkeypatch.setattr(
        server_module.AutoModelForCausalLM, "from_pretrained", lambda *args, **kwargs: copy.deepcopy(llama)
    )
    decode = lambda tokens: "".join(chr(48 + token) for token in tokens)  # noqa: E731
    tokenizer = SimpleNamespace(eos_token_id=EOS, decode=decode)
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
            "gpu_memory_utilization": 0.5,
        }
        made = RolloutServer(SimpleNamespace(**{**settings, **options}), model_config, replica_rank=0)
        joined, join = [], made._generator.join

        def noting(completions):
            joined.append(len(completions))
            join(completions)

        made._generator.join = noting
        return made, joined

    return call


def ask(server, prompt=(5, 6, 7), **sampling):
    return server.generate(prompt_ids=list(prompt), sampling_params={**SAMPLING, **sampling}, request_id="r")


def run(scenario):
    return asyncio.run(asyncio.wait_for(scenario, timeout=60))


async def until(condition):
    while not condition():
        await asyncio.sleep(0.001)


def pausing(server):
    """Make the server's generator stop before each token until it is let go on, and tell when it does."""
    running, go_on, advance = Event(), Event(), server._generator.advance

    def slow():
        running.set()
        assert go_on.wait(30)
        return advance()

    server._generator.advance = slow
    return running, go_on


def test_requests_of_a_step_make_one_batch(make):
    async def scenario():
        server, joined = make()
        await server.start()
        outputs = await asyncio.gather(*(ask(server, logprobs=i % 2 == 0) for i in range(40)))
        await server.shutdown()
        return outputs, joined

    outputs, joined = run(scenario())
    assert [count for count in joined if count] == [40]
    assert all(len(output.token_ids) == 24 and output.stop_reason == "length" for output in outputs)
    assert [output.log_probs is None for output in outputs] == [False, True] * 20
    assert len({tuple(output.token_ids) for output in outputs}) > 30


def test_a_request_joins_while_others_run_and_leaves_before_them(make):
    async def scenario():
        server, _ = make(response_length=2000)
        await server.start()
        long = asyncio.create_task(ask(server))
        await until(lambda: server._generator.running == 1)
        short = await ask(server, max_tokens=5)
        still_running = not long.done()
        await server.abort_all_requests()
        return short, still_running, await long

    short, still_running, long = run(scenario())
    assert (len(short.token_ids), short.stop_reason) == (5, "length")
    assert still_running
    assert 5 < len(long.token_ids) < 2000


# A token takes 2 layers x 2 heads x 8 x 2 x 4 bytes, and the longest sequence has 3 + 12.
@pytest.mark.parametrize(("sequences", "memory"), [(16, 2**30), (64, 16.5 * 15 * 256)])
def test_the_batch_has_a_limit(make, monkeypatch, sequences, memory):
    monkeypatch.setattr(server_module, "available_and_total", lambda: (2 * memory, 2**40))

    async def scenario():
        server, joined = make(max_num_seqs=sequences)
        await server.start()
        largest, advance = [], server._generator.advance

        def noting():
            largest.append(server._generator.running)
            return advance()

        server._generator.advance = noting
        await asyncio.gather(*(ask(server, max_tokens=10 + i % 3) for i in range(40)))
        await server.shutdown()
        return joined, max(largest)

    joined, largest = run(scenario())
    assert largest == 16
    assert joined[0] == 16
    assert sum(joined) == 40


def test_new_weights_wait_for_running_requests_and_later_requests_for_them(make):
    async def scenario():
        server, _ = make()
        await server.start()
        running, go_on = pausing(server)
        targets = server._weights._targets
        before = {name: tensor.clone() for name, tensor in targets.items()}
        old = asyncio.create_task(ask(server))
        await asyncio.to_thread(running.wait, 30)
        changed = [(name, tensor + 1) for name, tensor in before.items()]
        loading = asyncio.create_task(server.load_weights(changed, first=True, last=True, version=7))
        await asyncio.sleep(0)
        new = asyncio.create_task(ask(server))
        await asyncio.sleep(0.1)
        assert not loading.done()
        assert all(targets[name].equal(tensor) for name, tensor in before.items())
        go_on.set()
        await loading
        assert old.done()
        assert not new.done()
        assert all(targets[name].equal(tensor) for name, tensor in changed)
        return await old, await new

    old, new = run(scenario())
    assert old.extra_fields["global_steps"] is None
    assert new.extra_fields["global_steps"] == 7


def test_weights_that_do_not_fit_are_refused_and_the_server_goes_on(make):
    async def scenario():
        server, _ = make()
        await server.start()
        with pytest.raises(ValueError, match="'no such weight'"):
            await server.load_weights([("no such weight", torch.zeros(1))], first=True, last=True, version=1)
        return await ask(server)

    assert run(scenario()).extra_fields["global_steps"] is None


def test_draws_are_a_function_of_the_step_of_the_weights(make):
    async def answers(steps):
        server, _ = make()
        await server.start()
        weights = list(server._weights._targets.items())
        outputs = []
        for step in steps:
            await server.load_weights(weights, first=True, last=True, version=step)
            outputs.append([o.token_ids for o in await asyncio.gather(*(ask(server) for _ in range(4)))])
        return outputs

    first, second, third = run(answers([1, 2, 3]))
    assert first != second != third
    assert run(answers([3])) == [third]


def test_errors_reach_every_caller_and_the_server_goes_on(make):
    async def scenario():
        server, _ = make()
        await server.start()
        advance = server._generator.advance

        def broken():
            server._generator.advance = advance
            raise MemoryError("the batch was too large")

        server._generator.advance = broken
        failed = await asyncio.gather(*(ask(server) for _ in range(5)), return_exceptions=True)
        return failed, await ask(server)

    failed, answer = run(scenario())
    assert [repr(error) for error in failed] == ["MemoryError('the batch was too large')"] * 5
    assert len(answer.token_ids) == 24


def test_a_cancelled_request_leaves_the_batch_and_the_others_go_on(make):
    async def scenario():
        server, _ = make(response_length=2000)
        await server.start()
        cancelled, waiting, other = (asyncio.create_task(ask(server, max_tokens=m)) for m in (2000, 2000, 60))
        await until(lambda: server._generator.running == 3)
        late = asyncio.create_task(ask(server))
        await asyncio.sleep(0)
        for task in (cancelled, waiting, late):
            task.cancel()
        output = await other
        await until(lambda: server._generator.running == 0)
        again = await ask(server, max_tokens=3)
        return cancelled.cancelled(), late.cancelled(), output, again

    cancelled, late, output, again = run(scenario())
    assert cancelled
    assert late
    assert (len(output.token_ids), output.stop_reason) == (60, "length")
    assert len(again.token_ids) == 3


def test_stop_strings_reach_the_generator(make):
    async def scenario():
        server, _ = make()
        await server.start()
        free = await ask(server, seed=1)
        text = "".join(chr(48 + token) for token in free.token_ids)
        return free, text, await ask(server, seed=1, stop=text[4:7])

    free, text, stopped = run(scenario())
    assert stopped.stop_reason == "completed"
    assert stopped.token_ids == free.token_ids[: text.index(text[4:7]) + 3]


def test_requests_that_cannot_be_served_are_refused(make):
    async def scenario():
        server, joined = make()
        await server.start()
        with pytest.raises(ValueError, match="at least one token"):
            await ask(server, prompt=())
        with pytest.raises(ValueError, match="leaves no room"):
            await ask(server, prompt=range(2, 42))
        with pytest.raises(ValueError, match="repetition_penalty"):
            await ask(server, repetition_penalty=1.1)
        with pytest.raises(ValueError, match="text only"):
            await server.generate([1], SAMPLING, "r", image_data=["x"])
        assert joined == []
        return await ask(server, prompt=range(2, 32))

    assert len(run(scenario()).token_ids) == 40 - 30


def test_abort_ends_requests_and_holds_later_ones_until_resumed(make):
    async def scenario():
        server, _ = make(response_length=5000, max_num_seqs=2)
        await server.start()
        asked = [asyncio.create_task(ask(server)) for _ in range(3)]
        await until(lambda: server._generator.running == 2)
        await asyncio.sleep(0.1)
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


def test_shutdown_leaves_nobody_waiting(make):
    async def scenario():
        server, _ = make(response_length=2000, max_num_seqs=2)
        await server.start()
        asked = [asyncio.create_task(ask(server)) for _ in range(4)]
        await until(lambda: server._generator.running == 2)
        await server.abort_all_requests()
        held = asyncio.create_task(ask(server))
        await asyncio.sleep(0)
        await server.shutdown()
        await server.resume_generation()
        return await asyncio.gather(*asked, held, return_exceptions=True)

    *outputs, held = run(scenario())
    assert [output.stop_reason for output in outputs] == ["aborted"] * 4
    assert isinstance(held, RuntimeError)
