"""The only code that touches ComfyUI's internals."""
