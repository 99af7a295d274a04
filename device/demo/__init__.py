"""The bundled clip."""
