"""The byte-level BPE tokenizer of the native model. Every text has an encoding and decodes back to itself.

Sentences are encoded one at a time, each as if a space came before it, so that how a sentence is cut into tokens does
not depend on what it is packed with. Digits are single tokens: numbers are recalled digit by digit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from titans_cli.errors import ModelError

_HINT = "The folder of a native model holds the tokenizer.json that it was trained with."
SPECIAL = ("<|pad|>", "<|end|>", "<|question|>", "<|answer|>")
PAD, END, QUESTION, ANSWER = range(4)


class TitansTokenizer:
    """A thin, typed face of a `tokenizers.Tokenizer`."""

    end = END

    def __init__(self, backend: Tokenizer) -> None:
        self.backend = backend
        if tuple(backend.id_to_token(i) for i in range(len(SPECIAL))) != SPECIAL:
            raise ModelError("the tokenizer's first tokens are not the ones a native model needs", hint=_HINT)
        backend.encode_special_tokens = True  # "<|end|>" in a document is plain text, never a control token

    @classmethod
    def load(cls, path: Path) -> TitansTokenizer:
        """Raises ModelError when there is no usable tokenizer.json."""
        try:
            return cls(Tokenizer.from_str(path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise ModelError(f"cannot load the tokenizer ({error})", subject=str(path), hint=_HINT) from error
        except Exception as error:  # tokenizers raises bare Exception for malformed files
            raise ModelError(f"not a tokenizer file ({error})", subject=str(path), hint=_HINT) from error

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int) -> TitansTokenizer:
        backend = Tokenizer(models.BPE())
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
        backend.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=list(SPECIAL),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        backend.train_from_iterator(texts, trainer)
        return cls(backend)

    @property
    def vocab_size(self) -> int:
        return int(self.backend.get_vocab_size())

    def texts(self) -> list[str]:
        """Every token as text, a leading space as Ġ."""
        return [self.backend.id_to_token(i) or "" for i in range(self.vocab_size)]

    @staticmethod
    def question(question: Sequence[int]) -> list[int]:
        """The tokens that put a question, itself in tokens, to the memory; the answer comes next, and then `end`."""
        return [QUESTION, *question, ANSWER]

    def encode(self, sentence: str) -> list[int]:
        return list(self.backend.encode(_prepared(sentence), add_special_tokens=False).ids)

    def encode_raw(self, text: str) -> list[int]:
        """As it stands, without a leading space."""
        return list(self.backend.encode(text, add_special_tokens=False).ids)

    def encode_many(self, sentences: Sequence[str]) -> Iterator[list[int]]:
        for encoding in self.backend.encode_batch_fast([_prepared(s) for s in sentences], add_special_tokens=False):
            yield list(encoding.ids)

    def decode(self, ids: Sequence[int]) -> str:
        return str(self.backend.decode(list(ids), skip_special_tokens=True)).strip()


def _prepared(sentence: str) -> str:
    """With its leading space; half characters, as an argument that is not UTF-8 leaves them, become question marks."""
    return " " + sentence.encode("utf-8", "replace").decode("utf-8")
