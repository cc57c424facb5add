"""Question to evidence to answer: extractive, cited, and honest about what is not there.

words.py      words, stems, stop words
evidence.py   which blocks: BM25, landmarks and the memory's own recollection, fused
extract.py    which sentences of them, for a question that asks for something
overview.py   which sentences of everything, for a question about the whole
compose.py    the answer, every quote checked against the retained text
"""
