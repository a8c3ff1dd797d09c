"""Language models of x-transformers, which take their layers as an argument."""

from x_transformers import Decoder, Encoder, TransformerWrapper, ViTransformerWrapper


def language_model() -> TransformerWrapper:
    """Build a small decoder."""
    layers = Decoder(dim=64, depth=2, heads=4)
    return TransformerWrapper(num_tokens=256, max_seq_len=128, attn_layers=layers)


def picture_model() -> ViTransformerWrapper:
    """Build a small encoder of pictures of 256 pixels."""
    layers = Encoder(dim=64, depth=2, heads=4)
    return ViTransformerWrapper(image_size=256, patch_size=32, num_classes=10, attn_layers=layers)
