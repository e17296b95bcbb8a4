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


class ParentState(StrEnum):
    WORKING = "working"  # its schedule releases children
    ENDING = "ending"  # releases none any more, and waits for those that live
    ENDED = "ended"


class InstructionState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"  # places nothing, and takes back what rests, until a person resumes it
    ENDING = "ending"  # places nothing any more, and waits for what may still fill
    ENDED = "ended"


class SlotState(StrEnum):
    PLANNED = "planned"  # durable before the gate hears of it
    OPEN = "open"  # waits for a person, or may still fill
    DENIED = "denied"
    OVER = "over"


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
    IRREGULARITY = "irregularity"  # an order did what its life does not allow, and was booked as the venue told it
    MODEL_DRIFT = "model_drift"
    MODEL_UPKEEP = "model_upkeep"  # a model could not be judged or taught again; it stays as it is
    RESTRICTED = "restricted"  # the venue froze the account or its keys


class RequestState(StrEnum):
    PENDING = "pending"
    BEGUN = "begun"  # the desk is at it; one that a dead desk had begun is not done again
    DONE = "done"
    FAILED = "failed"
