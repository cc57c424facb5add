"""Question to evidence to answer: extractive, cited, and honest about what is not there.

words.py       words, stems, stop words
question.py    a question's terms, what each is worth, what kind of answer it wants
landmarks.py   a vector per block, to jump to those that matter
evidence.py    which blocks: words, landmarks and the memory's own recollection, fused
extract.py     which sentences of them, for a question that asks for something
span.py        which words of a sentence are the answer, by their form
reading.py     ... by a language model that reads the passages
corpus.py      the session as dated documents of plain sentences
overview.py    which questions are about the whole
disagree.py    sources that say different things of one matter
whole/         topics and trends of all documents
synthesis.py   an answer about the whole, told
summary.py     a few documents in their own sentences
deliberate.py  a question of several parts
reason.py      a question put to a reasoning model, every claim of it checked
compose.py     the answer, every quote checked against the retained text
"""
