"""Who runs next, who pays for a shared prompt, and who gives way when memory is short."""

from collections import defaultdict

import pytest

from backend.engine.chooser import Chooser
from backend.engine.limits import Limits
from backend.engine.request import Finish, ImageSpan, Prefilled, Request, Sampling, Token
from backend.engine.scheduler import Scheduler
from backend.engine.sequence import Sequence
from backend.engine.testing import HashModel, alone

LARGE = {"context_length": 4096, "page_size": 16, "page_count": 2048}


class Play:
    """A scheduler with the model that it runs, step by step. ``log`` is everything that happened, with its step."""

    def __init__(self, model: HashModel, **limits) -> None:
        self.model = model
        self.scheduler = Scheduler(model, Limits(**limits))
        self.log: list[tuple[int, str, object]] = []
        self.pieces: list[list[int]] = []
        self.steps = 0

    def ask(self, name, prompt, *, most=1, client="", images=(), **sampling) -> Sequence:
        chosen = Sampling(max_tokens=most, temperature=0, **sampling)
        sequence = Sequence(Request(name, tuple(prompt), chosen, tuple(images), client), most, Chooser(chosen))
        self.scheduler.add(sequence)
        return sequence

    def step(self):
        work = self.scheduler.schedule()
        self.pieces.append([each.count for each in work])
        self.steps += 1
        for sequence, event in self.scheduler.settle(work, self.scheduler.run(work)):
            self.log.append((self.steps, sequence.request.id, event))

    def finish(self):
        while self.scheduler.busy:
            self.step()
            assert self.steps < 20_000
        self.scheduler.audit()
        return self

    def tokens(self, name):
        return [event.id for _, who, event in self.log if who == name and isinstance(event, Token)]

    def ended(self, name):
        return next(step for step, who, event in self.log if who == name and isinstance(event, Finish))

    def prefilled(self, name):
        return next(event for _, who, event in self.log if who == name and isinstance(event, Prefilled))


