"""The engine behind HTTP: OpenAI's and Anthropic's forms, SGLang's own, and its metrics."""
