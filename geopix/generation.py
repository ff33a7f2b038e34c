"""Decoding that keeps what the mask head needs: the last-layer state behind every new token.

Letters in shapes: N rows (questions), B images, T prompt tokens, G generated tokens, D language width.
"""

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import Cache, DynamicCache, PreTrainedModel

from geopix.choosing import NextToken


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
        tail = torch.arange(prefix, width, device=mask.device) >= starts[:, None] + prefix
        return self.branch(head, embeddings[:, prefix:], tail.to(mask.dtype), image_index)

    def branch(self, trunk: Prefill, embeddings: Tensor, mask: Tensor, index: Tensor) -> Prefill:
        """Reads what follows prompts that were read before; the trunk stays as it is and may be branched again.

        Args:
            trunk: B prompts that were read.
            embeddings: float[N, T, D], what follows, padded on the left.
            mask: int64[N, T].
            index: int64[N] in 0..B-1, the prompt that each row follows.
        """
        cache = deepcopy(trunk.cache)
        cache.batch_select_indices(index)
        return self.prefill(embeddings, torch.cat([trunk.mask[index], mask], dim=1), cache)

    def decode(self, prefill: Prefill, max_new_tokens: int) -> SaidTokens:
        """Continues until every row has ended or has `max_new_tokens` new tokens."""
        state, cache, mask = prefill.state, prefill.cache, prefill.mask
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
            mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
            state = self.prefill(self.embed(token)[:, None], mask, cache).state
        return SaidTokens(tokens, torch.stack(states, dim=1))


def positions_of(mask: Tensor) -> Tensor:
    """Positions that count real tokens only: int64[N, T] mask -> int64[N, T].

    >>> positions_of(torch.tensor([[0, 0, 1, 1], [1, 1, 1, 0]]))
    tensor([[0, 0, 0, 1],
            [0, 1, 2, 2]])
    """
    return (mask.long().cumsum(dim=1) - 1).clamp(min=0)