def test_three_hundred_at_once_with_one_long_prompt_pay_for_it_once():
    play = Play(HashModel(**LARGE), max_running=64, step_tokens=256)
    stem = [n % 60 for n in range(2000)]
    for n in range(300):
        play.ask(str(n), [*stem, n % 64, n // 64], most=2)
    play.finish()
    # 2,000 once, then two tokens of each prompt and the first of each answer.
    assert play.model.tokens_run == 2000 + 300 * 3
    assert play.prefilled("0").cached_tokens == 0
    assert {play.prefilled(str(n)).cached_tokens for n in range(1, 300)} == {2000}
    assert play.tokens("217") == alone(HashModel(**LARGE), Request("", (*stem, 217 % 64, 3), Sampling()), 2)


def test_without_sharing_everyone_pays():
    play = Play(HashModel(**LARGE), max_running=8, step_tokens=256, share_prefixes=False)
    for n in range(5):
        play.ask(str(n), [1] * 500 + [n])
    play.finish()
    assert play.model.tokens_run == 5 * 501


def test_the_answer_is_part_of_the_next_turn():
    play = Play(HashModel(**LARGE))
    play.ask("first", [5] * 30, most=20)
    play.finish()
    play.ask("second", [5] * 30 + play.tokens("first") + [9])
    play.finish()
    assert play.prefilled("second").cached_tokens == 48


def test_two_prompts_that_part_within_a_page_share_the_pages_before_it():
    play = Play(HashModel(**LARGE))
    play.ask("one", [1] * 40)
    play.ask("two", [1] * 39 + [2])
    play.finish()
    assert play.prefilled("two").cached_tokens == 32


def test_placeholders_of_different_images_are_different_prefixes():
    play = Play(HashModel(**LARGE))
    prompt = [1] * 8 + [7] * 40 + [2] * 4
    for name, mark in (("cat", b"c"), ("dog", b"d"), ("cat again", b"c")):
        play.ask(name, prompt, most=4, images=[ImageSpan(8, 40, mark * 32, None, (1, 1))])
        play.finish()
    assert [play.prefilled(name).cached_tokens for name in ("cat", "dog", "cat again")] == [0, 0, 48]
    assert play.tokens("cat") == play.tokens("cat again") != play.tokens("dog")


def test_answers_flow_while_a_long_prompt_is_read():
    play = Play(HashModel(**LARGE), max_running=4, step_tokens=64)
    play.ask("talk", [1] * 10, most=60, client="a")
    play.step()
    play.ask("long", [2] * 2000, client="b")
    while len(play.tokens("talk")) < 20:
        play.step()
    assert play.steps == 20
    assert all(counts == [1, 63] for counts in play.pieces[1:])


def test_a_cancel_in_the_middle_of_a_long_prompt_frees_its_pages_at_once():
    play = Play(HashModel(**LARGE), max_running=4, step_tokens=64)
    long = play.ask("long", [2] * 2000)
    play.step()
    play.step()
    ((sequence, event),) = play.scheduler.cancel(long)
    assert (sequence, event) == (long, Finish("abort", 0))
    assert play.scheduler.cache.pool.used == 0
    assert not play.scheduler.busy
    assert play.scheduler.cancel(long) == []
    play.scheduler.audit()
    assert play.scheduler.counters.aborted == 1


def test_those_who_waited_for_a_prefix_that_was_cancelled_read_it_themselves():
    play = Play(HashModel(**LARGE), max_running=4, step_tokens=64)
    first = play.ask("first", [2] * 500)
    play.ask("second", [2] * 501)
    play.step()
    assert play.scheduler.running == 1
    play.scheduler.cancel(first)
    play.finish()
    assert play.prefilled("second").cached_tokens == 64
    assert play.model.tokens_run == 501


def test_a_client_with_a_thousand_requests_does_not_keep_another_out():
    play = Play(HashModel(**LARGE), max_running=8, step_tokens=128)
    for n in range(1000):
        play.ask(f"a{n}", [n % 64, n // 64] * 20, most=8, client="many")
    for _ in range(5):
        play.step()
    play.ask("b", [63] * 30, most=8, client="one")
    arrived = play.steps
    while "b" not in {who for _, who, event in play.log if isinstance(event, Finish)}:
        play.step()
    # A place is free after one answer of 8 tokens at most; then its own 8.
    assert play.steps - arrived <= 20


def test_clients_with_as_much_to_do_get_as_much_whatever_its_shape():
    play = Play(HashModel(**LARGE), max_running=6, step_tokens=64)
    shapes = {"long prompts": (200, 2), "long answers": (4, 40), "short": (10, 4)}
    served: dict[str, int] = defaultdict(int)
    for client, (length, most) in shapes.items():
        for n in range(300):
            play.ask(f"{client} {n}", [n % 64, n // 64, *[1] * (length - 2)], most=most, client=client)
    for _ in range(400):
        work = play.scheduler.schedule()
        for each in work:
            served[each.sequence.request.client] += each.count
        play.scheduler.settle(work, play.scheduler.run(work))
    # One client is ahead of another by no more than one had under way: a long prompt, and all places with long answers.
    assert max(served.values()) - min(served.values()) <= 200 + 6 * 40
    assert min(served.values()) > 1500


def test_a_client_who_comes_back_has_not_saved_up():
    play = Play(HashModel(**LARGE), max_running=2, step_tokens=32)
    play.ask("early", [1] * 4, client="late")
    play.finish()
    for n in range(20):
        play.ask(f"a{n}", [n + 2] * 64, client="busy")
    for _ in range(10):
        play.step()
    for n in range(20):
        play.ask(f"b{n}", [n + 30] * 64, client="late")
    before = len(play.pieces)
    for _ in range(20):
        play.step()
    done = [who[0] for _, who, event in play.log if isinstance(event, Finish)]
    assert before < play.steps
    assert abs(done[6:].count("a") - done[6:].count("b")) <= 2


def test_when_memory_runs_out_the_last_one_in_gives_way_and_loses_nothing():
    small = {"context_length": 64, "page_size": 4, "page_count": 16}
    play = Play(HashModel(**small), max_running=4, step_tokens=32, reserve_tokens=0)
    for n in range(4):
        play.ask(str(n), [n + 1] * 12, most=40)
    play.finish()
    assert play.scheduler.counters.preempted > 0
    assert play.ended("0") == min(play.ended(str(n)) for n in range(4))
    for n in range(4):
        expected = alone(HashModel(**small), Request("", (n + 1,) * 12, Sampling()), 40)
        assert play.tokens(str(n)) == expected
        assert len([1 for _, who, event in play.log if who == str(n) and isinstance(event, Prefilled)]) == 1


def test_a_reserve_for_answers_makes_giving_way_rare():
    small = {"context_length": 64, "page_size": 4, "page_count": 16}
    play = Play(HashModel(**small), max_running=4, step_tokens=32, reserve_tokens=40)
    for n in range(4):
        play.ask(str(n), [n + 1] * 12, most=40)
    play.finish()
    assert play.scheduler.counters.preempted == 0


def test_a_large_request_is_not_passed_by_for_ever():
    play = Play(HashModel(page_count=32, page_size=4, context_length=128), max_running=8, step_tokens=32)
    for n in range(200):
        play.ask(f"s{n}", [n % 64, n // 64] * 4, most=4)
        if n == 4:
            play.ask("large", [63] * 100, most=4)
    play.finish()
    last = max(play.ended(f"s{n}") for n in range(200))
    assert play.ended("large") < last / 3


def test_a_scored_prompt_reads_nothing_from_the_cache_but_leaves_it_to_others():
    play = Play(HashModel(**LARGE), step_tokens=128)
    play.ask("one", [1] * 100)
    play.finish()
    play.ask("scored", [1] * 100, prompt_logprobs=2)
    play.finish()
    play.ask("other", [1] * 100)
    play.finish()
    told = play.prefilled("scored")
    assert (told.cached_tokens, play.prefilled("other").cached_tokens) == (0, 96)
    assert [token.id for token in told.logprobs] == [1] * 99
    assert all(token.logprob < 0 and len(token.top) == 2 for token in told.logprobs)


def test_the_logits_of_a_scored_prompt_are_asked_for_in_parts_that_fit_in_memory():
    model = HashModel(**LARGE)
    play = Play(model, step_tokens=128, logit_bytes=4 * 64 * 10)
    play.ask("scored", [n % 50 for n in range(95)], prompt_logprobs=0)
    play.finish()
    assert [counts[0] for counts in play.pieces] == [10] * 9 + [5]
    whole = Play(HashModel(**LARGE), step_tokens=128)
    whole.ask("scored", [n % 50 for n in range(95)], prompt_logprobs=0)
    assert whole.finish().prefilled("scored") == play.prefilled("scored")


def test_a_scored_prompt_that_gives_way_is_scored_once():
    small = {"context_length": 64, "page_size": 4, "page_count": 16}
    play = Play(HashModel(**small), max_running=2, step_tokens=4, reserve_tokens=0)
    play.ask("talk", [1] * 20, most=40)
    while not play.tokens("talk"):
        play.step()
    play.ask("scored", [n + 2 for n in range(40)], prompt_logprobs=0)
    play.finish()
    assert play.scheduler.counters.preempted == 1
    assert play.scheduler.counters.computed_tokens > 59 + 40
    assert [token.id for token in play.prefilled("scored").logprobs] == [n + 3 for n in range(39)]


def test_no_token_is_chosen_when_none_is_asked_for():
    play = Play(HashModel(**LARGE))
    play.ask("none", [1, 2, 3], most=0, prompt_logprobs=1)
    play.finish()
    kinds = [type(event) for _, _, event in play.log]
    assert kinds == [Prefilled, Finish]
    assert play.log[-1][2] == Finish("length", 0)


def test_a_stop_token_ends_the_answer_and_is_its_last():
    expected = alone(HashModel(**LARGE), Request("", (1, 2, 3), Sampling()), 30)
    stop = expected[10]
    play = Play(HashModel(**LARGE))
    play.ask("a", [1, 2, 3], most=30, stop_ids=frozenset({stop}))
    play.finish()
    assert play.tokens("a") == expected[: expected.index(stop) + 1]
    assert play.log[-1][2] == Finish("stop", expected.index(stop) + 1)


@pytest.mark.parametrize(
    "limits",
    [
        {"step_tokens": 64},
        {"max_running": 0},
        {"reserve_tokens": -1},
        {"max_queued": 0},
        {"max_queued_tokens": 0},
        {"logit_bytes": 0},
        {"failures": 0},
        {"grammar_bytes": 0},
    ],
    ids=str,
)
def test_limits_under_which_something_would_never_move_are_refused(limits):
    with pytest.raises(ValueError, match=next(iter(limits))):
        Limits(**limits)
