"""A small U-Net: down, up, and skip connections by torch.cat.

The way down halves the image and doubles the channels; the way up does the reverse, and joins the
maps of the way down at each level. Note the channels after each ``torch.cat``, and how long the
early outputs stay in memory: they, not the parameters, determine the memory of a U-Net.
"""

import torch
from torch import Tensor, nn

MODEL = "UNet"
EXAMPLE_INPUTS = ("x=1x1x64x64",)


class DoubleConvolution(nn.Sequential):
    """Two 3x3 convolutions, each with normalization and ReLU; keeps height and width.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )


class UNet(nn.Module):
    """An encoder and a decoder that label every pixel; sides must be multiples of four.

    Args:
        classes: Number of classes of a pixel.
    """

    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.down1 = DoubleConvolution(1, 16)
        self.down2 = DoubleConvolution(16, 32)
        self.pool = nn.MaxPool2d(2)
        self.bottleneck = DoubleConvolution(32, 64)
        self.upsample2 = nn.ConvTranspose2d(64, 32, 2, stride=2)
        # Half of its input channels come from below, half from the skip connection.
        self.up2 = DoubleConvolution(64, 32)
        self.upsample1 = nn.ConvTranspose2d(32, 16, 2, stride=2)
        self.up1 = DoubleConvolution(32, 16)
        self.head = nn.Conv2d(16, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Score each pixel for each class."""
        skip1 = self.down1(x)
        skip2 = self.down2(self.pool(skip1))
        x = self.bottleneck(self.pool(skip2))
        x = torch.cat([self.upsample2(x), skip2], dim=1)
        x = self.up2(x)
        x = torch.cat([self.upsample1(x), skip1], dim=1)
        x = self.up1(x)
        x = self.head(x)
        return x
