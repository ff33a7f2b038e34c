"""A judge on this machine: any causal language model that transformers loads from a folder."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.digests import folder_digest
from harness.errors import ConfigurationError, EnvironmentProblem, nearest
from harness.records import Inquiry, Verdict

OPTIONS = ("device", "dtype")
DTYPES = ("float32", "float16", "bfloat16", "auto")
MOST = 20


@dataclass(frozen=True)
class LocalJudge:
    """A language model in this process, asked one inquiry at a time.

    Attributes:
        model: what `AutoModelForCausalLM` gave.
        tokenizer: what `AutoTokenizer` gave.
        name: the folder's name.
        digest: sha256 of the folder's files and of what changes answers.
        settings: path, dtype, device.
    """

    model: Any = field(repr=False)
    tokenizer: Any = field(repr=False)
    name: str
    digest: str
    settings: Mapping[str, str]
    parallel: int = 1
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def ask(self, inquiry: Inquiry) -> Verdict:
        """Returns what the model says, greedy; the same however often it is asked."""
        with self._lock:
            inputs = self._inputs(inquiry).to(self.model.device)
            length = inputs["input_ids"].shape[1]
            answer = self.model.generate(
                **inputs,
                max_new_tokens=inquiry.max_new_tokens,
                do_sample=False,
                num_beams=1,
                return_dict_in_generate=True,
                output_scores=True,
                pad_token_id=self.tokenizer.pad_token_id or self.tokenizer.eos_token_id,
            )
        text = self.tokenizer.decode(answer.sequences[0, length:], skip_special_tokens=True)
        found = self._probabilities(answer.scores[0][0]) if inquiry.probabilities else {}
        return Verdict(text, found, self.name)

    def close(self) -> None:
        """There is nothing to let go of."""

    def _inputs(self, inquiry: Inquiry) -> Any:
        if inquiry.raw or not self.tokenizer.chat_template:
            return self.tokenizer(inquiry.prompt, return_tensors="pt")
        messages = [{"role": "user", "content": inquiry.prompt}]
        return self.tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )

    def _probabilities(self, scores: Any) -> dict[str, float]:
        """The most probable first tokens, and always those that stand for the digits."""
        shares = scores.float().softmax(-1)
        best = set(shares.topk(min(MOST, len(shares))).indices.tolist())
        # As L3-Lite's script: the last token of the digit with a space before it.
        digits = {self.tokenizer.encode(f" {digit}", add_special_tokens=False)[-1]: str(digit) for digit in range(10)}
        found = {self.tokenizer.decode([token]): float(shares[token]) for token in sorted(best)}
        return found | {digit: float(shares[token]) for token, digit in digits.items()}


def local(argument: str, options: Mapping[str, str]) -> LocalJudge:
    """Returns the judge of `--judge transformers:FOLDER`.

    Args:
        argument: a folder that `save_pretrained` of a model and of its tokenizer wrote.
        options: `device` (cpu), `dtype` (float32, float16, bfloat16, or auto: the stored one, as usual).

    Raises:
        ConfigurationError: an unknown option or value.
        EnvironmentProblem: the folder or transformers is not there, or it is no causal language model.
    """
    for option in options:
        if option not in OPTIONS:
            raise ConfigurationError(
                f"the judge transformers has no option {option!r}.{nearest(option, OPTIONS)} "
                f"Known: {', '.join(OPTIONS)}."
            )
    dtype, device = options.get("dtype", "auto"), options.get("device", "cpu")
    if dtype not in DTYPES:
        raise ConfigurationError(f"judge option dtype: expected {', '.join(DTYPES)}, found {dtype!r}.")
    folder = Path(argument)
    if not folder.is_dir():
        raise EnvironmentProblem(f"the judge's folder {folder.resolve()} does not exist. Nothing is downloaded.")
    model, tokenizer = _load(folder, dtype, device)
    settings = {"path": str(folder.resolve()), "dtype": dtype, "device": device}
    return LocalJudge(model, tokenizer, folder.resolve().name, _digest(folder, dtype), settings)


def _load(folder: Path, dtype: str, device: str) -> tuple[Any, Any]:
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise EnvironmentProblem(
            f"the judge transformers needs the extra `model`: {error}. Install it: pip install 'geopix[model]'."
        ) from error
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, local_files_only=True)
        return model.to(device).eval(), AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        reason = " ".join(str(error).split())[:300]
        raise EnvironmentProblem(f"the judge in {folder.resolve()} cannot be loaded: {reason}") from error


def _digest(folder: Path, dtype: str) -> str:
    return hashlib.sha256(f"transformers {dtype}\n{folder_digest(folder)}\n".encode()).hexdigest()
