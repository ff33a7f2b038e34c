"""Between the folder layout in which the authors released GeoPix and ours, in both directions.

    release/  config.json  vlm/  seg/  pec/  clm/  image_neck_rough.pth  image_neck_detail.pth
              multiseg_scalar.pth  multiscale_scalar.pth  text_hidden_fcs.pth  (tokenizer and processor files)
    ours/     config.json  model.safetensors or shards with an index  unused/  (tokenizer and processor files)

A released tensor is called by its part and its own name: `seg/mask_decoder.level_embed.weight`,
`image_neck_rough.pth/conv1.0.bias`. Tensors that the released code stores and that never reach an answer go to
`unused/`, so that they cost no memory when the model runs and nothing is lost on the way back. The facts about the
layout are those of Norman-Ou/GeoPix@4ae9a35, `model/modelling_GeoPix.py` and the modules it loads.

`tensors` reads and writes files; `names` says what is called how; `unused` which tensors have no effect; `settings`
derives the configuration; `processors` the tokenizer and image settings; `layout` is the released folder; `convert`
are the two roads.
"""
