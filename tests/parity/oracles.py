"""The programs that our tokens are compared with, each behind the same few functions.

  encode(texts, add, parse)   ids of each text; None where the program has no such mode
  decode(ids, skip)           their text
  stream(ids, skip)           the text that a stream comes to; None: not compared
"""

import os

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream


class HuggingFace:
    """tokenizers, with transformers on top where `tok` is given."""
    any_ids = True

    def __init__(self, backend, tok=None):
        self.backend, self.tok = backend, tok
        backend.no_truncation()
        backend.no_padding()
        self.size = backend.get_vocab_size(True)
        self.added = [t.content for t in backend.get_added_tokens_decoder().values()][:400]

    @classmethod
    def of_file(cls, path):
        return cls(Tokenizer.from_file(path))

    def encode(self, texts, add, parse):
        self.backend.encode_special_tokens = not parse
        return [e.ids for e in self.backend.encode_batch(texts, add_special_tokens=add)]

    def decode(self, ids, skip):
        return (self.tok or self.backend).decode(ids, skip_special_tokens=skip)

    def stream(self, ids, skip):
        """Before clean-up. Where a later id undoes what an earlier one said, Hugging Face's gives up."""
        stream = DecodeStream(skip_special_tokens=skip)
        try:
            for i in ids:
                stream.step(self.backend, i)
        except Exception:
            return None
        return self.backend.decode(ids, skip_special_tokens=skip)


class SentencePiece:
    """A tokenizer.model alone: no special tokens in the text, none added."""
    any_ids = False

    def __init__(self, path):
        import sentencepiece
        self.p = sentencepiece.SentencePieceProcessor(model_file=path)
        self.size = self.p.get_piece_size()
        self.added = [self.p.id_to_piece(i) for i in range(self.size) if self.p.is_control(i)][:100]

    def encode(self, texts, add, parse):
        return None if parse or add else self.p.encode(texts)

    def decode(self, ids, skip):
        return None if self.p.unk_id() in ids else self.p.decode(ids)

    def stream(self, ids, skip):
        return None


class Tiktoken:
    """A rank file with OpenAI's pattern and special tokens."""
    any_ids = False

    def __init__(self, encoding):
        self.e = encoding
        self.size = encoding.n_vocab
        self.added = sorted(encoding.special_tokens_set)

    def encode(self, texts, add, parse):
        return self.e.encode_batch(texts, allowed_special='all' if parse else set(), disallowed_special=())

    def decode(self, ids, skip):
        return self.e.decode(ids) if not skip else None

    def stream(self, ids, skip):
        return self.decode(ids, skip)


class Mistral:
    """mistral-common, over a tekken.json or a tokenizer.model.v…; BOS is what is added."""
    any_ids = False

    def __init__(self, path):
        from mistral_common.protocol.instruct.validator import ValidationMode
        from mistral_common.tokens.tokenizers.base import SpecialTokenPolicy
        from mistral_common.tokens.tokenizers.mistral import MistralTokenizer
        self.whole = MistralTokenizer.from_file(path, mode=ValidationMode.test)
        self.t = self.whole.instruct_tokenizer.tokenizer
        self.size = self.t.n_words
        self.added = ['[INST]', '[/INST]', '<s>', '</s>', '[TOOL_CALLS]']
        self.policies = SpecialTokenPolicy.KEEP, SpecialTokenPolicy.IGNORE
        self.is_model = '.model' in os.path.basename(path)

    def encode(self, texts, add, parse):
        return None if parse else [self.t.encode(t, bos=add, eos=False) for t in texts]

    def decode(self, ids, skip):
        """Of a tokenizer.model, its text with special tokens is pieces joined, and no text."""
        if 0 in ids or (self.is_model and not skip):
            return None
        return self.t.decode(ids, special_token_policy=self.policies[skip])

    def stream(self, ids, skip):
        return None

    def chat(self, messages, tools, continues):
        """The ids, or None where mistral-common refuses."""
        from mistral_common.protocol.instruct.request import ChatCompletionRequest
        try:
            request = ChatCompletionRequest.from_openai(messages=messages, tools=tools, continue_final_message=continues)
            return self.whole.encode_chat_completion(request).tokens
        except Exception:  # it has many
            return None
