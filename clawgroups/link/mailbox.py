"""Numbers reliable messages so that a dropped connection neither loses nor doubles one.

A mailbox outlives connections: it lives as long as the runner's process (its session). What was sent and not
acknowledged is kept and sent again after a reconnect; what arrives twice is dropped.
"""

from __future__ import annotations

from collections import deque

from clawgroups.errors import LinkError
from clawgroups.link.messages import AnyMessage, Frame, encode

MAX_KEPT_BYTES = 256 * 1024 * 1024


class Mailbox:
    """One side's numbering of one session."""

    def __init__(self) -> None:
        self.received = 0
        self._sent = 0
        self._kept: deque[tuple[int, AnyMessage, int]] = deque()
        self._kept_bytes = 0

    def post(self, message: AnyMessage) -> str:
        """Numbers and keeps ``message``; returns the frame to send. Raises LinkError when the peer lags too far.

        What cannot be encoded takes no number (UnicodeEncodeError), or the next message would leave a gap for good.
        """
        text = encode(Frame(self._sent + 1, self.received, message))
        self._sent += 1
        self._kept.append((self._sent, message, len(text)))
        self._kept_bytes += len(text)
        if self._kept_bytes > MAX_KEPT_BYTES:
            raise LinkError("The other end of the link takes no messages any more.", hint="It is given up.")
        return text

    def pass_by(self, message: AnyMessage) -> str:
        """A frame that may be lost: live text, heartbeats, hello."""
        return encode(Frame(0, self.received, message))

    def take(self, frame: Frame) -> AnyMessage | None:
        """The message, or None when it was had before. Raises LinkError on a gap."""
        self.acknowledge(frame.received)
        if frame.number == 0:
            return frame.message
        if frame.number <= self.received:
            return None
        if frame.number != self.received + 1:
            raise LinkError(f"Message {frame.number} came after {self.received}: something is missing between.")
        self.received = frame.number
        return frame.message

    def acknowledge(self, received: int) -> None:
        """Forgets what the peer has."""
        while self._kept and self._kept[0][0] <= received:
            self._kept_bytes -= self._kept.popleft()[2]

    def missed(self, received: int) -> list[str]:
        """The frames that a peer which has ``received`` still lacks, in order."""
        self.acknowledge(received)
        return [encode(Frame(number, self.received, message)) for number, message, _ in self._kept]
