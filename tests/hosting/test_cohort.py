"""Groups that meet to be judged: complete, late, doubled and lone members, in one process and in an actor of Ray's."""

import asyncio
import os
import signal
import time

import psutil
import ray
from cohort_workers import Worker

from reward_fn.hosting.cohort_actor import Cohort
from reward_fn.schema import FailureKind, RewardResult


class Ranking:
    """Ranks texts by the alphabet, and counts how often it was asked."""

    def __init__(self):
        self.asked = []

    async def __call__(self, answers):
        self.asked.append(list(answers))
        await asyncio.sleep(0)
        if "broken" in answers:
            raise ValueError("the judge broke")
        order = sorted(answers)
        return [RewardResult.of("order", order.index(answer)) for answer in answers]


def meet(*joins, deadline_s=5.0):
    """Let calls meet, each given by its delay and arguments; returns their scores or failures, and the judge."""
    judge = Ranking()

    async def join(cohort, delay, *arguments):
        await asyncio.sleep(delay)
        return await cohort.join(*arguments)

    async def all_of_them():
        cohort = Cohort(judge, deadline_s)
        return await asyncio.gather(*(join(cohort, *one) for one in joins), return_exceptions=True)

    return asyncio.run(all_of_them()), judge


def test_a_group_is_judged_once_when_all_are_there():
    results, judge = meet((0.02, "g", "0", 3, "c"), (0.01, "g", "1", 3, "a"), (0, "g", "2", 3, "b"))
    assert [one.score for one in results] == [2, 0, 1]
    assert judge.asked == [["b", "a", "c"]]


def test_groups_do_not_mix():
    results, judge = meet(*((0, f"g{group}", str(member), 2, str(9 - member)) for member in (0, 1) for group in (0, 1)))
    assert [one.score for one in results] == [1, 1, 0, 0]
    assert len(judge.asked) == 2


def test_a_member_that_comes_twice_counts_once():
    results, judge = meet((0, "g", "0", 2, "b"), (0.01, "g", "0", 2, "b"), (0.02, "g", "1", 2, "a"))
    assert [one.score for one in results] == [1, 1, 0]
    assert judge.asked == [["b", "a"]]
    results, judge = meet((0, "g", "0", 2, "b"), (0, "g", "1", 2, "a"), (0.05, "g", "0", 2, "b"))
    assert results[2].score == 1 and len(judge.asked) == 1


def test_at_the_deadline_those_that_are_there_are_judged():
    results, judge = meet((0, "g", "0", 3, "b"), (0, "g", "1", 3, "a"), (0.15, "g", "2", 3, "c"), deadline_s=0.1)
    assert [one.score for one in results[:2]] == [1, 0]
    assert (
        results[2].failure.kind is FailureKind.TIMEOUT
        and "after its group had been judged" in results[2].failure.detail
    )
    assert judge.asked == [["b", "a"]]


def test_a_lone_member_is_not_judged():
    (result,), judge = meet((0, "g", "0", 2, "a"), deadline_s=0.05)
    assert result.failure.kind is FailureKind.TIMEOUT and "no other answer" in result.failure.detail
    assert judge.asked == []


def test_a_broken_judge_is_everybodys_error():
    results, _ = meet((0, "g", "0", 2, "broken"), (0, "g", "1", 2, "a"), (0, "h", "0", 2, "b"), (0, "h", "1", 2, "c"))
    assert [str(one) for one in results[:2]] == ["the judge broke"] * 2
    assert [one.score for one in results[2:]] == [0, 1]


def test_who_stops_waiting_takes_nothing_from_the_others():
    async def met():
        cohort = Cohort(Ranking(), 5.0)
        gone = asyncio.create_task(cohort.join("g", "0", 2, "b"))
        await asyncio.sleep(0)
        gone.cancel()
        return await cohort.join("g", "1", 2, "a")

    assert asyncio.run(met()).score == 0


def test_groups_are_forgotten():
    async def left():
        cohort = Cohort(Ranking(), 0.05)
        await asyncio.gather(*(cohort.join(f"g{i // 2}", str(i % 2), 2, "a") for i in range(20)))
        before = len(cohort._groups)
        await asyncio.sleep(0.2)
        return before, len(cohort._groups)

    assert asyncio.run(left()) == (10, 0)


