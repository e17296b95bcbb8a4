"""What waits between a publisher that never stops and one consumer: states conflated, events queued and bounded."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from market.bus.policies import POLICIES, TopicPolicy, policy_of


@dataclass(slots=True)
class MailCounts:
    """`conflated` states were overtaken by newer ones; `lost` events did not fit; `wakes` counts waits that ended."""

    put: int = 0
    taken: int = 0
    conflated: int = 0
    lost: int = 0
    wakes: int = 0


class _Box:
    """One topic's mail."""

    __slots__ = ("conflate", "lost", "mail", "policy", "waiting")

    def __init__(self, policy: TopicPolicy) -> None:
        self.policy, self.conflate = policy, policy.conflate
        self.mail: deque[tuple[int, object]] = deque()
        self.lost = 0
        self.waiting = False


class Mailbox:
    """Topics take turns, so that none starves another; inside one, the order is that of publishing."""

    def __init__(self, policies: dict[str, TopicPolicy] = POLICIES) -> None:
        self.counts = MailCounts()
        self._policies = policies
        self._boxes: dict[str, _Box] = {}
        self._ready: deque[str] = deque()
        self._wake = asyncio.Event()
        self._closed = False

    def put(self, topic: str, number: int, event: object) -> None:
        """Never waits."""
        box = self._boxes.get(topic)
        if box is None:
            box = self._boxes[topic] = _Box(policy_of(topic, self._policies))
        self.counts.put += 1
        mail = box.mail
        if len(mail) >= box.policy.bound:
            mail.popleft()
            if box.conflate:
                self.counts.conflated += 1
            else:
                box.lost += 1
                self.counts.lost += 1
        mail.append((number, event))
        if not box.waiting:
            box.waiting = True
            self._ready.append(topic)
            if len(self._ready) == 1:
                self._wake.set()

    def take(self) -> tuple[str, int, object, int] | None:
        """Topic, number, event, and how many before it were lost; None when nothing waits."""
        if not self._ready:
            return None
        topic = self._ready.popleft()
        box = self._boxes[topic]
        number, event = box.mail.popleft()
        lost, box.lost = box.lost, 0
        if box.mail:
            self._ready.append(topic)
        else:
            box.waiting = False
        self.counts.taken += 1
        return topic, number, event, lost

    async def wait(self) -> bool:
        """Until something waits. False: it was closed and nothing will."""
        while not self._ready and not self._closed:
            # In a loop: another member of the group may have been quicker.
            self._wake.clear()
            await self._wake.wait()
            self.counts.wakes += 1
        return bool(self._ready)

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    def __len__(self) -> int:
        return sum(len(box.mail) for box in self._boxes.values())
