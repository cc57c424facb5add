"""What documents are about: clusters of them, named by what sets them apart.

A document's vector is its words by TF-IDF, without those that are common in general English, and the first singular
directions of that (latent semantic analysis; Deerwester et al. 1990). Ward's clustering of the vectors gives centres,
k-means moves them, the silhouette (Rousseeuw 1987) chooses how many. A document that is no nearer to its centre than
documents are to other centres on the average is in no topic. Names are phrases by their log-odds in the topic against
the rest of the pile, with the pile as the prior (Monroe, Colaresi and Quinn 2008), and by how much more common they are
than in general English.

Documents are taken in the order of what they say, so that no order of reading changes a topic.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from titans_cli.answers.corpus import Text
from titans_cli.answers.whole.background import background
from titans_cli.answers.whole.phrases import Key, Phrase, content, key_of, phrases_in, related
from titans_cli.answers.whole.trends import Vector, excess, says_something

LEAST = 4  # documents
FEW = 20  # ... of which that is too few for a silhouette to say how many topics there are
DIRECTIONS = 100  # singular ones
GENERAL = 20.0  # a word in a twentieth of general English weighs half as much as one that is not in it
MOST_TOPICS = 12  # what a page holds
SIZE = 4  # documents of a topic on the average, at least
SMALLEST = 3  # documents of a topic
WARD = 2000  # documents that are clustered by Ward's method; k-means moves the others to its centres
NAMES = 4  # phrases that name a topic
TERMS = 10  # words of a topic
PRIOR = 10.0  # documents that the pile as a whole counts as, beside a topic's
HELD = 0.1  # of a topic's documents, by a phrase that names it
DISTINCT, MOST_EXCESS = 1.5, 5.0  # z of its log-odds; more than that beyond general English says no more
CENTRAL = 3  # documents


class Topic(NamedTuple):
    names: tuple[Phrase, ...]  # best first
    terms: tuple[str, ...]  # its most typical words
    documents: tuple[int, ...]  # most central first


def vectors(texts: Sequence[Text]) -> Vector | None:
    """Unit rows [N, D] of the documents; None when they are too few or share no words."""
    if len(texts) < LEAST:
        return None
    from scipy.sparse import csr_matrix
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize

    counts = [Counter(_words(text)) for text in texts]
    held = Counter(word for count in counts for word in count)
    columns = {w: i for i, w in enumerate(sorted(w for w, n in held.items() if 2 <= n <= len(texts) / 2))}
    if len(columns) < 3:
        return None
    weight = {w: math.log(len(texts) / held[w]) / (1 + GENERAL * background().share((w,))) for w in columns}
    cells = [
        (row, columns[w], (1 + math.log(n)) * weight[w])
        for row, count in enumerate(counts)
        for w, n in count.items()
        if w in columns
    ]
    rows, places, values = zip(*cells, strict=True)
    matrix: Any = csr_matrix((values, (rows, places)), shape=(len(texts), len(columns)))
    size = min(DIRECTIONS, len(texts) - 1, len(columns) - 1)
    reduced = TruncatedSVD(size, algorithm="arpack", random_state=0).fit_transform(normalize(matrix))
    return _unit(np.asarray(reduced, dtype=np.float64))


def _words(text: Text) -> Iterator[str]:
    for sentence in text.sentences:
        for key, _ in phrases_in(sentence.text, content, 1):
            yield key[0]


def _unit(rows: Vector) -> Vector:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norms > 1e-12, norms, 1.0))


def clusters(rows: Vector, order: Sequence[int]) -> list[list[int]]:
    """Documents of every topic, most central first; the largest topic first. `order`: in which they are taken."""
    from sklearn.cluster import AgglomerativeClustering, KMeans
    from sklearn.metrics import silhouette_score

    taken = rows[list(order)]
    some = taken[:WARD]
    counts = _counts(len(rows))
    best: tuple[float, Any, Vector] | None = None
    for count in counts:
        ward = AgglomerativeClustering(n_clusters=count, linkage="ward").fit_predict(some)
        centres = _unit(np.stack([some[ward == k].mean(axis=0) for k in range(count)]))
        means = KMeans(n_clusters=count, init=centres, n_init=1, max_iter=50, random_state=0).fit(taken)
        labels = means.labels_
        if len(set(labels)) < 2:
            continue
        score = 0.0 if len(counts) == 1 else float(silhouette_score(taken[:WARD], labels[:WARD], metric="cosine"))
        if best is None or score > best[0] + 1e-9:
            best = (score, labels, _unit(np.asarray(means.cluster_centers_)))
    if best is None:
        return []
    _, labels, centres = best
    near = taken @ centres.T
    own = near[np.arange(len(taken)), labels]
    near[np.arange(len(taken)), labels] = -np.inf
    stray = near.max(axis=1).mean()
    found = []
    for k in range(len(centres)):
        members = [i for i in np.flatnonzero(labels == k) if own[i] > stray]
        if len(members) >= SMALLEST:
            found.append([int(order[int(i)]) for i in sorted(members, key=lambda i: (-round(float(own[i]), 9), i))])
    return sorted(found, key=lambda members: -len(members))


def _counts(documents: int) -> list[int]:
    """How many topics are tried."""
    if documents < FEW:
        return [max(2, min(documents // SIZE, 4))]
    most = min(MOST_TOPICS, documents // (2 * SIZE))
    return list(range(max(2, most // 3), most + 1))


def topics(texts: Sequence[Text], rows: Vector | None, found: Sequence[Phrase]) -> list[Topic]:
    """The largest first. `found`: the phrases of the documents."""
    if rows is None:
        return []
    said = [" ".join(s.text for s in text.sentences) for text in texts]
    order = sorted((n for n in range(len(texts)) if said[n] and rows[n].any()), key=lambda n: (said[n], n))
    if len(order) < LEAST:
        return []
    held: Counter[str] = Counter()
    written: dict[str, Counter[str]] = {}
    of: list[set[str]] = []
    for text in texts:
        mine = set()
        for sentence in text.sentences:
            for key, form in phrases_in(sentence.text, content, 1):
                mine.add(key[0])
                written.setdefault(key[0], Counter())[form.lower()] += 1
        of.append(mine)
        held.update(mine)
    made = []
    for members in clusters(rows, order):
        inside = Counter(w for n in members for w in of[n])
        size, rest = len(members), len(order) - len(members)
        scored = sorted(
            ((-_log_odds(n, size, held[w] - n, rest), w) for w, n in inside.items() if n >= 2), key=lambda x: x
        )
        terms = tuple(min(written[w].items(), key=lambda f: (-f[1], f[0]))[0] for _, w in scored[:TERMS])
        made.append(Topic(tuple(_names(set(members), rest, found, len(texts))), terms, tuple(members)))
    return [t for t in made if t.names]


def _log_odds(inside: int, size: int, outside: int, rest: int) -> float:
    """The z of a difference of log-odds, with the pile as the prior."""
    share = (inside + outside) / (size + rest)
    prior = PRIOR * min(share, 0.95)  # what all have is no certainty
    a, b = inside + prior, outside + prior
    odds = math.log(a / (size + PRIOR - a)) - math.log(b / (rest + PRIOR - b))
    return odds / math.sqrt(1 / a + 1 / b)


def _names(members: set[int], rest: int, found: Sequence[Phrase], documents: int) -> Iterator[Phrase]:
    """Those that set the topic apart from the pile and from general English, none sharing a word with another."""
    scored = []
    for p in found:
        inside = len(p.documents & members)
        if inside < max(2, HELD * len(members)) or not says_something(p, documents):
            continue
        z = _log_odds(inside, len(members), len(p.documents) - inside, rest)
        if z >= DISTINCT:
            scored.append((-z * min(MOST_EXCESS, excess(p, documents)), p.key, p))
    chosen: list[Key] = []
    for _, key, p in sorted(scored, key=lambda s: s[:2]):
        if len(chosen) == NAMES:
            break
        if not any(related(key, other) or len(set(key) & set(other)) for other in chosen):
            chosen.append(key)
            yield p


def about(text: str, topic: Topic) -> float:
    """How much a sentence says of a topic, for its length."""
    words = [key[0] for key, _ in phrases_in(text, content, 1)]
    terms = {key_of(t)[0]: 1 / (2 + i) for i, t in enumerate(topic.terms) if key_of(t)}
    named = sum(1.0 for p in topic.names if p.form.lower() in text.lower())
    return (sum(terms.get(w, 0.0) for w in set(words)) + named) / (12 + len(words))