def test_members_from_many_processes_meet_in_one_actor(cluster, tmp_path):
    workers = [ray.remote(num_cpus=0)(Worker).remote("met", tmp_path / "judged") for _ in range(3)]
    calls = [(f"g{group}", str(member), 4, f"answer {member}") for member in range(4) for group in range(50)]
    scores = ray.get([workers[place % 3].join.remote(*call) for place, call in enumerate(calls)], timeout=120)
    assert scores == [float(call[1]) for call in calls]
    lines = (tmp_path / "judged").read_text().splitlines()
    assert len(lines) == 50 and len({line.split()[0] for line in lines}) == 1


def test_a_killed_actor_comes_back_and_the_group_is_judged(cluster, tmp_path):
    path = tmp_path / "judged"
    worker = ray.remote(num_cpus=0)(Worker).remote("killed", path)
    calls = [worker.join.remote("g", name, 2, name) for name in ("slow", "a")]
    deadline = time.monotonic() + 60
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(int(path.read_text().split()[0]), signal.SIGKILL)
    assert ray.get(calls, timeout=120) == [1, 0]
    assert len({line.split()[0] for line in path.read_text().splitlines()}) == 2


def test_an_actor_that_went_with_its_maker_is_made_again(cluster, tmp_path):
    maker = ray.remote(num_cpus=0)(Worker).remote("made again", tmp_path / "judged")
    assert ray.get([maker.join.remote("g", name, 2, name) for name in "ba"], timeout=60) == [1, 0]
    other = ray.remote(num_cpus=0)(Worker).remote("made again", tmp_path / "judged")
    ray.get(other.join.remote("h", "0", 1, "a"), timeout=60)  # it has found the same one
    ray.kill(maker)
    actor = int((tmp_path / "judged").read_text().split()[0])
    deadline = time.monotonic() + 60
    while psutil.pid_exists(actor) and time.monotonic() < deadline:
        time.sleep(0.1)
    calls = [other.join.remote("i", name, 2, name) for name in "ba"]
    assert ray.get(calls, timeout=60) == [1, 0]
    assert len({line.split()[0] for line in (tmp_path / "judged").read_text().splitlines()}) == 2


def test_an_error_is_that_of_its_group_though_others_travel_with_it(cluster, tmp_path):
    worker = ray.remote(num_cpus=0)(Worker).remote("errors", tmp_path / "judged")
    calls = [("g", "0", 2, "broken"), ("g", "1", 2, "a"), ("h", "0", 2, "b"), ("h", "1", 2, "a")]
    assert ray.get(worker.joined.remote(*calls), timeout=60) == ["Broken: the judge broke"] * 2 + [1, 0]
    error, *others = ray.get(worker.bring_what_cannot_travel.remote(), timeout=60)
    assert "cannot pickle" in error and others == [1, 0]


def test_who_stops_waiting_leaves_its_answer_to_the_others_of_the_cluster(cluster, tmp_path):
    gone, other = (ray.remote(num_cpus=0)(Worker).remote("given up", tmp_path / "judged") for _ in range(2))
    ray.get(gone.give_up.remote("g", "0", 2, "b"), timeout=60)
    assert ray.get(other.join.remote("g", "1", 2, "a"), timeout=60) == 0
    assert ray.get(gone.join.remote("g", "0", 2, "b"), timeout=60) == 1
    assert len((tmp_path / "judged").read_text().splitlines()) == 1


def test_all_that_waits_is_brought_again_however_many_calls_had_brought_it(cluster, tmp_path):
    path = tmp_path / "judged"
    worker = ray.remote(num_cpus=0)(Worker).remote("brought again", path)
    first = [worker.join.remote(f"g{place}", "0", 2, "b") for place in range(20)]
    slow = [worker.join.remote("slow", name, 2, name) for name in ("slow", "a")]
    deadline = time.monotonic() + 60
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(int(path.read_text().split()[0]), signal.SIGKILL)
    last = [worker.join.remote(f"g{place}", "1", 2, "a") for place in range(20)]
    assert ray.get(first, timeout=120) == [1] * 20 and ray.get(last, timeout=60) == [0] * 20
    assert ray.get(slow, timeout=60) == [1, 0]
