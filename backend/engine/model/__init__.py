"""The language model on torch: layers, attention over paged latents, experts, and the compiled path beside them."""
