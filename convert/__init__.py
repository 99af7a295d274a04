"""The toolchain: trains, quantizes and measures the models. It imports `device`, never the other way round."""
