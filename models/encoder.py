"""A vision transformer from stock parts, with a [CLS] parameter.

The image is split into patches, a learned [CLS] token is prepended, and the output at that token
classifies the image. Note ``self_attn``: its input projection is a bare parameter, and its child
``out_proj`` provides a weight but is never called, so it has parameters but no step in the trace.
The two encoder layers are copies of one layer, so they start with the same weights.
"""

import torch
from torch import Tensor, nn

MODEL = "PatchEncoder"
EXAMPLE_INPUTS = ("x=4x3x32x32",)


class PatchEncoder(nn.Module):
    """A transformer encoder over the 8x8 patches of a 32x32 image.

    Args:
        width: Features of a patch; a multiple of 4, the number of heads.
        classes: Number of classes.
    """

    def __init__(self, width: int = 64, classes: int = 10) -> None:
        super().__init__()
        # Stride equal to kernel size: each output pixel is computed from a patch of its own.
        self.patches = nn.Conv2d(3, width, kernel_size=8, stride=8)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(0.02 * torch.randn(1, 1 + 16, width))
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=2)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Score each image for each class."""
        x = self.patches(x).flatten(2).transpose(1, 2)
        class_token = self.class_token.expand(x.shape[0], -1, -1)
        x = torch.cat([class_token, x], dim=1) + self.positions
        x = self.encoder(x)
        x = self.head(x[:, 0])
        return x
