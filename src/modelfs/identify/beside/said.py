"""What files beside the weights said, in the one shape that every reader of them returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from modelfs.types import FactValue

Relation = Literal["finetune", "adapter", "merge", "quantized"]
"""How a model came from its base model, in the hub's words (base_model_relation)."""


@dataclass(frozen=True, slots=True)
class Said:
    """``None`` and empty where the files are silent."""

    class_name: str | None = None
    """The class that loads it: ``LlamaForCausalLM``, ``StableDiffusionXLPipeline``."""
    is_diffusers: bool = False
    model_type: str | None = None
    quant: str | None = None
    base_model: str | None = None
    relation: Relation | None = None
    task: str | None = None
    """The hub's ``pipeline_tag``: ``text-generation``."""
    library: str | None = None
    """The hub's ``library_name``: ``transformers``, ``mlx``."""
    declared: str | None = None
    """The kind that a sidecar gives, lower case: ``lora``, ``checkpoint``, ``textualinversion``."""
    details: Mapping[str, FactValue] = field(default_factory=dict)
    """Facts under the names of ``docs/identification.md``."""
    reasons: tuple[str, ...] = ()
