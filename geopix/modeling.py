"""GeoPix: a vision tower, a language model and a mask head, trained and asked as one model.

Importing this module registers GeoPix with the Auto classes of transformers.

Letters in shapes: B rows, T tokens, S image side, V vocabulary, M targets, g the mask grid's side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    PreTrainedModel,
)
from transformers.utils.generic import ModelOutput

from geopix.branching import Prefill, Rows, joined_prefills, positions_of
from geopix.choosing import AtMost, Likeliest, NextToken
from geopix.class_memory import ClassSelector, PredictedClass
from geopix.configuration import GeoPixConfig
from geopix.generation import AnswerDecoder, as_scores
from geopix.layers import resize
from geopix.losses import language_loss, mask_bce_loss, mask_dice_loss
from geopix.mask_head import MaskHead
from geopix.rotary import keep_rounded
from geopix.segmentation_tokens import Runs, find_runs, predicting_states
from geopix.vision import VisionFeatures, VisionTower, build_projector


@dataclass
class GeoPixOutput(ModelOutput):
    """What one forward pass gives; what was not asked for is None.

    Attributes:
        loss: float[], the weighted sum of the losses below.
        ce_loss: float[], cross-entropy of the supervised tokens.
        bce_loss: float[], the masks' binary cross-entropy.
        dice_loss: float[], the masks' dice loss.
        class_loss: float[], cross-entropy of the memory class.
        logits: float[B, T, V]; None with labels, when the head runs on supervised positions only.
        mask_logits: float[M, 4g, 4g], above 0 is foreground; targets in row-major order of their runs.
        mask_rows: int64[M], the row of each target.
        class_logits: float[M, K], the memory class of each target, the last one unknown.
    """

    loss: Tensor | None = None
    ce_loss: Tensor | None = None
    bce_loss: Tensor | None = None
    dice_loss: Tensor | None = None
    class_loss: Tensor | None = None
    logits: Tensor | None = None
    mask_logits: Tensor | None = None
    mask_rows: Tensor | None = None
    class_logits: Tensor | None = None


@dataclass(frozen=True)
class Generated:
    """What the model answers to a batch of prompts.

    Attributes:
        token_ids: for each row int64[G], the answer without padding, its end token included.
        mask_logits: float[M, 4g, 4g], all targets of the batch.
        mask_rows: int64[M], the row of each target.
        class_logits: float[M, K], the memory class of each target, the last one unknown.
        reasons: for each row, why some of its segmentation tokens stand for no mask, or None.
    """

    token_ids: tuple[Tensor, ...]
    mask_logits: Tensor
    mask_rows: Tensor
    class_logits: Tensor
    reasons: tuple[str | None, ...]


@dataclass(frozen=True)
class Looked:
    """Images that were read, with the words before every question about them.

    Attributes:
        vision: what the tower says of the B images.
        trunk: the language model's reading of B prefixes, each up to its image's last token.
    """

    vision: VisionFeatures
    trunk: Prefill


def joined(looks: Sequence[Looked]) -> Looked:
    """Several readings as one, their images in order."""
    if len(looks) == 1:
        return looks[0]
    language = torch.cat([look.vision.language for look in looks])
    levels = zip(*(look.vision.levels for look in looks), strict=True)
    vision = VisionFeatures(language, tuple(torch.cat(level) for level in levels))
    return Looked(vision, joined_prefills([look.trunk for look in looks]))


class GeoPixPreTrainedModel(PreTrainedModel):
    """How transformers loads, saves and initialises GeoPix."""

    config_class = GeoPixConfig
    base_model_prefix = ""
    main_input_name = "input_ids"
    input_modalities = ["image", "text"]  # noqa: RUF012
    supports_gradient_checkpointing = True
    model_tags = ["geopix", "remote-sensing"]  # noqa: RUF012  (for push_to_hub)
    _supports_sdpa = True
    # Each of these adds to its own input, so it stays on one device; the language model names its own layers.
    _no_split_modules = ["CLIPVisionEmbeddings", "CLIPEncoderLayer", "MaskHead"]  # noqa: RUF012
    _skip_keys_device_placement = ["past_key_values"]  # noqa: RUF012

    def _init_weights(self, module: nn.Module) -> None:
        """Lets every part of GeoPix draw its weights as torch does; CLIP and the language model have their own."""
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            super()._init_weights(module)  # type: ignore[no-untyped-call]  # torch's own reset would zero statistics that were just loaded
        elif callable(reset := getattr(module, "reset_parameters", None)):
            reset()


class GeoPixForConditionalGeneration(GeoPixPreTrainedModel):
    """Answers a question about an image with words and masks.

    Args:
        config: decides every size; see `GeoPixConfig`.

    Attributes:
        answer_decoder: the part that reads prompts and continues them.
    """

    answer_decoder: type[AnswerDecoder] = AnswerDecoder

    def __init__(self, config: GeoPixConfig) -> None:
        super().__init__(config)
        self.vision_tower = VisionTower(config)
        self.multi_modal_projector = build_projector(config)
        self.language_model = AutoModelForCausalLM.from_config(config.text_config)
        keep_rounded(self.language_model, config.rotary_dtype)
        self.mask_head = MaskHead(config)
        self.post_init()  # type: ignore[no-untyped-call]

    @property
    def device(self) -> torch.device:
        """Where inputs go: where the weights are, or where accelerate takes them to when they are used."""
        hook = getattr(self, "_hf_hook", None)
        place = getattr(hook, "execution_device", None)
        return super().device if place is None else torch.device(place)

    def get_input_embeddings(self) -> nn.Module:
        """The language model's token embeddings."""
        return self.language_model.get_input_embeddings()  # type: ignore[no-any-return]

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replaces the language model's token embeddings."""
        self.language_model.set_input_embeddings(value)

    def get_output_embeddings(self) -> nn.Module:
        """The language model's head."""
        return self.language_model.get_output_embeddings()  # type: ignore[no-any-return]

    def set_output_embeddings(self, value: nn.Module) -> None:
        """Replaces the language model's head."""
        self.language_model.set_output_embeddings(value)

    def forward(
        self,
        input_ids: Tensor,
        pixel_values: Tensor,
        *,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        labels: Tensor | None = None,
        label_weights: Tensor | None = None,
        target_masks: Tensor | None = None,
        target_classes: Tensor | None = None,
        class_selector: ClassSelector | None = None,
    ) -> GeoPixOutput:
        """Reads whole conversations; with labels or targets, computes their losses.

        A row may pack several questions about its image: give a 4-D attention mask in which each question and its
        answer sees the image tokens and itself, and positions that restart behind the image. A branch then gets
        the same logits and masks as alone.

        Args:
            input_ids: int64[B, T]; each row holds the image tokens of one image. Any number of runs a row.
            pixel_values: float[B, 3, S, S], normalised as `GeoPixImageProcessor` does.
            attention_mask: int64[B, T], 1 on real tokens; or bool[B, 1, T, T], True where a row may look; or
                float[B, 1, T, T], added to the attention scores.
            position_ids: int64[B, T]; counted over the real tokens when None.
            labels: int64[B, T], not shifted; -100 is not supervised. Label t is predicted at t - 1.
            label_weights: float[B, T], what each label counts in the mean; all the same when None.
            target_masks: float[M, h, w] in 0..1, of any size, one for each run in row-major order.
            target_classes: int64[M], classes of the memory; -100 is not taught.
            class_selector: which memory each target reads; `PredictedClass()` when None.

        Raises:
            ValueError: if the image tokens do not fit the image, or the targets do not fit the runs.
        """
        vision = self.vision_tower(pixel_values)
        states = self._read(input_ids, vision, attention_mask, position_ids)
        runs = find_runs(input_ids, self.config.run_token_ids, first=1)
        # The state behind token t is at t - 1, so the runs are looked up one place to the left.
        run_states = predicting_states(states, runs._replace(starts=runs.starts - 1), self._run_length)
        masks, classes = self.mask_head(vision.levels, run_states, runs.rows, class_selector or PredictedClass())
        losses = {
            **self._language_losses(states, labels, label_weights),
            **self._mask_losses(masks, target_masks, runs),
            **self._class_losses(classes, target_classes, runs),
        }
        return GeoPixOutput(
            loss=self._total(losses),
            **losses,
            logits=self.get_output_embeddings()(states) if labels is None else None,
            mask_logits=masks,
            mask_rows=runs.rows,
            class_logits=classes,
        )

    @torch.no_grad()
    def generate(
        self,
        input_ids: Tensor,
        pixel_values: Tensor,
        *,
        attention_mask: Tensor | None = None,
        image_index: Tensor | None = None,
        max_new_tokens: int = 256,
        max_masks: int = 32,
        choose: NextToken | None = None,
        class_selector: ClassSelector | None = None,
    ) -> Generated:
        """Answers a batch of prompts, with masks for all of their targets.

        Several questions may share an image: `image_index` says which image each row is about. The image and the
        tokens up to it are then read once.

        Args:
            input_ids: int64[N, T], prompts padded on the left; each holds the image tokens of its image.
            pixel_values: float[B, 3, S, S].
            attention_mask: int64[N, T]; all ones when None.
            image_index: int64[N] in 0..B-1; row n is about image n when None.
            max_new_tokens: the longest answer, its end token included.
            max_masks: the most masks of one answer; no further one is begun.
            choose: how the next token is chosen; the likeliest one when None.
            class_selector: which memory each target reads; `PredictedClass()` when None.

        Raises:
            ValueError: if the image tokens do not fit the image.
        """
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        vision = self.vision_tower(pixel_values)
        if image_index is None:
            image_index = torch.arange(len(input_ids), device=input_ids.device)
        decoder = self._decoder(AtMost(choose or Likeliest(), max_masks, self.config.run_token_ids[0]))
        embeddings = self._embed(input_ids, self.multi_modal_projector(vision.language)[image_index])
        prefix = self._shared_prefix(input_ids, mask, image_index)
        shares = prefix > 0
        rows = decoder.shared(embeddings, mask, image_index, prefix) if shares else decoder.own(embeddings, mask)
        return self._answer(
            decoder,
            rows,
            vision=vision,
            image_index=image_index,
            max_new_tokens=max_new_tokens,
            class_selector=class_selector,
        )

    @torch.no_grad()
    def look(self, input_ids: Tensor, pixel_values: Tensor) -> Looked:
        """Reads images once, for any number of questions in `answer`.

        Args:
            input_ids: int64[B, P], the words before every question, up to the image's last token; no padding.
            pixel_values: float[B, 3, S, S].

        Raises:
            ValueError: if the image tokens do not fit the image.
        """
        vision = self.vision_tower(pixel_values)
        embeddings = self._embed(input_ids, self.multi_modal_projector(vision.language))
        return Looked(vision, self._decoder(Likeliest()).prefill(embeddings, torch.ones_like(input_ids)))

    @torch.no_grad()
    def answer(
        self,
        looked: Looked,
        input_ids: Tensor,
        *,
        attention_mask: Tensor,
        image_index: Tensor,
        max_new_tokens: int = 256,
        max_masks: int = 32,
        choose: NextToken | None = None,
        class_selector: ClassSelector | None = None,
    ) -> Generated:
        """Answers questions about images that `look` has read; says what `generate` says of the whole prompts.

        Args:
            looked: the images; they may be asked again.
            input_ids: int64[N, T], the tokens behind the image, padded on the left.
            attention_mask: int64[N, T].
            image_index: int64[N], the image that each row is about.
            max_new_tokens: the longest answer, its end token included.
            max_masks: the most masks of one answer.
            choose: how the next token is chosen; the likeliest one when None.
            class_selector: which memory each target reads; `PredictedClass()` when None.
        """
        decoder = self._decoder(AtMost(choose or Likeliest(), max_masks, self.config.run_token_ids[0]))
        embeddings = self.get_input_embeddings()(input_ids)
        rows = decoder.branch(looked.trunk, embeddings, attention_mask, image_index)
        return self._answer(
            decoder,
            rows,
            vision=looked.vision,
            image_index=image_index,
            max_new_tokens=max_new_tokens,
            class_selector=class_selector,
        )

    def _answer(
        self,
        decoder: AnswerDecoder,
        rows: Rows,
        *,
        vision: VisionFeatures,
        image_index: Tensor,
        max_new_tokens: int,
        class_selector: ClassSelector | None,
    ) -> Generated:
        """Continues prompts that were read, and makes the masks that the answers speak."""
        said = decoder.decode(rows, max_new_tokens)
        runs = find_runs(said.token_ids, self.config.run_token_ids)
        states = predicting_states(said.states, runs, self._run_length)
        selector = class_selector or PredictedClass()
        masks, classes = self.mask_head(vision.levels, states, image_index[runs.rows], selector)
        answers = tuple(_until_end(row, decoder.eos_ids) for row in said.token_ids)
        return Generated(answers, masks, runs.rows.to(masks.device), classes, runs.reasons)

    @property
    def _run_length(self) -> int:
        return len(self.config.run_token_ids)

    def _decoder(self, choose: NextToken) -> AnswerDecoder:
        eos = self.config.text_config.eos_token_id
        pad = self.config.text_config.pad_token_id
        eos_ids = tuple(eos) if isinstance(eos, list | tuple) else (eos,) if eos is not None else ()
        return self.answer_decoder(self.language_model, eos_ids, pad if pad is not None else 0, choose)

    def _read(self, input_ids: Tensor, vision: VisionFeatures, mask: Tensor | None, positions: Tensor | None) -> Tensor:
        """Runs the language model without its head: -> float[B, T, D]."""
        embeddings = self._embed(input_ids, self.multi_modal_projector(vision.language))
        mask = torch.ones_like(input_ids) if mask is None else mask
        if positions is None and mask.ndim == 2:
            positions = positions_of(mask)
        decoder = self.language_model.get_decoder()
        mask = as_scores(mask, embeddings.dtype, self.language_model.config)
        output = decoder(inputs_embeds=embeddings, attention_mask=mask, position_ids=positions, use_cache=False)
        return output.last_hidden_state  # type: ignore[no-any-return]

    def _embed(self, input_ids: Tensor, images: Tensor) -> Tensor:
        """Token embeddings with the image's features at the image tokens: -> float[B, T, D]."""
        is_image = input_ids == self.config.image_token_id
        found, expected = is_image.sum(dim=1), images.shape[1]
        if len(images) != len(input_ids) or (found != expected).any():
            raise ValueError(
                f"Each row needs the image tokens of one image: expected {expected} tokens of id "
                f"{self.config.image_token_id} in each of {len(images)} rows, found {found.tolist()}. "
                "Build the prompts with GeoPixProcessor."
            )
        embeddings = self.get_input_embeddings()(input_ids)
        is_image = is_image.to(embeddings.device)  # the language model may lie elsewhere than the tower
        return embeddings.masked_scatter(is_image[..., None], images.to(embeddings))  # type: ignore[no-any-return]

    def _shared_prefix(self, input_ids: Tensor, mask: Tensor, image_index: Tensor) -> int:
        """How many first tokens the questions of each image share, up to the image's end; 0 when not worth it."""
        if len(set(image_index.tolist())) == len(input_ids):
            return 0
        starts = input_ids.shape[1] - mask.sum(dim=1)
        last = (input_ids == self.config.image_token_id).long().cumsum(dim=1).argmax(dim=1)
        lengths = last + 1 - starts
        prefix = int(lengths[0])
        if (lengths != prefix).any():
            return 0
        columns = starts[:, None] + torch.arange(prefix, device=input_ids.device)
        heads = input_ids.gather(1, columns)
        return prefix if bool((heads == heads[0]).all()) else 0

    def _language_losses(self, states: Tensor, labels: Tensor | None, weights: Tensor | None) -> dict[str, Tensor]:
        if labels is None:
            return {}
        supervised = labels[:, 1:] != -100
        logits = self.get_output_embeddings()(states[:, :-1][supervised])
        counted = None if weights is None else weights[:, 1:][supervised]
        return {"ce_loss": language_loss(logits, labels[:, 1:][supervised], counted)}

    def _mask_losses(self, logits: Tensor, targets: Tensor | None, runs: Runs) -> dict[str, Tensor]:
        if targets is None:
            return {}
        _check_targets("target_masks", len(targets), runs)
        logits = resize(logits[:, None], *targets.shape[-2:])[:, 0]
        return {"bce_loss": mask_bce_loss(logits, targets), "dice_loss": mask_dice_loss(logits, targets)}

    def _class_losses(self, logits: Tensor, targets: Tensor | None, runs: Runs) -> dict[str, Tensor]:
        if targets is None:
            return {}
        _check_targets("target_classes", len(targets), runs)
        return {"class_loss": language_loss(logits, targets)}

    def _total(self, losses: dict[str, Tensor]) -> Tensor | None:
        weighted = [getattr(self.config, f"{name}_weight") * loss for name, loss in losses.items()]
        return torch.stack(weighted).sum() if weighted else None


def _check_targets(name: str, count: int, runs: Runs) -> None:
    if count != len(runs.rows):
        raise ValueError(
            f"{name}: {count} targets for {len(runs.rows)} runs of segmentation tokens in input_ids; each run needs "
            f"exactly one. Rows with broken runs: {[row for row, why in enumerate(runs.reasons) if why]}."
        )


def _until_end(token_ids: Tensor, eos_ids: tuple[int, ...]) -> Tensor:
    ends = [position for position, token in enumerate(token_ids.tolist()) if token in eos_ids]
    return token_ids[: ends[0] + 1] if ends else token_ids


AutoConfig.register(GeoPixConfig.model_type, GeoPixConfig, exist_ok=True)
for _auto in (AutoModel, AutoModelForCausalLM, AutoModelForImageTextToText):
    _auto.register(GeoPixConfig, GeoPixForConditionalGeneration, exist_ok=True)
