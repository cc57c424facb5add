"""Question to evidence to answer: extractive, cited, and honest about what is not there.

    intent -> retrieve -> rank -> read -> claims -> cite -> answer

request.py     how a question is to be answered, and with what
compose.py     who answers it: the catalogue, the whole, a few documents, or facts

intent.py      what a question asks, by the forms in lexicon/
question.py    its terms, what each is worth, where they stand
words.py       words, stems, stop words
spelling.py    misspelled names

landmarks.py   a vector per block, to jump to those that matter
evidence.py    which blocks: words, landmarks and the memory's own recollection, fused
extract.py     which sentences of them
definition.py  ... that say what something is

premise.py     whether what is asked is said of what it is asked about
reading.py     the answer proper, by a language model that reads the passages
span.py        ... by its form
verdict.py     ... yes or no
dates.py       ... a time that is told by the day of writing
quantities.py  figures and dates in sentences, and what they measure
facts.py       all of that, for a question of one matter

claims.py      whether a sentence is supported by what it cites
cite.py        citations, every quote checked against the retained text
cards.py       questions of the catalogue
pile.py        which documents speak of a matter
deliberate.py  a question of several parts
compare.py     two things, point by point
reason.py      a question put to a reasoning model, every claim of it checked
written.py     an answer that a model writes

corpus.py      the session as dated documents of plain sentences
statements.py  what sentences state, taken apart
overview.py    which questions are about the whole
disagree.py    sources that say different things of one matter
whole/         topics and trends of all documents
synthesis.py   an answer about the whole, told
summary.py     a few documents in their own sentences

fitted.py      every fitted number, from weights.json
"""
