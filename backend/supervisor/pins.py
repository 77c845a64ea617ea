"""What goes into SGLang's environments. The CPU list is complete and exact, so nothing has to be worked out.

It is what SGLang 0.5.23 imports on a CPU, found by starting it and adding what was missing; of the 80 packages that it
asks for, those for GPUs, other hubs and other kinds of models are not there. torch is 2.13.0 and not SGLang's 2.14.1:
the version that the CPU engine is pinned to as well, with which all that is used was run.
"""

from __future__ import annotations

SGLANG = "0.5.23"
ROUTER = "0.3.2"
TORCH = "2.13.0"

CPU = f"""
torch=={TORCH} torchvision==0.28.0 triton==3.9.0 sglang=={SGLANG} sglang-router=={ROUTER} xgrammar==0.2.7
aiohappyeyeballs==2.7.1 aiohttp==3.14.5 aiosignal==1.4.0 annotated-doc==0.0.7 annotated-types==0.8.0
anthropic==2.14.0 anyio==4.16.0 apache-tvm-ffi==0.1.11 asttokens==3.0.2 attrs==26.1.0 certifi==2026.10.19.post1
cffi==2.1.1 charset-normalizer==3.5.3 click==8.5.1 compressed-tensors==0.18.0 dill==0.4.1 distro==1.9.0
docstring_parser==0.18.0 einops==0.8.2 executing==2.3.0 fastapi==0.165.0 filelock==4.3.1 frozenlist==1.8.0
fsspec==2026.9.0 gguf==0.19.0 h11==0.16.0 hf-xet==1.8.0 httpcore==1.0.9 httpcore2==2.16.2 httpx==0.28.1
httpx2==2.16.2 huggingface_hub==1.33.0 idna==3.20 interegular==0.3.3 ipython==9.18.1 ipython_pygments_lexers==1.1.1
jedi==0.20.1 Jinja2==3.1.6 jiter==0.19.0 jsonschema==4.26.0 jsonschema-specifications==2025.9.1 llguidance==1.9.1
loguru==0.7.3 markdown-it-py==4.3.0 MarkupSafe==3.0.4 matplotlib-inline==0.2.2 mdurl==0.1.2 mpmath==1.3.0
msgspec==0.22.0 multidict==7.2.1 networkx==3.6.1 ninja==1.13.2 numpy==2.4.6 nvidia-ml-py==13.615.71 openai==2.8.0
openai-harmony==0.0.4 opentelemetry-api==1.45.2 orjson==3.13.0 packaging==26.4 parso==0.8.7
partial-json-parser==0.2.1.1.post7 pexpect==4.9.0 pillow==13.0.0 prometheus_client==0.26.0 prompt_toolkit==3.0.53
propcache==0.5.4 psutil==7.2.2 ptyprocess==0.7.0 pure_eval==0.2.4 pybase64==1.5.1 pycparser==3.12 pydantic==2.14.4
pydantic_core==2.50.5 Pygments==2.21.0 python-multipart==0.0.34 PyYAML==6.0.4 pyzmq==27.3.0 referencing==0.37.0
regex==2026.11.19 requests==2.34.2 rich==15.0.0 rpds-py==2026.9.1 safetensors==0.8.0 scipy==1.17.1
sentencepiece==0.2.1 setproctitle==1.3.8 setuptools==84.2.1 shellingham==1.5.4 sniffio==1.3.1 soundfile==0.14.0
stack-data==0.6.3 starlette==1.10.0 sympy==1.14.0 tiktoken==0.14.0 tokenizers==0.23.2 tqdm==4.70.1 traitlets==5.16.1
transformers==5.19.0 truststore==0.10.5 typer==0.29.2 typing-inspection==0.4.5 typing_extensions==4.16.0
urllib3==2.8.0 uvicorn==0.54.0 uvloop==0.23.0 watchfiles==1.3.0 wcwidth==0.9.4 xxhash==4.1.0 yarl==1.25.1
""".split()
"""Installed together without looking at what they depend on: the list has it all."""

GPU = (f"sglang=={SGLANG}", f"sglang-router=={ROUTER}")
RAY = "ray[default]>=2.55.1"
