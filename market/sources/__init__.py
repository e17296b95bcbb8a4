"""Text, chain and macro from outside: sources say what they saw, the intake decides what it is worth."""
