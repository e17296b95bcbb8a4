"""The supervisor: plain arithmetic over a frozen snapshot. It says what may be sent, and nobody can say otherwise."""
