"""Learning by trading: a market as an environment, an account that pays for what it does, and policies that act in it.

Gymnasium and stable-baselines3 are needed to learn; a policy that was learnt needs numpy and torch alone.
"""
