"""From messages to tokens and back: tokenizer, chat template, tool declarations, and what the model's words mean."""
