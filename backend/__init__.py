"""The bundled model server: planner, SGLang supervisor, CPU engine, quantizer. It knows nothing of ``clawgroups``."""
