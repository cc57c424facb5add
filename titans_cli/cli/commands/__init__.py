"""The commands: `titans NOUN ...` is `NOUN.py`, and an example of each stands with it.

A command names its options, makes a request of them, calls one use-case and hands the result to `render/`. It prints
nothing by itself but what it asks, leaves errors to `main`, and imports a use-case when it is called and no sooner.
"""
