"""Whatever comes, whenever it comes, however small the cache: each request gets the tokens that it would get alone."""

from collections import Counter

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from backend.engine.chooser import Chooser
from backend.engine.limits import Limits
from backend.engine.request import Finish, ImageSpan, Prefilled, Request, Sampling, Token
from backend.engine.scheduler import Scheduler
from backend.engine.sequence import Sequence
from backend.engine.testing import HashModel, alone

VOCAB = 16
CONTEXT = 40
PROMPTS = [[1] * 40, [1] * 9 + [2] * 31, [3, 4, 5, 6] * 10, [7, 8] * 20]


class Machine(RuleBasedStateMachine):
    """Requests over few pages, whose prompts often begin alike."""

    @initialize(
        pages=st.integers(4, 24),
        page_size=st.integers(1, 4),
        running=st.integers(2, 8),
        step=st.integers(1, 20),
        reserve=st.integers(0, 4),
        share=st.sampled_from([True, True, True, False]),
    )
    def begin(self, pages, page_size, running, step, reserve, share):
        limits = Limits(
            max_running=running,
            step_tokens=running + step,
            reserve_tokens=reserve,
            logit_bytes=4 * VOCAB * 3,
            share_prefixes=share,
        )
        self.shape = {"vocab_size": VOCAB, "context_length": CONTEXT}
        self.model = HashModel(page_size=page_size, page_count=pages, **self.shape)
        self.room = min(CONTEXT, pages * page_size)
        self.scheduler = Scheduler(self.model, limits)
        self.open: dict[str, Sequence] = {}
        self.got: dict[str, list] = {}
        self.cancelled: set[str] = set()
        self.count = 0

    @precondition(lambda self: self.room > 2)
    @rule(
        stem=st.sampled_from(PROMPTS),
        length=st.integers(4, 32),
        tails=st.lists(st.lists(st.integers(0, VOCAB - 1), max_size=3), min_size=1, max_size=5),
        most=st.integers(0, 20),
        client=st.sampled_from("abc"),
        scored=st.integers(0, 4),
        image=st.sampled_from([None, None, None, b"one!", b"two!"]),
    )
    def arrive(self, stem, length, tails, most, client, scored, image):
        for order, tail in enumerate(tails):
            self._arrive(stem, length, tail, most, client, order == scored, image)

    def _arrive(self, stem, length, tail, most, client, scored, image):
        prompt = tuple(stem[:length] + tail)[: self.room - 1]
        images = ()
        if image and len(prompt) > 4:
            images = (ImageSpan(1, len(prompt) // 2, image * 8, pixels=None, grid=(1, 1)),)
        sampling = Sampling(max_tokens=most, temperature=0, prompt_logprobs=1 if scored else None)
        request = Request(str(self.count), prompt, sampling, images, client)
        self.count += 1
        sequence = Sequence(request, min(most, self.room - len(prompt)), Chooser(sampling))
        self.open[request.id] = sequence
        self.got[request.id] = []
        self.scheduler.add(sequence)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def cancel(self, data):
        name = data.draw(st.sampled_from(sorted(self.open)))
        self.cancelled.add(name)
        self._take(self.scheduler.cancel(self.open[name]))
        assert name not in self.open

    @precondition(lambda self: not self.open)
    @rule()
    def forget(self):
        self.scheduler.cache.forget()
        assert self.scheduler.cache.pool.free == self.model.page_count

    @rule(steps=st.integers(1, 8))
    def step(self, steps):
        for _ in range(steps):
            self._step()

    def _step(self):
        work = self.scheduler.schedule()
        assert bool(work) == bool(self.open), "the scheduler stands still"
        if work:
            self._take(self.scheduler.settle(work, self.scheduler.run(work)))

    def _take(self, happened):
        for sequence, event in happened:
            name = sequence.request.id
            assert name in self.open, "an event after the last"
            self.got[name].append(event)
            if isinstance(event, Finish):
                self._judge(sequence, self.got.pop(name))
                del self.open[name]

    def _judge(self, sequence, events):
        *before, finish = events
        tokens = [event.id for event in before if isinstance(event, Token)]
        kinds = Counter(type(event) for event in before)
        model = HashModel(page_size=4, page_count=CONTEXT, **self.shape)
        expected = alone(model, sequence.request, max(1, len(tokens)))[: len(tokens)]
        assert tokens == expected
        assert finish.completion_tokens == len(tokens)
        if finish.reason == "abort":
            assert sequence.request.id in self.cancelled
        else:
            assert (finish.reason, len(tokens), kinds[Prefilled]) == ("length", sequence.limit, 1)
            self._judge_prefilled(sequence, before[0])

    def _judge_prefilled(self, sequence, prefilled):
        prompt = sequence.request.prompt
        assert prefilled.prompt_tokens == len(prompt) > prefilled.cached_tokens
        if sequence.request.sampling.prompt_logprobs is not None:
            assert prefilled.cached_tokens == 0
            assert [token.id for token in prefilled.logprobs] == list(prompt[1:])

    @invariant()
    def every_page_is_accounted_for(self):
        if hasattr(self, "scheduler"):
            self.scheduler.audit()
            assert len(self.open) == self.scheduler.running + self.scheduler.waiting

    def teardown(self):
        if not hasattr(self, "scheduler"):
            return
        for _ in range(20000):
            if not self.open:
                break
            self._step()
        assert not self.open, "requests that never end"
        self.scheduler.audit()
        assert self.scheduler.cache.pool.used == 0
        self.forget()


TestAnything = Machine.TestCase
TestAnything.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
