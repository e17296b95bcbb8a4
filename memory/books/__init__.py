"""The books of the desk: one database that holds what was known, decided, sent and owned, and proves it unchanged."""
