"""The keeper: our interface inside supervisord, which keeps programs running by their policy.

It uses the standard library and supervisor itself, nothing else.
"""
