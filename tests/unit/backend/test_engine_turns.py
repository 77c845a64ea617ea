"""Whose turn it is, and who has to wait behind those who gave way."""

from backend.engine.chooser import Chooser
from backend.engine.limits import Limits
from backend.engine.request import Finish, Request, Sampling, Token
from backend.engine.scheduler import Scheduler
from backend.engine.sequence import Sequence
from backend.engine.testing import HashModel
from backend.engine.turns import Turns


def _sequence(name, client="", prompt=(1, 2, 3, 4), most=4):
    sampling = Sampling(max_tokens=most, temperature=0)
    return Sequence(Request(name, tuple(prompt), sampling, (), client), most, Chooser(sampling))


def _play(scheduler, log):
    """One step; ``log`` gets who said or ended what."""
    work = scheduler.schedule()
    happened = scheduler.settle(work, scheduler.run(work))
    log += [(sequence.request.id, type(event)) for sequence, event in happened]
    return work


def test_a_newcomer_starts_where_the_least_served_stands():
    turns = Turns()
    for client, had in (("a", 500), ("b", 20)):
        turns.arrive(_sequence(client, client))
        turns.charge(client, had)
    turns.arrive(_sequence("c", "c"))
    assert [turns.served(client) for client in turns.clients()] == [500, 520, 500]
    turns.arrive(_sequence("a2", "a"))
    assert turns.served("a") == 500


def test_requests_of_one_client_keep_their_order():
    turns = Turns()
    ones = [_sequence(str(n)) for n in range(3)]
    for one in ones:
        turns.arrive(one)
    assert turns.queue("") == ones
    turns.give_up(ones[0])
    assert (turns.queue(""), len(turns)) == (ones[1:], 2)


def test_no_more_run_than_may():
    scheduler, log = Scheduler(HashModel(page_count=64), Limits(max_running=3, step_tokens=64)), []
    for n in range(9):
        scheduler.add(_sequence(str(n), str(n % 2), [n] * 5))
    most = 0
    while scheduler.busy:
        most = max(most, len(_play(scheduler, log)))
        assert scheduler.running <= 3
    assert most == 3


def test_a_step_has_no_more_tokens_than_it_may():
    scheduler, log = Scheduler(HashModel(page_count=64), Limits(max_running=3, step_tokens=8)), []
    for n in range(6):
        scheduler.add(_sequence(str(n), str(n % 2), [n] * 30, most=6))
    while scheduler.busy:
        assert sum(each.count for each in _play(scheduler, log)) <= 8


def test_nobody_new_is_let_in_before_one_that_gave_way():
    scheduler = Scheduler(HashModel(context_length=64, page_count=16), Limits(max_running=4, reserve_tokens=0))
    log = []
    first, second = _sequence("first", "a", [1] * 12, 40), _sequence("second", "b", [2] * 12, 40)
    scheduler.add(first)
    scheduler.add(second)
    while not scheduler.counters.preempted:
        _play(scheduler, log)
    scheduler.add(_sequence("small", "c", [3] * 4, 4))
    while scheduler.busy:
        _play(scheduler, log)
    again = log.index(("first", Finish))
    assert log.index(("small", Token)) > again
    assert log.index(("second", Token), again) < log.index(("small", Token))
