"""A small byte-level tokenizer, trained on the texts a small model will see."""

from collections.abc import Iterable

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

IMAGE_TOKEN = "<image>"  # noqa: S105
SEG_TOKENS = tuple(f"[SEG{index}]" for index in range(6))
_PAD, _BOS, _EOS = "<pad>", "<s>", "</s>"


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """Learns byte pairs from texts; any other text can be written too, byte by byte.

    Digits are single tokens, so that numbers have one spelling.

    Args:
        texts: the corpus; the same corpus gives the same tokenizer.
        vocab_size: the most tokens to have, the 256 bytes and 10 special tokens included; at least 266.

    Returns:
        A fast tokenizer with `<pad>` 0, `<s>` 1, `</s>` 2, `<image>` 3 and `[SEG0]`.. 4 to 9, padding on the left.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\d"), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [
        AddedToken(token, normalized=False, special=True) for token in (_PAD, _BOS, _EOS, IMAGE_TOKEN, *SEG_TOKENS)
    ]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=_PAD,
        bos_token=_BOS,
        eos_token=_EOS,
        additional_special_tokens=[IMAGE_TOKEN, *SEG_TOKENS],
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )
