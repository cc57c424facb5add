"""What documents are about: clusters of them, named by what sets them apart.

A document's vector is its words by TF-IDF, without those that are common in general English, and the first singular
directions of that (latent semantic analysis; Deerwester et al. 1990). Ward's clustering of the vectors gives centres,
k-means moves them. How many there are is chosen by the modularity (Newman and Girvan 2004) of the graph that joins
every document to its nearest. A document that is no nearer to its centre than documents are to other centres on the
average is in no topic. Of the phrases that set a topic apart, by their log-odds in it against the rest of the pile with
the pile as the prior (Monroe, Colaresi and Quinn 2008), and from general English, those name it that tell most of
whether a document is of it, by mutual information (Manning, Raghavan and Schütze 2008, 17.7); its terms are, of the
words that set it apart, those that weigh most in its documents.

Documents are taken in the order of what they say, so that no order of reading changes a topic.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from titans_cli.answers.background import Key, background
from titans_cli.answers.quantities import MONTHS
from titans_cli.answers.whole.phrases import Phrase, key_of, related
from titans_cli.answers.whole.terms import PileTerms, content, phrases_in
from titans_cli.answers.whole.trends import Vector

LEAST = 4  # documents
# Singular directions and nearest documents: of five piles with known classes (textbooks and novels by book, proposals
# and six kinds of text by source; none of them measured by benchmarks.synthesis), 30 and 15 were right about the number
# of topics in three and nearly in one, with a mean NMI of 0.89 (0.84 to 0.91 for 20 to 60 directions, 0.81 for 10
# nearest); silhouettes wanted as many topics as they might have.
DIRECTIONS, NEAREST = 30, 15
GENERAL = 20.0  # a word in a twentieth of general English weighs half as much as one that is not in it
MOST_TOPICS = 20
SIZE = 4  # documents of a topic: half of the average, at least
SMALLEST = 3  # documents of a topic
ROUNDS = 50  # of moving centres
WARD = 2000  # documents that are clustered by Ward's method; k-means moves the others to its centres
NAMES = 4  # phrases that name a topic
TERMS, APART = 10, 60  # words of a topic, and those that set it apart, of which they are taken
PRIOR = 10.0  # documents that the pile as a whole counts as, beside a topic's
HELD = 0.1  # of a topic's documents, by a phrase that names it
DISTINCT = 1.5  # z of its log-odds
CENTRAL = 3  # documents
EXCESS, EXCESS_ALONE = 1.0, 2.0  # log of how many times as common as in general English: of the rarest word; a lone one
COMMON, RARE = 0.15, 0.003  # a lone word that more documents have is vocabulary, unless it is rarer in general English


class Topic(NamedTuple):
    names: tuple[Phrase, ...]  # best first
    terms: tuple[str, ...]  # its most typical words
    documents: tuple[int, ...]  # most central first


def vectors(terms: PileTerms) -> Vector | None:
    """Unit rows [N, D] of the documents; None when they are too few or share no words."""
    documents = len(terms.texts)
    if documents < LEAST:
        return None
    from scipy.sparse import csr_matrix, diags_array
    from scipy.sparse.linalg import svds

    held = terms.held
    columns = np.flatnonzero((held >= 2) & (held <= documents / 2))
    if len(columns) < 3:
        return None
    general = np.array([background().share((terms.stems[c],)) for c in columns])
    weight = np.log(documents / held[columns]) / (1 + GENERAL * general)
    matrix: Any = csr_matrix(terms.counts[:, columns], dtype=np.float64)
    matrix.data = 1 + np.log(matrix.data)
    matrix = csr_matrix(matrix.multiply(weight))
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1))).ravel()
    matrix = diags_array(1 / np.where(lengths > 0, lengths, 1.0)) @ matrix
    size = min(DIRECTIONS, documents - 1, len(columns) - 1)
    begin = np.random.default_rng(0).uniform(-1.0, 1.0, min(matrix.shape))  # or the directions differ from run to run
    left, values, _ = svds(matrix, size, v0=begin)
    return _unit(np.asarray((left * values)[:, ::-1], dtype=np.float64))


def _unit(rows: Vector) -> Vector:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norms > 1e-12, norms, 1.0))


def clusters(rows: Vector, order: Sequence[int]) -> list[list[int]]:
    """Documents of every topic, most central first; the largest topic first. `order`: in which they are taken."""
    from scipy.cluster.hierarchy import fcluster, linkage

    taken = rows[list(order)]
    some = taken[:WARD]
    tree, near = linkage(some, "ward"), _neighbours(some)
    best: tuple[float, Vector, Vector] | None = None
    for count in _counts(len(rows)):
        ward = fcluster(tree, count, "maxclust")
        centres = _unit(np.stack([some[ward == k].mean(axis=0) for k in sorted(set(ward))]))
        labels, means = _moved(taken, centres)
        if len(set(labels)) < 2:
            continue
        score = _modularity(near, labels[:WARD])
        if best is None or score > best[0] + 1e-9:
            best = (score, labels, _unit(means))
    if best is None:
        return []
    _, labels, centres = best
    close = taken @ centres.T
    own = close[np.arange(len(taken)), labels]
    close[np.arange(len(taken)), labels] = -np.inf
    stray = close.max(axis=1).mean()
    groups = []
    for k in range(len(centres)):
        members = [i for i in np.flatnonzero(labels == k) if own[i] > stray]
        if len(members) >= SMALLEST:
            groups.append([int(order[int(i)]) for i in sorted(members, key=lambda i: (-round(float(own[i]), 9), i))])
    return sorted(groups, key=lambda members: -len(members))


def _moved(rows: Vector, centres: Vector) -> tuple[Vector, Vector]:
    """Every document's centre and the centres, moved to the means of their documents until none changes its own (Lloyd
    1982). A centre that loses all of them stays where it is."""
    from scipy.cluster.vq import vq

    labels, _ = vq(rows, centres)
    for _ in range(ROUNDS):
        centres = np.stack(
            [rows[labels == k].mean(axis=0) if (labels == k).any() else c for k, c in enumerate(centres)]
        )
        before, (labels, _) = labels, vq(rows, centres)
        if (before == labels).all():
            break
    return labels, centres


def _counts(documents: int) -> list[int]:
    """How many topics are tried."""
    most = max(2, min(MOST_TOPICS, documents // (2 * SIZE)))
    return list(range(2, most + 1))


def _neighbours(rows: Vector) -> Vector:
    """Cosines [N, N] of documents of which one is among the nearest of the other; 0 elsewhere."""
    cosines = np.round(rows @ rows.T, 9)
    np.fill_diagonal(cosines, -1.0)
    count = min(NEAREST, max(1, len(rows) // SIZE))
    bound = np.partition(cosines, -count, axis=1)[:, -count, None]
    kept = np.where(cosines >= bound, np.maximum(cosines, 0.0), 0.0)
    return np.asarray(np.maximum(kept, kept.T))


def _modularity(near: Vector, labels: Vector) -> float:
    """Share of the weight between documents of one topic, beyond what the documents' weights would give by chance."""
    belongs = np.asarray(labels[:, None] == np.unique(labels), dtype=np.float64)
    total = float(near.sum())
    if total <= 0:
        return 0.0
    inside = float(((near @ belongs) * belongs).sum()) / total
    return inside - float(((near.sum(axis=1) @ belongs / total) ** 2).sum())


