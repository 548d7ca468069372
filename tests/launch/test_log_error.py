"""What is shown of a failed process's log; the logs are Ray's and verl's own, shortened."""

from rm_train.launch.log_error import last_error

DRIVER = """\
2026-11-23 17:00:05,774\tINFO worker.py:2038 -- Started a local Ray instance.
\x1b[36m(TaskRunnerV1 pid=31503)\x1b[0m WARNING: No model-specific builder
\x1b[36m(TaskRunnerV1 pid=31503)\x1b[0m Training Progress:  67%|███ | 2/3\rTraining Progress: 100%|████| 3/3
Error executing job with overrides: ['steps=4']
Traceback (most recent call last):
  File "/env/verl/trainer/main_ppo.py", line 93, in run_ppo
    ray.get(runner.run.remote(config))
  File "/env/ray/_private/worker.py", line 3009, in get
    values, debugger_breakpoint = worker.get_objects(
                                  ^^^^^^^^^^^^^^^^^^^
  File "/env/ray/_private/worker.py", line 1053, in get_objects
    raise value.as_instanceof_cause()
"""
RUNNER = """\
ray.exceptions.RayTaskError({error}): \x1b[36mray::TaskRunnerV1.run()\x1b[39m (pid=31503, ip=192.0.2.2, actor_id=af53, \
repr=<main_ppo.TaskRunnerV1 object at 0x7ff79c217d50>)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/env/verl/trainer/ppo/v1/trainer_base.py", line 485, in fit
    return ray.get(self.workers.update_actor.remote())
           ^^^^^^^^^^^^^^^^^^^
"""
WORKER = "\x1b[36mray::WorkerDict.update_actor()\x1b[39m (pid=31502, ip=192.0.2.2, actor_id=db2a, repr=<WorkerDict>)\n"
AFTER = """\
\x1b[36m(WorkerDict pid=31502)\x1b[0m WARNING:target_num_threads 8 should not exceed 2.\x1b[32m [repeated 77x across \
cluster]\x1b[0m
\x1b[33m(raylet)\x1b[0m A worker died or was killed while executing a task by an unexpected system error.
2026-11-23 17:00:09,774\tINFO worker.py:2100 -- shutting down
"""


def test_an_error_in_a_worker_is_shown_without_what_is_around_it():
    log = f"""{DRIVER}{RUNNER.format(error="ValueError")}\
ray.exceptions.RayTaskError(ValueError): {WORKER}\
           ^^^^^^^^^^^^^^^^^^^
  File "/env/verl/workers/actor.py", line 10, in update_actor
    raise ValueError(text)
         ~~~~~~^^^^^
ValueError: shapes do not fit:
  actor has (3, 4)

  batch has (4, 3)
{AFTER}"""
    assert (
        last_error(log)
        == """\
  File "/env/verl/workers/actor.py", line 10, in update_actor
    raise ValueError(text)
ValueError: shapes do not fit:
  actor has (3, 4)

  batch has (4, 3)"""
    )


def test_the_causes_of_an_error_are_shown():
    log = f"""{DRIVER}{RUNNER.format(error="RuntimeError")}\
ray.exceptions.RayTaskError(RuntimeError): {WORKER}\
KeyError: 'model_type'

During handling of the above exception, another exception occurred:

{WORKER}\
  File "/env/transformers/config.py", line 3, in load
    open(path)
FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/config.json'

The above exception was the direct cause of the following exception:

{WORKER}\
           ^^^^^^^^^^^^^^^^^^^
  File "/env/verl/workers/actor.py", line 13, in update_actor
    raise RuntimeError("the model cannot be loaded") from e
RuntimeError: the model cannot be loaded
{AFTER}"""
    assert (
        last_error(log)
        == """\
  File "/env/verl/workers/actor.py", line 13, in update_actor
    raise RuntimeError("the model cannot be loaded") from e
RuntimeError: the model cannot be loaded
caused by FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/config.json'
while handling KeyError: 'model_type'"""
    )


def test_an_error_in_a_workers_constructor_is_shown():
    creation = "The actor died because of an error raised in its creation task, "
    frames = """\
  File "/env/verl/workers/rollout.py", line 22, in __init__
    import flash_attn
ModuleNotFoundError: No module named 'flash_attn'
"""
    forwarded = "".join(f"\x1b[36m(WorkerDict pid=31502)\x1b[0m {line}\n" for line in frames.splitlines())
    head = WORKER.replace("update_actor", "__init__")
    log = f"""{DRIVER}{RUNNER.format(error="ActorDiedError")}\
ray.exceptions.ActorDiedError: {creation}{head}{frames}\
\x1b[36m(WorkerDict pid=31502)\x1b[0m Exception raised in creation task: {creation}{head}{forwarded}"""
    assert last_error(log) == frames.rstrip()


def test_a_worker_that_was_killed_is_named():
    log = f"""{DRIVER}{RUNNER.format(error="ActorDiedError")}\
ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task.
\tclass_name: WorkerDict
\tpid: 32263
The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR
{AFTER}"""
    assert (
        last_error(log)
        == """\
  File "/env/verl/trainer/ppo/v1/trainer_base.py", line 485, in fit
    return ray.get(self.workers.update_actor.remote())
ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task.
\tclass_name: WorkerDict
\tpid: 32263
The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR"""
    )


def test_an_exception_at_the_end_of_python_does_not_hide_the_error():
    log = """\
Traceback (most recent call last):
  File "/env/verl/utils/config.py", line 155, in check
    raise ValueError("[ref] Please set one")
ValueError: [ref] Please set one
Exception ignored in: <function Pool.__del__ at 0x7ff>
Traceback (most recent call last):
  File "/env/pool.py", line 1, in __del__
    self.close()
AttributeError: 'Pool' object has no attribute 'close'
"""
    assert last_error(log).splitlines()[-1] == "ValueError: [ref] Please set one"


def test_without_a_traceback_the_last_lines_are_shown():
    log = "\n".join(f"\x1b[36m(Worker pid=1)\x1b[0m line {number}" for number in range(30)) + "\n\nKilled\n"
    shown = last_error(log, lines=3)
    assert shown.splitlines() == ["(Worker pid=1) line 28", "(Worker pid=1) line 29", "Killed"]
