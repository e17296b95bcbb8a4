"""Algorithms: a parent order worked in children, each of which passes the gate like any order."""
