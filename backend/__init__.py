"""The bundled model server: planner, SGLang supervisor, CPU engine, quantizer. It knows nothing of ``clawgroups``."""

__version__ = "0.1.0"
