"""Repositories as they are published: paths, and sizes in megabytes, of the files that matter.

Shapes and sizes follow the real ones; a row may stand for several files (``{a,b}``).
"""

import re
from collections.abc import Iterator
from itertools import product

from modelfs.fetch.listing import Listing, RemoteFile
from modelfs.fetch.variants import variants_of

TEXTS = """
.gitattributes 0.001
README.md 0.01
LICENSE 0.01
"""
TRANSFORMERS = f"""{TEXTS}
config.json 0.001
generation_config.json 0.001
tokenizer.json 2
tokenizer_config.json 0.01
"""

REPOSITORIES = {
    "TheBloke/Mistral-7B-Instruct-v0.2-GGUF": f"""{TEXTS}
config.json 0.001
mistral-7b-instruct-v0.2.Q2_K.gguf 3083
mistral-7b-instruct-v0.2.Q3_K_{{S,M,L}}.gguf 3600
mistral-7b-instruct-v0.2.Q4_0.gguf 4108
mistral-7b-instruct-v0.2.Q4_K_{{S,M}}.gguf 4368
mistral-7b-instruct-v0.2.Q5_K_{{S,M}}.gguf 5131
mistral-7b-instruct-v0.2.Q6_K.gguf 5942
mistral-7b-instruct-v0.2.Q8_0.gguf 7695
""",
    "unsloth/Qwen3-VL-235B-GGUF": f"""{TEXTS}
config.json 0.001
BF16/Qwen3-VL-235B-BF16-0000{{1,2}}-of-00002.gguf 49000
UD-Q4_K_XL/Qwen3-VL-235B-UD-Q4_K_XL-0000{{1,2,3}}-of-00003.gguf 45000
Q4_K_M/Qwen3-VL-235B-Q4_K_M-0000{{1,2,3}}-of-00003.gguf 47000
Q8_0/Qwen3-VL-235B-Q8_0-0000{{1,2}}-of-00003.gguf 49000
Qwen3-VL-235B-UD-TQ1_0.gguf 55000
mmproj-{{F16,BF16,F32}}.gguf 1100
imatrix_unsloth.gguf_file 5
Qwen3-VL-0.6B-draft.gguf 600
""",
    "stabilityai/stable-diffusion-xl-base-1.0": f"""{TEXTS}
01.png 1
comparison.png 1
model_index.json 0.001
sd_xl_base_1.0.safetensors 6938
sd_xl_base_1.0_0.9vae.safetensors 6938
sd_xl_offset_example-lora_1.0.safetensors 50
scheduler/scheduler_config.json 0.001
tokenizer{{,_2}}/{{merges.txt,vocab.json,tokenizer_config.json}} 1
text_encoder/config.json 0.001
text_encoder/model{{,.fp16}}.safetensors 370
text_encoder/{{flax_model.msgpack,model.onnx,openvino_model.bin,openvino_model.xml}} 250
text_encoder_2/config.json 0.001
text_encoder_2/model{{,.fp16}}.safetensors 2000
text_encoder_2/{{flax_model.msgpack,model.onnx,model.onnx_data,openvino_model.bin}} 1400
text_encoder_2/openvino_model.xml 1
unet/config.json 0.001
unet/diffusion_pytorch_model{{,.fp16}}.safetensors 7700
unet/{{diffusion_flax_model.msgpack,model.onnx,model.onnx_data,openvino_model.bin}} 5100
unet/openvino_model.xml 20
vae/config.json 0.001
vae/diffusion_pytorch_model{{,.fp16}}.safetensors 250
vae_decoder/{{config.json,model.onnx,openvino_model.bin,openvino_model.xml}} 100
""",
    "black-forest-labs/FLUX.1-dev": f"""{TEXTS}
dev_grid.jpg 1
flux1-dev.safetensors 23800
ae.safetensors 335
model_index.json 0.001
scheduler/scheduler_config.json 0.001
text_encoder/{{config.json,model.safetensors}} 246
text_encoder_2/config.json 0.001
text_encoder_2/model-0000{{1,2}}-of-00002.safetensors 4760
text_encoder_2/model.safetensors.index.json 0.02
tokenizer/vocab.json 1
tokenizer_2/{{spiece.model,tokenizer.json}} 1
transformer/config.json 0.001
transformer/diffusion_pytorch_model-0000{{1,2,3}}-of-00003.safetensors 7930
transformer/diffusion_pytorch_model.safetensors.index.json 0.1
vae/{{config.json,diffusion_pytorch_model.safetensors}} 168
""",
    "meta-llama/Meta-Llama-3-8B": f"""{TRANSFORMERS}
USE_POLICY.md 0.01
model-0000{{1,2,3,4}}-of-00004.safetensors 4015
model.safetensors.index.json 0.02
original/consolidated.00.pth 16060
original/params.json 0.001
original/tokenizer.model 2
""",
    "mistralai/Mistral-7B-Instruct-v0.3": f"""{TRANSFORMERS}
model-0000{{1,2,3}}-of-00003.safetensors 4830
model.safetensors.index.json 0.02
consolidated.safetensors 14496
params.json 0.001
tokenizer.model.v3 1
""",
    "openai/whisper-large-v3": f"""{TRANSFORMERS}
preprocessor_config.json 0.001
vocab.json 1
merges.txt 1
normalizer.json 0.1
model.safetensors 3087
model.fp32-0000{{1,2}}-of-00002.safetensors 3090
model.safetensors.index.fp32.json 0.1
pytorch_model.bin 3087
pytorch_model.fp32-0000{{1,2}}-of-00002.bin 3090
pytorch_model.bin.index.fp32.json 0.1
flax_model.msgpack 6174
""",
    "sentence-transformers/all-MiniLM-L6-v2": f"""{TRANSFORMERS}
modules.json 0.001
1_Pooling/config.json 0.001
config_sentence_transformers.json 0.001
sentence_bert_config.json 0.001
vocab.txt 0.2
{{model.safetensors,pytorch_model.bin,tf_model.h5,rust_model.ot}} 90
onnx/model{{,_O1,_O2,_O3,_O4,_qint8_arm64,_qint8_avx512_vnni,_quint8_avx2}}.onnx 90
openvino/openvino_model{{,_qint8_quantized}}.{{bin,xml}} 45
""",
    "ggerganov/whisper.cpp": f"""{TEXTS}
ggml-tiny{{,.en}}{{,-q5_1,-q8_0}}.bin 78
ggml-base{{,.en}}{{,-q5_1,-q8_0}}.bin 148
ggml-small{{,.en}}{{,-q5_1,-q8_0}}.bin 488
ggml-large-v3{{,-turbo}}{{,-q5_0}}.bin 3095
ggml-{{tiny,base,large-v3}}-encoder.mlmodelc.zip 30
""",
    "rhasspy/piper-voices": f"""{TEXTS}
voices.json 0.2
_script/voicefest.py 0.01
en/en_US/amy/{{low,medium}}/MODEL_CARD 0.001
en/en_US/amy/{{low,medium}}/samples/speaker_0.mp3 0.1
en/en_US/amy/low/en_US-amy-low.onnx{{,.json}} 63
en/en_US/amy/medium/en_US-amy-medium.onnx{{,.json}} 63
de/de_DE/thorsten/high/de_DE-thorsten-high.onnx{{,.json}} 114
""",
    "somebody/flux-loras": f"""{TEXTS}
cartoon.safetensors 172
ink.safetensors 172
images/ink.png 2
""",
    "Comfy/text-encoders": f"""{TEXTS}
clip_l.safetensors 246
t5xxl_{{fp16,fp8_e4m3fn}}.safetensors 7000
""",
    "somebody/peft-lora": f"""{TEXTS}
adapter_config.json 0.001
adapter_model.safetensors 170
checkpoint-500/{{adapter_model.safetensors,optimizer.pt,rng_state.pth,trainer_state.json}} 170
runs/Jan01/events.out.tfevents.1.host 1
training_args.bin 0.01
""",
    "TheBloke/Mistral-7B-GPTQ": f"""{TRANSFORMERS}
model.safetensors 4160
quantize_config.json 0.001
""",
    "mlx-community/Llama-3.2-3B-4bit": f"""{TRANSFORMERS}
model.safetensors 1810
model.safetensors.index.json 0.05
""",
    "hexgrad/Kokoro-82M": f"""{TEXTS}
config.json 0.002
kokoro-v1_0.pth 327
voices/{{af_heart,am_adam,bf_emma}}.pt 0.5
VOICES.md 0.01
samples/HEARME.wav 2
""",
    "bigscience/old-pickles": f"""{TRANSFORMERS}
pytorch_model-0000{{1,2}}-of-00002.bin 7000
pytorch_model.bin.index.json 0.02
""",
    "Systran/faster-whisper-large-v3": f"""{TEXTS}
config.json 0.002
model.bin 3087
preprocessor_config.json 0.001
tokenizer.json 2
vocabulary.json 1
""",
    "coqui/XTTS-v2": f"""{TEXTS}
config.json 0.005
model.pth 1868
dvae.pth 211
mel_stats.pth 0.001
speakers_xtts.pth 8
vocab.json 0.3
samples/en_sample.wav 0.3
""",
    "BAAI/bge-m3": f"""{TRANSFORMERS}
modules.json 0.001
1_Pooling/config.json 0.001
pytorch_model.bin 2271
{{colbert,sparse}}_linear.pt 2
imgs/bkai.jpg 1
onnx/{{model.onnx_data,model.onnx}} 2266
onnx/{{config.json,tokenizer.json}} 17
""",
    "onnx-community/whisper-base": f"""{TRANSFORMERS}
onnx/{{encoder_model,decoder_model_merged}}{{,_fp16,_q4,_quantized}}.onnx 200
""",
    "facebook/musicgen": f"""{TRANSFORMERS}
model.safetensors 2364
pytorch_model.bin 2364
state_dict.bin 2200
compression_state_dict.bin 236
""",
}


def listing(name: str) -> Listing:
    """Return one of them as the hub would list it."""
    files = tuple(
        RemoteFile(path, int(float(megabytes) * 1_000_000), f"https://hub/{path}")
        for row in REPOSITORIES[name].split("\n")
        if row
        for paths, _, megabytes in [row.rpartition(" ")]
        for path in _each(paths)
    )
    return Listing(f"hf:{name}", name, files, variants_of(files))


def _each(row: str) -> Iterator[str]:
    """Yield what a row with braces stands for."""
    pieces = re.split(r"\{([^}]*)\}", row)
    choices = [[text] if at % 2 == 0 else text.split(",") for at, text in enumerate(pieces)]
    return ("".join(each) for each in product(*choices))
