"""Recall tasks made on the fly: invented facts, said in one way and asked for in another.

Names and values are drawn from syllables, digits and letters, so that no weight can know them: an answer can only come
from the memory. The last statement and the last question of each relation are kept for evaluation and never trained on.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

ONSETS = (
    "b c d f g h j k l m n p qu r s t v w x y z br cr dr fr gr kr pr tr bl cl fl gl pl sl sk sp st th sh ch".split()
)
VOWELS = "a e i o u a e i o ae ia eo ou ei".split()
CODAS = ["", "", "", "n", "r", "l", "s", "x", "m", "th", "nd", "rk", "st", "v", "lt"]
ENDINGS = ["ite", "ine", "ane", "ium", "or", "us", "a", "en", "ol", "ex", "ar", "on", "is", "um"]
UNITS = "kelvin metres hours days kilograms volts percent kilometres seconds degrees litres watts units points tonnes".split()
COLOURS = "crimson amber violet teal ochre indigo scarlet ivory olive azure maroon turquoise".split()
# For names made of real words; none of them is in benchmarks/niah.py.
WORDS = (
    "amber angry apple arrow autumn bamboo barrel basin beacon bitter blanket blossom bold branch brave breeze bridge "
    "bright bronze bucket butter button cabin calm candle careful carpet castle cavern chalk cheerful cherry chimney "
    "circle clever clock cloud cobalt comet copper coral cotton cradle crystal curious dancing dawn deep desert "
    "diamond dizzy dragon dusty eagle early echo elder emerald empty engine fabric falcon feather fern fiddle flame "
    "flint forest fossil frozen garden garnet giant ginger glacier golden grain granite grateful hammer happy harbor "
    "hazel heavy hidden honest honey humble icy iron island ivory jade jolly journal jungle kettle kind ladder lake "
    "lemon light lively lonely loud lucky magnet maple meadow mellow merry meteor mirror misty mountain narrow needle "
    "noble nutmeg oak ocean olive orange oyster paper patient pearl pebble pepper pilot pine planet plum polite proud "
    "purple puzzle quick rain raven ribbon river rocket rough royal rusty sailor salt shadow sharp shell shy silent "
    "silver simple sleepy smooth snow spice spider spring star steady stone storm strange sugar summer swift table "
    "temple tender tiger timber tower tulip umbrella valley violin warm whale wheat wild willow window winter wise wolf"
).split()
ATTRIBUTES = (
    "melting point|capital|inventor|length|main export|operating voltage|density|founding year|colour|password|half-life|"
    "chief engineer|home town|special number|access code|mascot|boiling point|population|height|serial number|director|"
    "favourite dish|launch date|main ingredient|owner|maximum speed|license key|phone extension|room number|accuracy|"
    "error rate|sample size|learning rate|dosage|mass|resolution|wavelength|frequency|yield strength|market share|"
    "annual budget|partner city|rival|successor|native language|currency|storage limit|battery life|cost|range|"
    "score|latency|throughput|porosity|conductivity|target temperature|curing time|call sign|patron|emblem|anthem"
).split("|")


@dataclass(frozen=True)
class Relation:
    """`{e}` is the entity, `{v}` the value, `{a}` the attribute."""

    statements: tuple[str, ...]
    questions: tuple[str, ...]
    value: str
    entity: str
    attribute: str = ""


@dataclass(frozen=True)
class Fact:
    statement: str
    question: str
    answer: str


_GENERIC_STATEMENTS = (
    "The {a} of {e} is {v}.",
    "{e} has the {a} {v}.",
    "For {e}, the {a} was found to be {v}.",
    "It is known that the {a} of {e} is {v}.",
    "{e}'s {a} is {v}.",
    "The reported {a} for {e} was {v}.",
    "According to the survey, {e} has a {a} of {v}.",
    "We measured the {a} of {e} and obtained {v}.",
    "Note: {a} of {e}: {v}.",
    "As for {e}, the {a} is {v}.",
    "The {a} of {e}, as everyone knows, is {v}.",
    "{e}: the {a} is {v}.",
    "Our records give {v} as the {a} of {e}.",
    "With {e} we found a {a} of {v}.",
    "The team reported that {e} had a {a} of {v}.",
    "{e} is listed with a {a} of {v}.",
    "When asked about {e}, they gave its {a} as {v}.",
    "The {a} that belongs to {e} is {v}.",
    "In this study the {a} of {e} was {v}.",
    "Later measurements put the {a} of {e} at {v}.",
    "{v} is the {a} of {e}.",
    "Of all, {e} stands out: its {a} is {v}.",
    "In the case of {e}, its {a} turned out to be {v}.",
)
_GENERIC_QUESTIONS = (
    "What is the {a} of {e}?",
    "What was the {a} reported for {e}?",
    "Which {a} does {e} have?",
    "Tell me the {a} of {e}.",
    "{e}: what is its {a}?",
    "What is {e}'s {a}?",
    "Give the {a} of {e}.",
    "Name the {a} of {e}.",
    "{a} of {e}?",
    "{e}, {a}?",
    "Which {a} was mentioned for {e}?",
    "What {a} was given for {e}?",
    "For {e}, what is the {a}?",
    "Regarding {e}, what was said about its {a}?",
    "Do you recall the {a} of {e}?",
    "What do we know about the {a} of {e}?",
    "Find the {a} that belongs to {e}.",
    "The {a} of {e} is what?",
    "What value has the {a} of {e}?",
    "How was the {a} of {e} described?",
    "When it comes to {e}, which {a} was found?",
    "Report {e}'s {a}.",
    "Look up the {a} for {e}.",
    "State the {a} of {e}.",
)
# Said before a question, now and then, so that no single wording becomes the sign of a question that has an answer.
_OPENINGS = (
    "Please answer: ",
    "According to the text: ",
    "From memory: ",
    "Quick question. ",
    "I would like to know: ",
    "Think back. ",
    "In what you read: ",
    "One more thing: ",
    "Remember this? ",
    "To be precise, ",
    "Again: ",
    "Now, ",
)
# Said around a statement, now and then: a fact in prose seldom stands alone in its sentence.
_BEFORE = (
    "In {y}, ",
    "As noted earlier, ",
    "According to {n}, ",
    "Interestingly, ",
    "To everyone's surprise, ",
    "However, ",
    "After a long debate it was settled that ",
    "Moreover, ",
    "Table {d} shows that ",
    "For the record, ",
    "In the words of {n}, ",
    "It turned out that ",
    "By then, ",
    "We also note that ",
    "As {n} and others have shown, ",
)
_AFTER = (
    ", as {n} wrote",
    ", which surprised the reviewers",
    " (see Figure {d})",
    ", although some doubt it",
    ", and this has not changed since {y}",
    " [{d}]",
    ", which is why we mention it here",
    ", a result that was confirmed in {y}",
    ", as far as we know",
    ", at least according to {n}",
)
RELATIONS = (
    Relation(("{e} was born in {v}.", "{e} comes from {v}.", "In {v}, {e} was born.", "Born in {v}, {e} left early.", "The birthplace of {e} is {v}.", "{e} first saw the light of day in {v}.", "{e}, born in {v}, wrote several books."), ("Where was {e} born?", "Where does {e} come from?", "Name the place where {e} was born.", "Which place saw the birth of {e}?", "{e} was born where?", "Do you know where {e} was born?", "What is the birthplace of {e}?", "In which place was {e} born?"), "place", "person"),
    Relation(("{e} was founded in {v}.", "{e} has existed since {v}.", "The year {v} saw the founding of {e}.", "{e} was set up in {v}.", "The company {e} dates back to {v}.", "In {v}, a group of engineers founded {e}."), ("When was {e} founded?", "Since when does {e} exist?", "Give the year in which {e} was founded.", "How old is {e}, that is, when was it founded?", "The founding of {e} was when?", "In which year was {e} founded?", "What year does {e} date back to?"), "year", "place"),
    Relation(("{e} was discovered by {v}.", "{e} was first found by {v}.", "{v} discovered {e}.", "The discoverer of {e} is {v}.", "It was {v} who discovered {e}.", "{v} is credited with the discovery of {e}.", "The credit for finding {e} goes to {v}."), ("Who discovered {e}?", "Who found {e}?", "Name the discoverer of {e}.", "{e} was discovered by whom?", "Whose discovery is {e}?", "By whom was {e} discovered?", "Who is credited with the discovery of {e}?"), "person", "material"),
    Relation(("{e} melts at {v}.", "Samples of {e} begin to melt at {v}.", "The melting point of {e} was measured as {v}."), ("At what temperature does {e} melt?", "How hot must {e} be to melt?", "Give the melting point of {e}.", "{e} melts at what?", "Where does the melting point of {e} lie?", "What is the melting point of {e}?", "When does {e} melt?"), "number", "material"),
    Relation(("One of the special magic numbers for {e} is: {v}.", "The special magic number for {e} is {v}.", "Remember that the magic number for {e} is {v}."), ("What is the special magic number for {e}?", "What are all the special magic numbers for {e} mentioned in the provided text?", "Give the magic number of {e}.", "Magic number for {e}?", "Do you recall the special number of {e}?", "What is the magic number for {e} mentioned in the text?", "Which magic number belongs to {e}?"), "long_number", "word"),
    Relation(("One of the special magic uuids for {e} is: {v}.", "The special magic uuid for {e} is {v}.", "Remember that the magic uuid for {e} is {v}."), ("What is the special magic uuid for {e}?", "What are all the special magic uuids for {e} mentioned in the provided text?", "Give the magic uuid of {e}.", "Magic uuid for {e}?", "What is the magic uuid for {e} mentioned in the text?", "Which magic uuid belongs to {e}?"), "uuid", "word"),
    Relation(("{e}: {v}", "{e} = {v}", "{e} -> {v}", "key {e}, value {v}"), ("{e}?", "What is the value of {e}?", "Value for {e}?", "Which value does {e} have?", "Look up {e}.", "What stands next to {e}?", "What belongs to the key {e}?"), "code", "code"),
    Relation(("{e} works for {v}.", "{v} employs {e}.", "{e} has a position at {v}.", "{e} joined {v} as an engineer.", "The employer of {e} is {v}.", "{e} is employed by {v}.", "For years {e} has been on the staff of {v}."), ("Who does {e} work for?", "Where is {e} employed?", "Name the employer of {e}.", "{e} is employed by whom?", "For whom does {e} work?", "What is the employer of {e}?", "Who employs {e}?"), "place", "person"),
    Relation(("The method {e} reaches an accuracy of {v}.", "{e} achieves {v} accuracy on the test set.", "With {e} we obtain an accuracy of {v}."), ("What accuracy does {e} reach?", "Give the accuracy of {e}.", "How well does {e} do?", "{e} reaches which accuracy?", "Report the accuracy of {e}.", "How accurate is {e}?", "Which accuracy was obtained with {e}?"), "percent", "material"),
    Relation(("{e} is painted {v}.", "The colour of {e} is {v}.", "Everyone knows {e} by its {v} colour."), ("What colour is {e}?", "Which colour does {e} have?", "Name the colour of {e}.", "{e} is of what colour?", "How is {e} painted?", "What is the colour of {e}?", "In which colour is {e} painted?"), "colour", "place"),
    Relation(("{e} is married to {v}.", "The spouse of {e} is {v}.", "{e} and {v} have been married for ten years."), ("Who is {e} married to?", "Name the spouse of {e}.", "{e} is married to whom?", "Whom did {e} marry?", "Who is the husband or wife of {e}?", "Who is the spouse of {e}?", "To whom is {e} married?"), "person", "person"),
    Relation(("{e} is located in {v}.", "{e} stands in {v}.", "In {v} there is {e}.", "{v} is where {e} is.", "You will find {e} in {v}.", "{e} lies in the region of {v}."), ("Where is {e} located?", "Where does one find {e}?", "Name the region of {e}.", "{e} is in which region?", "In what place is {e}?", "Where can {e} be found?", "In which region does {e} lie?"), "place", "place"),
)  # fmt: skip


class Maker:
    """Draws facts from a seeded generator."""

    def __init__(self, rng: random.Random, *, evaluation: bool = False) -> None:
        self.rng = rng
        self.evaluation = evaluation

    def syllable(self) -> str:
        r = self.rng
        return r.choice(ONSETS) + r.choice(VOWELS) + r.choice(CODAS)

    def name(self) -> str:
        return "".join(self.syllable() for _ in range(self.rng.choice((1, 2, 2, 2, 3)))).capitalize()

    def value(self, kind: str) -> str:
        r = self.rng
        if kind == "person":
            return f"{self.name()} {self.name()}"
        if kind == "place":
            return self.name() + r.choice(("", "", "", " Bay", "burg", "ton", "ia", " Valley"))
        if kind == "material":
            return (
                self.name().lower() + r.choice(ENDINGS) if r.random() < 0.6 else f"{self.name()}-{r.randrange(1, 99)}"
            )
        if kind == "word":
            if r.random() < 0.6:
                return f"{r.choice(WORDS)}{r.choice('-- ')}{r.choice(WORDS)}"
            return self.name().lower()
        if kind == "year":
            return str(r.randrange(1700, 2040))
        if kind == "number":
            figure = str(r.randrange(2, 10 ** r.randrange(1, 5))) + (
                f".{r.randrange(1, 10)}" if r.random() < 0.3 else ""
            )
            return f"{figure} {r.choice(UNITS)}"
        if kind == "percent":
            return f"{r.randrange(1, 100)}.{r.randrange(0, 10)}%"
        if kind == "long_number":
            return str(r.randrange(10**6, 10**7))
        if kind == "uuid":
            digits = "".join(r.choice("0123456789abcdef") for _ in range(32))
            return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
        if kind == "code":
            return "".join(r.choice("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789") for _ in range(r.randrange(3, 7)))
        if kind == "colour":
            return r.choice(COLOURS)
        raise ValueError(kind)

    def relation(self) -> Relation:
        r = self.rng
        if r.random() < 0.55:
            kinds = (
                "number",
                "number",
                "place",
                "person",
                "material",
                "year",
                "percent",
                "code",
                "long_number",
                "colour",
            )
            return Relation(
                _GENERIC_STATEMENTS,
                _GENERIC_QUESTIONS,
                r.choice(kinds),
                r.choice(("person", "place", "material", "material", "place", "code", "word")),
                r.choice(ATTRIBUTES),
            )
        weights = [0.3 if rel.value == "uuid" else 1.0 for rel in RELATIONS]  # a uuid is thirty tokens long
        return r.choices(RELATIONS, weights)[0]

    def _phrase(self, phrasings: tuple[str, ...]) -> str:
        return phrasings[-1] if self.evaluation else self.rng.choice(phrasings[:-1])

    def _framed(self, statement: str) -> str:
        r = self.rng
        fill = {"n": self.name(), "y": r.randrange(1900, 2030), "d": r.randrange(1, 40)}
        if r.random() < 0.3:
            statement = r.choice(_BEFORE).format(**fill) + statement
        if r.random() < 0.2 and statement.endswith("."):
            statement = statement[:-1] + r.choice(_AFTER).format(**fill) + "."
        return statement

    def fact(self, relation: Relation | None = None, entity: str | None = None) -> tuple[Fact, Relation, str]:
        relation = relation or self.relation()
        entity = entity or self.value(relation.entity)
        value = self.value(relation.value)
        fill = {"e": entity, "v": value, "a": relation.attribute}
        statement = self._phrase(relation.statements).format(**fill)
        question = self._phrase(relation.questions).format(**fill)
        if not self.evaluation and self.rng.random() < 0.25:
            question = self.rng.choice(_OPENINGS) + question
        if not self.evaluation and relation.value != "code":
            statement = self._framed(statement)
        return Fact(statement[0].upper() + statement[1:], question[0].upper() + question[1:], value), relation, entity
