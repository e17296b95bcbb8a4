"""The bus of one process: a dictionary of mailboxes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from core.ports import Delivery, Lost
from market.bus.mailbox import Mailbox
from market.bus.policies import POLICIES, TopicPolicy, policy_of


class MemoryBus:
    """Delivers the published object itself, each once. Members of one group take turns at its mailbox."""

    def __init__(self, policies: dict[str, TopicPolicy] = POLICIES) -> None:
        self._policies = policies
        self._listeners: dict[str, list[Mailbox]] = {}
        self._numbers: dict[str, int] = {}
        self._groups: dict[tuple[str, tuple[str, ...]], _Group] = {}

    async def __aenter__(self) -> MemoryBus:
        return self

    async def __aexit__(self, *_: object) -> None:
        for group in self._groups.values():
            group.mailbox.close()

    def publish(self, topic: str, event: object) -> None:
        """Into the mailbox of every group that listens. Never waits."""
        self._numbers[topic] = number = self._numbers.get(topic, 0) + 1
        for mailbox in self._listeners.get(topic, ()):
            mailbox.put(topic, number, event)

    def subscribe(self, *topics: str, group: str) -> MemoryInbox:
        """From now on: what was published before is gone."""
        for topic in topics:
            policy_of(topic, self._policies)
        key = (group, tuple(sorted(topics)))
        shared = self._groups.get(key)
        if shared is None:
            shared = self._groups[key] = _Group(Mailbox(self._policies))
            for topic in topics:
                self._listeners.setdefault(topic, []).append(shared.mailbox)
        shared.members += 1
        return MemoryInbox(shared, lambda: self._leave(key))

    def backlog(self) -> int:
        """Events that wait, over all groups: what a slow consumer costs."""
        return sum(len(group.mailbox) for group in self._groups.values())

    def _leave(self, key: tuple[str, tuple[str, ...]]) -> None:
        group = self._groups[key]
        group.members -= 1
        if group.members:
            return
        group.mailbox.close()
        del self._groups[key]
        for topic in key[1]:
            self._listeners[topic].remove(group.mailbox)


@dataclass(slots=True)
class _Group:
    mailbox: Mailbox
    members: int = field(default=0)


class MemoryInbox:
    """One member's end of a mailbox. `counts` are those of the whole group."""

    def __init__(self, group: _Group, leave: Callable[[], None]) -> None:
        self._mailbox, self._leave = group.mailbox, leave
        self._held: Delivery | None = None
        self.counts = group.mailbox.counts
        self._open = True

    @property
    def holds(self) -> bool:
        """Whether an event waits behind a `Lost` that was just delivered."""
        return self._held is not None

    def __aiter__(self) -> AsyncIterator[Delivery]:
        return self

    async def __anext__(self) -> Delivery:
        if self._held is not None:
            held, self._held = self._held, None
            return held
        while self._open:
            taken = self._mailbox.take()
            if taken is not None:
                topic, number, event, lost = taken
                delivery = Delivery(topic, f"{topic}#{number}", event)
                if not lost:
                    return delivery
                self._held = delivery
                return Delivery(topic, f"{topic}#{number}-", Lost(lost))
            if not await self._mailbox.wait():
                break
        raise StopAsyncIteration

    async def close(self) -> None:
        """Leaves; the last member of a group takes its mailbox along."""
        if self._open:
            self._open = False
            self._leave()
