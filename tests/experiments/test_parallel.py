import os

import pytest

from slowturn.experiments.errors import ExperimentError
from slowturn.experiments.parallel import Job, Workers, count_steps


def double(x):
    return 2 * x


def fail(_x):
    raise ExperimentError("no such thing")


def die(_x):
    os._exit(9)


def count(slot):
    count_steps(slot, 7)
    return slot


@pytest.mark.parametrize("processes", [0, 2])
def test_results_come_with_their_names(processes):
    with Workers(processes) as workers:
        found = dict(workers.run([Job(str(i), double, (i,)) for i in range(5)]))
    assert found == {str(i): 2 * i for i in range(5)}


def test_errors_of_jobs_reach_the_caller():
    with Workers(1) as workers, pytest.raises(ExperimentError, match="no such thing"):
        list(workers.run([Job("it", fail, (1,))]))


def test_a_dying_worker_is_explained():
    with Workers(1) as workers, pytest.raises(ExperimentError, match="a worker process died"):
        list(workers.run([Job("it", die, (1,))]))


def test_progress_reaches_the_parent():
    seen = []
    with Workers(1) as workers:
        list(workers.run([Job("it", count, (3,))], tick=lambda: seen.append(workers.steps[3])))
        assert workers.steps[3] == 7
    assert seen


def test_negative_counts_are_refused():
    with pytest.raises(ExperimentError, match="jobs must be >= 0, got -1"):
        Workers(-1)