def topics(terms: PileTerms, rows: Vector | None, phrases: Sequence[Phrase]) -> list[Topic]:
    """The largest first. `phrases`: those of the documents."""
    if rows is None:
        return []
    texts = [" ".join(s.text for s in text.sentences) for text in terms.texts]
    order = sorted((n for n in range(len(texts)) if texts[n] and rows[n].any()), key=lambda n: (texts[n], n))
    if len(order) < LEAST:
        return []
    weights = _weights(terms)
    held = np.bincount(terms.counts[order].indices, minlength=len(terms.stems))  # of these
    taken = frozenset(order)
    made = []
    for members in clusters(rows, order):
        size, rest = len(members), len(order) - len(members)
        inside = np.bincount(terms.counts[members].indices, minlength=len(held))
        several = np.flatnonzero(inside >= 2).tolist()
        odds = {w: _log_odds(int(inside[w]), size, int(held[w] - inside[w]), rest) for w in several}
        apart = sorted(odds, key=lambda w: (-odds[w], w))[:APART]
        total = np.asarray(weights[members][:, apart].sum(axis=0)).ravel()
        weight = {w: round(float(total[i]), 9) for i, w in enumerate(apart)}
        usual = tuple(terms.forms[w] for w in sorted(apart, key=lambda w: (-weight[w], w))[:TERMS])
        names = tuple(topic_names(set(members), taken, phrases, len(texts)))
        made.append(Topic(names, usual, tuple(members)))
    return [t for t in made if t.names]


