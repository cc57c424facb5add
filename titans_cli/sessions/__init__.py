"""The use-cases. They take plain values, yield or return records, and print nothing.

engines.py    the model a session was made with
ingest.py     read documents into a session
ask.py        answer from a session
lifecycle.py  new, list, show, use, promote, discard; long-term memory
gate.py       what a session must show before it is promoted
once.py       ingest and ask in a throw-away session
"""
