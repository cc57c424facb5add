"""Topics of three piles, by the product, by BERTopic over the same vectors and by NMF, against each other.

npmi       normalised pointwise mutual information of the pairs among a topic's ten words, by the documents of the whole
           source that the pile was drawn from; -1 for two that never meet (Bouma 2009; Lau et al. 2014)
diversity  share of different words among the ten words of all topics (Dieng et al. 2020)
nmi        normalised mutual information of topics and known classes, of the documents that have one; documents outside
           every topic count as a topic of their own, whoever made it
coverage   share of documents in a topic
"""

from __future__ import annotations

import importlib.util
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from titans_cli.train.corpus import read_jsonl

WORDS = 10
SEED = 42  # of UMAP
HEAD = 4000  # characters of a document: a pile of whole PEPs takes half an hour to read
BOOKS, SECTIONS = 12, 30
OTHERS = 150  # PEPs without a topic among those with one
_TOKEN = re.compile(r"[^\W\d_][\w-]+")
# The "Topic:" header of PEPs, which the texts lack: https://peps.python.org/topic/ (public domain), by number.
PEP_TOPICS = {
    "packaging": "241 243 262 301 314 345 365 370 376 381 386 390 396 425 426 427 438 440 449 453 458 459 464 470 477 "
    "480 491 496 503 508 513 516 517 518 527 541 566 571 582 592 599 600 609 610 621 625 627 629 631 632 "
    "633 639 643 650 656 658 660 662 665 668 685 691 694 700 704 708 710 711 714 715 721 722 723 725 735 "
    "740 751 752 753 755 759 763 766 770 771 772 773 777 778 780 783 792 794",
    "typing": "482 483 484 526 544 560 561 563 585 586 589 591 593 604 612 613 645 646 647 649 655 673 675 677 681 "
    "688 692 695 696 698 702 705 718 724 727 728 729 742 746 747 764 767 781 800",
    "release": "160 200 226 251 283 320 356 361 373 375 392 398 404 429 478 494 537 569 596 619 664 693 719 745 790",
    "governance": "13 8000 8001 8002 8010 8011 8012 8013 8014 8015 8016 8100 8101 8102 8103 8104 8105 8106 8107",
}
Vectors = npt.NDArray[np.float64]  # [N, D]


class Pile(NamedTuple):
    texts: dict[str, str]  # by file name
    classes: dict[str, str]  # of those files that have one
    source: Sequence[str]  # all texts of the kind, to count words in


class Topics(NamedTuple):
    """What somebody made of a pile: of every topic its words, of every file its topic; -1 or no entry for none."""

    words: list[list[str]]
    topic: dict[str, int]


def peps(data: Path) -> Pile:
    known = {number: topic for topic, numbers in PEP_TOPICS.items() for number in numbers.split()}
    records = {r["id"].split("-")[-1].lstrip("0"): r for r in read_jsonl(data / "text" / "peps.jsonl.zst")}
    others = random.Random(0).sample(sorted(records.keys() - known.keys()), OTHERS)
    chosen = {f"pep-{n}.txt": records[n]["text"][:HEAD] for n in sorted({*others, *(known.keys() & records.keys())})}
    classes = {f"pep-{n}.txt": topic for n, topic in known.items() if n in records}
    return Pile(chosen, classes, [r["text"] for r in records.values()])


def openstax(data: Path) -> Pile:
    books: dict[str, list[str]] = defaultdict(list)
    for r in read_jsonl(data / "text" / "openstax.jsonl.zst"):
        books[r["title"].split(":")[0]].append(r["text"])
    rng = random.Random(0)
    chosen = rng.sample(sorted(b for b, sections in books.items() if len(sections) >= 2 * SECTIONS), BOOKS)
    texts, classes = {}, {}
    for n, book in enumerate(chosen):
        for m, text in enumerate(rng.sample(books[book], SECTIONS)):
            file = f"section-{n:02d}{m:02d}.txt"
            texts[file], classes[file] = text[:HEAD], book
    return Pile(texts, classes, [text for sections in books.values() for text in sections])


