"""What a pile of documents says as a whole, from counts over all of them; no model takes part.

phrases.py  which phrases which documents have; variants and acronyms joined
topics.py   clusters of documents, and their names
trends.py   what comes and goes over the years
"""

from titans_cli.answers.whole.phrases import Phrase, phrases
from titans_cli.answers.whole.topics import Topic, topics, vectors
from titans_cli.answers.whole.trends import Trend, trends

__all__ = ["Phrase", "Topic", "Trend", "phrases", "topics", "trends", "vectors"]
