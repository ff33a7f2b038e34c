"""Decoding that keeps what the mask head needs: the last-layer state behind every new token.

Letters in shapes: N rows (questions), B images, T prompt tokens, G generated tokens, D language width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import Cache, PreTrainedConfig, PreTrainedModel

from geopix.attention import PRODUCTS
from geopix.branching import (
    OwnRows,
    PackedRows,
    Prefill,
    Rows,
    packs_well,
    positions_of,
)
from geopix.choosing import NextToken
from geopix.growing_cache import branch_of, growing_cache

#: Attention that takes a mask of what each token sees.
MASKED_ATTENTION = ("sdpa", "eager")


@dataclass(frozen=True)
class SaidTokens:
    """What decoding said.

    Attributes:
        token_ids: int64[N, G]; behind a row's end come padding tokens.
        states: float[N, G, D]; state t is the one from which token t was predicted.
    """

    token_ids: Tensor
    states: Tensor


class AnswerDecoder:
    """Reads prompts and continues them, row by row in one batch.

    Args:
        language_model: a causal language model.
        eos_ids: the tokens that end an answer.
        pad_id: the token that fills finished rows.
        choose: how the next token is chosen.
    """

    def __init__(
        self, language_model: PreTrainedModel, eos_ids: tuple[int, ...], pad_id: int, choose: NextToken
    ) -> None:
        self.decoder = language_model.get_decoder()
        self.head = language_model.get_output_embeddings()
        self.embed = language_model.get_input_embeddings()
        self.eos_ids = eos_ids
        self.pad_id = pad_id
        self.choose = choose

    def prefill(self, embeddings: Tensor, mask: Tensor, cache: Cache | None = None) -> Prefill:
        """Reads prompts, or what follows the prompts that `cache` holds.

        Args:
            embeddings: float[N, T, D], padded on the left.
            mask: int64[N, past + T], over what the cache holds and the new tokens.
            cache: keys and values of what was read before; it grows.
        """
        cache = self.new_cache() if cache is None else cache
        positions = positions_of(mask)[:, -embeddings.shape[1] :]
        return Prefill(self._read(embeddings, mask, positions, cache)[:, -1], cache, mask)

    def new_cache(self) -> Cache:
        """An empty cache."""
        return growing_cache(self.decoder.config)

    def own(self, embeddings: Tensor, mask: Tensor) -> Rows:
        """Reads prompts that share nothing; arguments as for `prefill`."""
        return OwnRows(self._read, self.prefill(embeddings, mask))

    def shared(self, embeddings: Tensor, mask: Tensor, image_index: Tensor, prefix: int) -> Rows:
        """Reads what the questions about one image share only once.

        Args:
            embeddings: float[N, T, D], padded on the left.
            mask: int64[N, T].
            image_index: int64[N] in 0..B-1, each image present; rows of one image share their first tokens.
            prefix: how many tokens they share, padding not counted.
        """
        width = int(mask.sum(dim=1).max())
        embeddings, mask = embeddings[:, -width:], mask[:, -width:]
        starts = width - mask.sum(dim=1)
        leaders = torch.stack([(image_index == image).nonzero()[0, 0] for image in sorted(set(image_index.tolist()))])
        columns = starts[leaders, None] + torch.arange(prefix, device=mask.device)
        head = self.prefill(embeddings[leaders[:, None], columns], mask.new_ones(len(leaders), prefix))
        tail = torch.arange(prefix, width, device=mask.device) >= starts[:, None] + prefix
        return self.branch(head, embeddings[:, prefix:], tail.to(mask.dtype), image_index)

    def branch(self, trunk: Prefill, embeddings: Tensor, mask: Tensor, index: Tensor) -> Rows:
        """Reads what follows prompts that were read before; the trunk stays as it is and may be branched again.

        Args:
            trunk: B prompts that were read.
            embeddings: float[N, T, D], what follows, padded on the left.
            mask: int64[N, T].
            index: int64[N] in 0..B-1, the prompt that each row follows.
        """
        if self._packs(trunk.cache) and packs_well(index):
            return PackedRows(self._read, trunk, embeddings, mask, index)
        whole = torch.cat([trunk.mask[index], mask], dim=1)
        return OwnRows(self._read, self.prefill(embeddings, whole, branch_of(trunk.cache, index)))

    def decode(self, rows: Rows, max_new_tokens: int) -> SaidTokens:
        """Continues until every row has ended or has `max_new_tokens` new tokens."""
        state = rows.state
        ended = torch.zeros(len(state), dtype=torch.bool, device=state.device)
        eos = torch.tensor(self.eos_ids, device=state.device)
        tokens = torch.empty(len(state), 0, dtype=torch.long, device=state.device)
        states: list[Tensor] = []
        while True:
            token = self.choose(self.head(state), tokens).masked_fill(ended, self.pad_id)
            tokens = torch.cat([tokens, token[:, None]], dim=1)
            states.append(state)
            ended = ended | torch.isin(token, eos)
            if ended.all() or len(states) >= max_new_tokens:
                break
            state = rows.read(self.embed(token))
        return SaidTokens(tokens, torch.stack(states, dim=1))

    def _packs(self, cache: Cache) -> bool:
        return self.decoder.config._attn_implementation in MASKED_ATTENTION and not any(cache.is_sliding)

    def _read(self, embeddings: Tensor, mask: Tensor, positions: Tensor, cache: Cache) -> Tensor:
        output = self.decoder(
            inputs_embeds=embeddings,
            attention_mask=as_scores(mask, embeddings.dtype, self.decoder.config),
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
        )
        return output.last_hidden_state  # type: ignore[no-any-return]


def as_scores(mask: Tensor, dtype: torch.dtype, config: PreTrainedConfig) -> Tensor:
    """Eager attention and ours add a mask of what is seen to their scores; SDPA takes a boolean one as it is."""
    if mask.dtype != torch.bool or config._attn_implementation not in {"eager", PRODUCTS}:
        return mask
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(~mask, torch.finfo(dtype).min)
