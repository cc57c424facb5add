"""Corpora whose trends and disagreements are known: sixty short papers each, written by templates, in invented fields.

A paper has a dated file name, a title, authors, an abstract, sections, and references that name what others did. Every
theme stands in a paper with a chance that follows its curve over the years, in one of several sentences, so that no
theme is in all papers of a year or in none; ordinary matters of the field come and go by chance beside it, and a
fashion that rises and falls again is no trend either way. Every figure but those of the disagreements is random.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

PAPERS = 60
FIRST, LAST = 2009, 2023


@dataclass(frozen=True, slots=True)
class Theme:
    name: str
    direction: str  # "rising", "falling", "vanishing", "steady"


@dataclass(frozen=True, slots=True)
class Dispute:
    matter: str  # "the {matter} of ..." is what the sources give different figures of
    unit: str
    values: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Corpus:
    field: str
    themes: tuple[Theme, ...]
    disputes: tuple[Dispute, ...]
    papers: dict[str, str]  # text by file name


# field; rising; falling; vanishing; steady; by chance; things, places, people; what disputes are about
_FIELDS = (
    (
        "orchard frost protection",
        "thermal imaging|mesh sensors|bud hydration models",
        "wind machines|overhead sprinklers",
        "oil heaters|smoke pots",
        "late frost",
        "cover crops|pear rootstocks|canopy height|leaf wetness|night inversions|soil moisture|pruning dates|hail nets",
        "blossom,orchard,cultivar,valley,row,tree,slope,grower,season,trial",
        "critical temperature of open blossom=degrees|water demand of protected rows=litres per hectare",
    ),
    (
        "coastal dune restoration",
        "drone photogrammetry|marram plugs|community wardens",
        "brushwood fences|straw bales",
        "bulldozed berms|bitumen spray",
        "storm surges",
        "sand grain size|rabbit grazing|beach access|seed banks|salt spray|wrack lines|foredune slopes|visitor counts",
        "dune,beach,transect,plot,winter,coast,ridge,ranger,survey,village",
        "survival of planted marram=percent|growth of the foredune=centimetres",
    ),
    (
        "urban bat ecology",
        "acoustic classifiers|amber streetlights|roof retrofits",
        "mist netting|radio collars",
        "banding rings|roost fumigation",
        "maternity colonies",
        "moth abundance|bridge joints|park ponds|wind gusts|cat predation|hedge corridors|moon phases|attic humidity",
        "bat,roost,district,street,colony,observer,summer,night,building,garden",
        "commuting distance of foraging females=kilometres|mortality of first-year juveniles=percent",
    ),
    (
        "clay plaster conservation",
        "nanolime consolidants|laser cleaning|moisture logging",
        "casein binders|acrylic coatings",
        "cement patches|solvent poultices",
        "salt efflorescence",
        "straw fibres|pigment layers|lime washes|wall paintings|drying cracks|mason tools|sample cores|humidity",
        "wall,chapel,plaster,layer,sample,restorer,ceiling,workshop,coating,surface",
        "tensile strength of treated plaster=kilopascals|drying time of repair mortar=hours",
    ),
    (
        "alpine dairy microbiology",
        "whole-genome sequencing|phage screening|raw-milk starters",
        "plate counts|selective broths",
        "formalin preservation|copper vats",
        "hygiene audits",
        "hay feeding|cellar moulds|rind brushing|herd size|summer pastures|salt baths|milk transport|ripening boards",
        "cheese,dairy,herd,cellar,batch,culture,producer,pasture,rind,season",
        "survival of starter strains=days|acidity of young cheese=degrees",
    ),
)  # fmt: skip
_ABOUT = {
    "any": (
        "{T} were used at {n} of the {m} sites that we visited.",
        "We relied on {t} in every {thing} of this study.",
        "The protocol for {t} followed the recommendations of the regional board.",
        "Without {t}, the differences between one {thing} and the next could not have been explained.",
        "Our experience with {t} over {n} weeks was consistent with what colleagues told us.",
        "In the {place} district, {t} cost about {n} crowns per {thing}.",
        "A closer look at {t} showed that the {thing} mattered less than the operator.",
        "{T} raised questions that a single season cannot answer.",
        "Training the staff in {t} took {n} afternoons.",
        "The second part of this paper examines {t} at {place}.",
        "We compared two ways of arranging {t}, and found little to choose between them.",
        "At {place} the introduction of {t} was followed by {n} interviews with those concerned.",
    ),
    "rising": ("{T} have become the obvious choice for a new {thing}.", "More and more groups turn to {t}."),
    "falling": ("{T} are used less often than they were.", "Few of the younger groups still work with {t}."),
    "vanishing": ("{T} were common when this work began.", "There are doubts whether {t} should be continued."),
    "steady": ("{T} remain the central concern of the field.", "As in all earlier work, {t} were recorded throughout."),
}
_FILLER = (
    "The {thing} was inspected on {n} days between March and September.",
    "Each {thing} was assigned a number, and the order of visits was drawn by lot.",
    "Weather records of the station at {place} were kindly made available to us.",
    "Of the {m} measurements planned, {n} had to be repeated.",
    "We thank the owners of the {thing} near {place} for their patience.",
    "The effect of the {thing} was larger than that of the {other}, though not by much.",
    "Results from {place} and {place2} were analysed together because they did not differ.",
    "A {thing} with a long history of neglect was left out of the analysis.",
    "Uncertainty was estimated by drawing {m} samples with replacement.",
    "Two assistants worked independently and compared their notes every week.",
    "We had expected the {thing} to respond within a month; it took {n} weeks.",
    "It is hard to say how far a result from one {thing} holds for another.",
    "The budget allowed for a visit to every {thing} in alternate weeks only.",
    "Where the {thing} was shaded by a {other}, readings were taken at noon.",
    "Nothing in these data suggests that the {other} played a part.",
    "Older accounts describe the {thing} at {place} in rather different terms.",
)
_PLACES = "Aldermoor Brenwick Castrel Dunhaven Elverton Farrowby Glenmark Hollin Istrad Kelmore Lorne Mardale".split()
_PEOPLE = (
    "Abeln Brucker Castell Dorvik Emsley Falk Grau Hedlund Ingram Joris Kemp Lund Moreau Nyberg Okafor Pell Quist "
    "Rossi Sund Tamm Ulrich Vance Weld Yates Zeller"
).split()


def corpora(count: int = 5, seed: int = 11) -> list[Corpus]:
    return [_corpus(random.Random(seed * 100 + i), _FIELDS[i]) for i in range(count)]


def chance(direction: str, when: float) -> float:
    """That a paper has a theme, at a time from 0 to 1."""
    if direction == "rising":
        return 0.04 + 0.86 / (1 + math.exp(-9 * (when - 0.55)))
    if direction == "falling":
        return 0.90 - 0.75 / (1 + math.exp(-9 * (when - 0.5)))
    if direction == "vanishing":
        return 0.75 if when < 0.35 else max(0.0, 0.75 - 2.2 * (when - 0.35)) if when < 0.68 else 0.0
    return 0.9


def _corpus(rng: random.Random, made_of: tuple[str, ...]) -> Corpus:
    field, rising, falling, vanishing, steady, by_chance, things, matters = made_of
    named = (("rising", rising), ("falling", falling), ("vanishing", vanishing), ("steady", steady))
    themes = tuple(Theme(name, direction) for direction, names in named for name in names.split("|"))
    disputes = []
    for matter in matters.split("|"):
        about, unit = matter.split("=")
        low = rng.randint(11, 39)
        disputes.append(Dispute(about, unit, (low, round(low * rng.uniform(1.5, 2.4)))))
    years = sorted(rng.choices(range(FIRST, LAST + 1), k=PAPERS))
    sides = {d: sorted(rng.sample(range(8, PAPERS - 4), 3)) for d in disputes}
    fashion, *chances = by_chance.split("|")
    papers = {}
    for number, year in enumerate(years):
        when = (year - FIRST) / (LAST - FIRST)
        held = [t for t in themes if rng.random() < chance(t.direction, when)]
        loose = [name for name in chances if rng.random() < 0.3]
        if rng.random() < 0.7 * math.exp(-(((when - 0.5) / 0.2) ** 2)):
            loose.append(fashion)
        said = [_side(rng, d, sides[d].index(number)) for d in disputes if number in sides[d]]
        title, text = _paper(rng, field, year, held, loose, said, things.split(","), themes)
        papers[f"{year}-{rng.choice(_PEOPLE).lower()}-{number:02d}-{title.split()[0].lower()}.txt"] = text
    return Corpus(field, themes, tuple(disputes), papers)


def _side(rng: random.Random, d: Dispute, part: int) -> str:
    """What a paper says: first one figure, then the other, then that they do not agree."""
    if part == 2:
        return f"Published figures for the {d.matter} disagree, and the question is still open."
    where = rng.choice(_PLACES)
    frames = (
        f"In our trials at {where} the {d.matter} was {d.values[part]} {d.unit}.",
        f"We found that the {d.matter} reached {d.values[part]} {d.unit} at {where}.",
        f"Averaged over all plots near {where}, the {d.matter} came to {d.values[part]} {d.unit}.",
    )
    return rng.choice(frames)


def _fill(rng: random.Random, template: str, things: list[str], theme: str = "") -> str:
    place, place2 = rng.sample(_PLACES, 2)
    thing, other = rng.sample(things, 2)
    return template.format(
        T=theme[:1].upper() + theme[1:], t=theme, n=rng.randint(3, 29), m=rng.randint(30, 90), thing=thing, other=other,
        place=place, place2=place2,
    )  # fmt: skip


def _paper(
    rng: random.Random, field: str, year: int, held: list[Theme], loose: list[str], said: list[str], things: list[str],
    all_themes: tuple[Theme, ...],
) -> tuple[str, str]:  # fmt: skip
    about = [t.name for t in held if t.direction != "steady"]
    subject = rng.choice(about) if about and rng.random() < 0.4 else rng.choice(things)
    place = rng.choice(_PLACES)
    title = rng.choice((f"Observations on {subject} at {place}", f"{subject.capitalize()} and {field}: a study",
                        f"Notes from {place} on {field}"))  # fmt: skip
    body: list[str] = []
    for theme in held:
        frames = _ABOUT["any"] + _ABOUT[theme.direction]
        body += [_fill(rng, f, things, theme.name) for f in rng.sample(frames, rng.randint(1, 3))]
    for name in loose:
        body += [_fill(rng, f, things, name) for f in rng.sample(_ABOUT["any"], rng.randint(1, 2))]
    body += said
    body += [_fill(rng, f, things) for f in rng.sample(_FILLER, rng.randint(7, 11))]
    rng.shuffle(body)
    third = max(1, len(body) // 3)
    sections = [
        ("1. Introduction", body[:third]),
        ("2. Methods", body[third : 2 * third]),
        ("3. Results", body[2 * third :]),
    ]
    authors = " and ".join(rng.sample(_PEOPLE, 2))
    cited = [
        f"[{n}] {rng.choice(_PEOPLE)}, {rng.choice('ABCDEF')}. {t.name.capitalize()} in practice. "
        f"Annals of Field Work {rng.randint(1, 40)}, {rng.randint(FIRST - 6, year)}."
        for n, t in enumerate(rng.sample(all_themes, 4), start=1)
    ]
    abstract = (
        f"This paper reports work on {field} carried out at {place} in {year - 1}. {' '.join(rng.sample(body, 2))}"
    )
    parts = [title, f"{authors}, {year}", f"Abstract\n{abstract}"]
    parts += [f"{heading}\n\n{' '.join(lines)}" for heading, lines in sections]
    parts.append("References\n\n" + "\n".join(cited))
    return title, "\n\n".join(parts)
