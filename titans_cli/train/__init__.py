"""The outer loop that makes the embedded model (`python -m titans_cli.train`). Needs the `train` extra.

corpus.py   real text to tokenised sentences; question-passage pairs
tasks.py    recall tasks made on the fly: nonce facts, phrasings, questions
streams.py  text and facts packed into training streams
loop.py     losses, evaluation, checkpoints
"""