def _weights(terms: PileTerms) -> Any:
    """TF-IDF [N, V] of the words that several documents have, sparse; every document's have length one."""
    from scipy.sparse import csr_matrix, diags_array

    held = terms.held
    weight = np.where(held > 1, np.log(len(terms.texts) / np.maximum(held, 1)), 0.0)
    matrix: Any = csr_matrix(terms.counts, dtype=np.float64)
    matrix.data = (1 + np.log(matrix.data)) * weight[matrix.indices]
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1))).ravel()
    return csr_matrix(diags_array(1 / np.where(lengths > 0, lengths, 1.0)) @ matrix)


def _log_odds(inside: int, size: int, outside: int, rest: int) -> float:
    """The z of a difference of log-odds, with the pile as the prior."""
    share = (inside + outside) / (size + rest)
    prior = PRIOR * min(share, 0.95)  # what all have is no certainty
    a, b = inside + prior, outside + prior
    odds = math.log(a / (size + PRIOR - a)) - math.log(b / (rest + PRIOR - b))
    return odds / math.sqrt(1 / a + 1 / b)


def _mutual_information(inside: int, size: int, outside: int, rest: int) -> float:
    """Nats that a phrase tells of being in the topic: `inside` of its `size` documents have it, `outside` of the
    `rest`."""
    documents, has = size + rest, inside + outside
    cells = (
        (inside, has, size),
        (outside, has, rest),
        (size - inside, documents - has, size),
        (rest - outside, documents - has, rest),
    )
    return sum(n / documents * math.log(n * documents / (row * column)) for n, row, column in cells if n)


def topic_names(
    members: set[int], taken: frozenset[int], phrases: Sequence[Phrase], documents: int
) -> Iterator[Phrase]:
    """Those that set the topic apart from the pile and from general English and tell most of what is of it, none
    sharing a word with another. `taken`: the documents that were clustered.

    What is general English in every phrase that sets it apart is named by them all the same.
    """
    scored, plain = [], []
    for p in phrases:
        inside = len(p.documents & members)
        counts = inside, len(members), len(p.documents & taken) - inside, len(taken) - len(members)
        if inside < max(2, HELD * len(members)) or _log_odds(*counts) < DISTINCT:
            continue
        score = (-_mutual_information(*counts), p.key, p)
        plain.append(score)
        if says_something(p, documents):
            scored.append(score)
    chosen: list[Key] = []
    for _, key, p in sorted(scored or plain, key=lambda s: s[:2]):
        if len(chosen) == NAMES:
            break
        if not any(related(key, other) or len(set(key) & set(other)) for other in chosen):
            chosen.append(key)
            yield p


def says_something(p: Phrase, documents: int) -> bool:
    """Whether it, and its rarest word, is far more common here than in general English, and no month: it may name a
    topic."""
    if MONTHS.issuperset(p.form.lower().split()):
        return False
    table, share = background(), len(p.documents) / documents
    rarest = math.log(share / table.rarest(p.key))
    if len(p.key) > 1:
        return rarest >= EXCESS
    return rarest >= EXCESS_ALONE and (share <= COMMON or table.share(p.key) <= RARE)


def about(text: str, topic: Topic) -> float:
    """How much a sentence says of a topic, for its length."""
    words = [key[0] for key, _ in phrases_in(text, content, 1)]
    terms = {key_of(t)[0]: 1 / (2 + i) for i, t in enumerate(topic.terms) if key_of(t)}
    named = sum(1.0 for p in topic.names if p.form.lower() in text.lower())
    return (sum(terms.get(w, 0.0) for w in set(words)) + named) / (12 + len(words))
