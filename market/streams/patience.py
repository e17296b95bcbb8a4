"""How long to wait for what, in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """Of one venue's streams; `StreamSettings` sets what an operator may."""

    silence_s: float = 30.0
    check_s: float = 0.25
    first_retry_s: float = 0.5
    longest_retry_s: float = 60.0
    settled_s: float = 60.0  # a session that lived so long ends the doubling
    cross_check_s: float = 300.0
    skew_s: float = 3600.0
    open_s: float = 30.0  # for markets and the venue's time
    funding_s: float = 300.0
    close_s: float = 5.0
    unheard_s: float = 3.0  # for a first change of a book, before a quiet market is taken for what it is
    catch_up_s: float = 1.0  # for a stream to reach a snapshot's number
    again_s: float = 0.5  # after a snapshot that failed, doubling
