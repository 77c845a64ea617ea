"""Works out how a model is laid out on GPUs, and refuses with numbers what cannot fit; needs no torch and no GPU."""
