"""Who watches a group: each person once, bounded, and told no more often than promised."""

from __future__ import annotations

from clawgroups.dispatcher.feed import Viewer
from clawgroups.dispatcher.presence import EVERY_S, MOST_AGENTS, MOST_PEOPLE, Present, people_of


def watcher(person: str, looks_at: str = "") -> Viewer:
    made = Viewer((person, person.title()))
    made.looks_at = looks_at
    return made


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_person_with_several_windows_is_there_once_with_all_that_is_open_in_them() -> None:
    there = [watcher("bob", "g-2"), watcher("ada", "g-1"), watcher("bob", "g-1"), watcher("bob"), watcher("")]
    assert people_of(there) == [
        {"id": "ada", "name": "Ada", "agents": ["g-1"]},
        {"id": "bob", "name": "Bob", "agents": ["g-1", "g-2"]},
    ]


def test_what_is_told_is_bounded() -> None:
    crowd = [watcher(f"person{number:03}") for number in range(MOST_PEOPLE * 2)]
    assert len(people_of(crowd)) == MOST_PEOPLE
    windows = [watcher("ada", f"g-{number}") for number in range(MOST_AGENTS * 2)]
    assert len(people_of(windows)[0]["agents"]) == MOST_AGENTS


def test_news_are_told_once_and_not_more_often_than_promised() -> None:
    clock = Clock()
    present, ada, bob = Present(clock), watcher("ada"), watcher("bob")
    assert present.news([ada, bob]) == people_of([ada, bob])
    told = 0
    for number in range(32):  # a change every sixteenth of a second, for two seconds
        clock.now += 0.0625
        bob.looks_at = f"g-{number}"
        told += present.news([ada, bob]) is not None
    assert told == 2 / EVERY_S
    bob.looks_at = ""
    clock.now += EVERY_S
    assert present.news([ada, bob]) == people_of([ada, bob])
    clock.now += EVERY_S
    assert present.news([ada, bob]) is None


def test_who_watches_alone_hears_of_nobody_after_the_snapshot() -> None:
    clock = Clock()
    present, ada = Present(clock), watcher("ada")
    assert present.whole([ada]) == people_of([ada])
    assert present.news([ada]) is None
    clock.now += EVERY_S
    assert present.whole([ada, watcher("bob")]) == people_of([ada, watcher("bob")])
    assert present.news([ada, watcher("bob")]) is not None, "ada must hear of bob"
