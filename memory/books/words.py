"""The closed sets of words that only the books use."""

from enum import StrEnum


class RunState(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"


class CycleState(StrEnum):
    BEGUN = "begun"
    CLOSED = "closed"


class RecordKind(StrEnum):
    DECISION = "decision"
    RELEASE = "release"
    ACTION = "action"


class StopState(StrEnum):
    ARMED = "armed"
    DONE = "done"


class ApprovalState(StrEnum):
    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    DENIED = "denied"  # by the review at its release
    RELEASED = "released"


class IncidentKind(StrEnum):
    """What somebody found wrong, and nobody has closed yet."""

    MISMATCH = "mismatch"  # the venue contradicts the books
    MODEL_DRIFT = "model_drift"


class RequestState(StrEnum):
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
