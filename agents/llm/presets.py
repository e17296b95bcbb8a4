"""Servers that speak OpenAI's chat completions: where they are, and how each wants to be asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Form(StrEnum):
    """How an answer is asked for, the surest first."""

    SCHEMA = "schema"  # response_format json_schema, strict
    TOOL = "tool"  # a function whose arguments are the answer
    JSON_MODE = "json"  # response_format json_object; the schema stands in the prompt


@dataclass(frozen=True, slots=True)
class Preset:
    """`base_url` is empty where everybody has another. A `local` server needs no key and costs nothing.

    `form` is the first that is tried alone, `with_tools` where tools are offered beside it. `tokens` names the
    parameter that bounds an answer.
    """

    base_url: str
    form: Form = Form.SCHEMA
    with_tools: Form = Form.TOOL
    local: bool = False
    tokens: str = "max_tokens"


PRESETS: Final[Mapping[str, Preset]] = {
    "openai": Preset("https://api.openai.com/v1", with_tools=Form.SCHEMA, tokens="max_completion_tokens"),
    # Azure's v1 endpoint: https://RESOURCE.openai.azure.com/openai/v1/, with the deployment's name as the model.
    "azure": Preset("", with_tools=Form.SCHEMA, tokens="max_completion_tokens"),
    "openrouter": Preset("https://openrouter.ai/api/v1", with_tools=Form.SCHEMA),
    "deepseek": Preset("https://api.deepseek.com", form=Form.TOOL),
    "groq": Preset("https://api.groq.com/openai/v1", tokens="max_completion_tokens"),
    # A grammar that holds the whole answer to a schema leaves these no way to call a tool.
    "vllm": Preset("http://127.0.0.1:8000/v1", local=True),
    "ollama": Preset("http://127.0.0.1:11434/v1", local=True),
    "lmstudio": Preset("http://127.0.0.1:1234/v1", local=True),
    "llamacpp": Preset("http://127.0.0.1:8080/v1", local=True),
}
