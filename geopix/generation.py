"""Greedy decoding that keeps what the mask head needs: the last-layer state behind every new token.

Letters in shapes: N rows (questions), B images, T prompt tokens, G generated tokens, D language width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import Cache, DynamicCache, PreTrainedModel


@dataclass(frozen=True)
class Prefill:
    """A batch of prompts that the language model has read.

    Attributes:
        state: float[N, D], the last-layer state at each prompt's last token.
        cache: keys and values of all prompts.
        mask: int64[N, T], 1 on real tokens, 0 on padding.
    """

    state: Tensor
    cache: Cache
    mask: Tensor


@dataclass(frozen=True)
class GreedyTokens:
    """What greedy decoding said.

    Attributes:
        token_ids: int64[N, G]; behind a row's end come padding tokens.
        states: float[N, G, D]; state t is the one from which token t was predicted.
    """

    token_ids: Tensor
    states: Tensor


class GreedyDecoder:
    """Reads prompts and continues them with the likeliest token, row by row in one batch.

    Args:
        language_model: a causal language model.
        eos_ids: the tokens that end an answer.
        pad_id: the token that fills finished rows.
    """

    def __init__(self, language_model: PreTrainedModel, eos_ids: tuple[int, ...], pad_id: int) -> None:
        self.decoder = language_model.get_decoder()
        self.head = language_model.get_output_embeddings()
        self.embed = language_model.get_input_embeddings()
        self.eos_ids = eos_ids
        self.pad_id = pad_id

    def prefill(self, embeddings: Tensor, mask: Tensor, cache: Cache | None = None) -> Prefill:
        """Reads prompts, or what follows the prompts that `cache` holds.

        Args:
            embeddings: float[N, T, D], padded on the left.
            mask: int64[N, past + T], over what the cache holds and the new tokens.
            cache: keys and values of what was read before.
        """
        cache = DynamicCache(config=self.decoder.config) if cache is None else cache
        positions = positions_of(mask)[:, -embeddings.shape[1] :]
        output = self.decoder(
            inputs_embeds=embeddings,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
        )
        return Prefill(output.last_hidden_state[:, -1], cache, mask)

    def prefill_shared(self, embeddings: Tensor, mask: Tensor, image_index: Tensor, prefix: int) -> Prefill:
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
        head.cache.batch_select_indices(image_index)
        tail = torch.arange(prefix, width, device=mask.device) >= starts[:, None] + prefix
        whole = torch.cat([mask.new_ones(len(mask), prefix), tail.to(mask.dtype)], dim=1)
        return self.prefill(embeddings[:, prefix:], whole, head.cache)

    def decode(self, prefill: Prefill, max_new_tokens: int) -> GreedyTokens:
        """Continues until every row has ended or has `max_new_tokens` new tokens."""
        state, cache, mask = prefill.state, prefill.cache, prefill.mask
        ended = torch.zeros(len(state), dtype=torch.bool, device=state.device)
        eos = torch.tensor(self.eos_ids, device=state.device)
        tokens: list[Tensor] = []
        states: list[Tensor] = []
        while True:
            token = self.head(state).argmax(dim=-1).masked_fill(ended, self.pad_id)
            tokens.append(token)
            states.append(state)
            ended = ended | torch.isin(token, eos)
            if ended.all() or len(tokens) >= max_new_tokens:
                break
            mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
            state = self.prefill(self.embed(token)[:, None], mask, cache).state
        return GreedyTokens(torch.stack(tokens, dim=1), torch.stack(states, dim=1))


def positions_of(mask: Tensor) -> Tensor:
    """Positions that count real tokens only: int64[N, T] mask -> int64[N, T].

    >>> positions_of(torch.tensor([[0, 0, 1, 1], [1, 1, 1, 0]]))
    tensor([[0, 0, 0, 1],
            [0, 1, 2, 2]])
    """
    return (mask.long().cumsum(dim=1) - 1).clamp(min=0)