def bertopic_there() -> bool:
    return importlib.util.find_spec("bertopic") is not None


def bertopic(pile: Pile, vectors: Vectors) -> Topics:
    """BERTopic as its documentation has it: UMAP, HDBSCAN, class TF-IDF; English stop words left out of the words."""
    from bertopic import BERTopic
    from sklearn.feature_extraction.text import CountVectorizer
    from umap import UMAP

    reduce = UMAP(n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", random_state=SEED)
    made: Any = BERTopic(umap_model=reduce, vectorizer_model=CountVectorizer(stop_words="english"))
    given, _ = made.fit_transform(list(pile.texts.values()), vectors)
    numbers = sorted(set(given) - {-1})
    words = [[word for word, _ in made.get_topic(n)][:WORDS] for n in numbers]
    return Topics(words, dict(zip(pile.texts, map(int, given), strict=True)))


def nmf(pile: Pile, count: int) -> Topics:
    """Non-negative factors of TF-IDF, so many as ours has topics; a document is of its largest."""
    from sklearn.decomposition import NMF
    from sklearn.feature_extraction.text import TfidfVectorizer

    weigh = TfidfVectorizer(stop_words="english", min_df=2, max_df=0.5, sublinear_tf=True)
    made = NMF(n_components=count, init="nndsvd", max_iter=400, random_state=SEED)
    shares = made.fit_transform(weigh.fit_transform(pile.texts.values()))
    names = weigh.get_feature_names_out()
    words = [[str(names[i]) for i in row.argsort()[::-1][:WORDS]] for row in made.components_]
    return Topics(words, dict(zip(pile.texts, map(int, shares.argmax(axis=1)), strict=True)))


def lsa(texts: Iterable[str]) -> Vectors:
    """TF-IDF and its hundred first singular directions, unit rows: what BERTopic gets if the product has no vectors."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    weighed = TfidfVectorizer(stop_words="english", min_df=2, max_df=0.5, sublinear_tf=True).fit_transform(texts)
    reduce = TruncatedSVD(n_components=min(100, min(weighed.shape) - 1), random_state=SEED)
    return np.asarray(normalize(reduce.fit_transform(weighed)), dtype=np.float64)


def figures(pile: Pile, made: Topics) -> dict[str, float]:
    from sklearn.metrics import normalized_mutual_info_score

    every = [w for words in made.words for w in words]
    found = {
        "npmi": npmi(made.words, pile.source),
        "diversity": len(set(every)) / max(1, len(every)),
        "coverage": sum(made.topic.get(file, -1) >= 0 for file in pile.texts) / len(pile.texts),
        "topics": float(len(made.words)),
    }
    if pile.classes:
        files = sorted(pile.classes)
        truth, told = [pile.classes[f] for f in files], [made.topic.get(f, -1) for f in files]
        found["nmi"] = float(normalized_mutual_info_score(truth, told))
    return found


def npmi(topics: Sequence[Sequence[str]], source: Sequence[str]) -> float:
    """The mean over topics of the mean over the pairs of its words."""
    wanted = {w for words in topics for w in words}
    holders: dict[str, set[int]] = {w: set() for w in wanted}
    for number, text in enumerate(source):
        for word in wanted.intersection(_TOKEN.findall(text.lower())):
            holders[word].add(number)
    means = []
    for words in topics:
        pairs = [_npmi(holders[a], holders[b], len(source)) for a, b in combinations(words, 2)]
        if pairs:
            means.append(sum(pairs) / len(pairs))
    return sum(means) / max(1, len(means))


def _npmi(a: set[int], b: set[int], of: int) -> float:
    both = len(a & b) / of
    if not both:
        return -1.0
    if both == 1.0:
        return 1.0
    return float(np.log(both * of * of / (len(a) * len(b))) / -np.log(both))
